package network_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"ragtime/local/network"
)

func TestControl(t *testing.T) {
	n, h := serve(t, false)
	call := func(method, path, body string, status int, out any) {
		t.Helper()
		w := httptest.NewRecorder()
		n.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		if w.Code != status {
			t.Fatalf("%s %s %s answered %d, want %d: %s", method, path, body, w.Code, status, w.Body)
		}
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			t.Fatal(err)
		}
	}
	type state struct {
		URL    string
		On     []network.Fault
		Faults []struct{ Fault, Phase, Meaning string }
	}
	var one state
	call("PUT", "/echo", `{"fault":"slow","min_ms":1,"max_ms":2}`, 200, &one)
	if want := (network.Fault{Name: "slow", MinMS: 1, MaxMS: 2}); len(one.On) != 1 || one.On[0] != want {
		t.Errorf("on is %v, want %v", one.On, want)
	}
	call("PUT", "/echo", `[{"fault":"html","times":3},{"fault":"reset","share":0.5}]`, 200, &one)
	if want := []network.Fault{{Name: "html", Times: 3}, {Name: "reset", Share: 0.5}}; !slices.Equal(h.Faults(), want) {
		t.Errorf("on is %v, want %v", h.Faults(), want)
	}
	var all struct{ Services map[string]state }
	call("GET", "/", "", 200, &all)
	echo := all.Services["echo"]
	if echo.URL != h.URL() || len(echo.On) != 2 || len(echo.Faults) != len(h.Kinds()) || echo.Faults[0].Meaning == "" || echo.Faults[0].Phase != "dns" {
		t.Errorf("services are %+v", all)
	}
	var problem struct{ Error string }
	for body, want := range map[string]string{
		`{"fault":"nonsense"}`:      "wait-silent",
		`{"fault":"html","time":1}`: `"time"`,
		`{} {}`:                     "more",
		``:                          "want a fault",
		`"html"`:                    "want a fault",
	} {
		call("PUT", "/echo", body, 400, &problem)
		if !strings.Contains(problem.Error, want) {
			t.Errorf("%s: error %q lacks %s", body, problem.Error, want)
		}
	}
	call("PUT", "/nobody", `{"fault":"html"}`, 404, &problem)
	if !strings.Contains(problem.Error, "echo") {
		t.Errorf("error %q does not say which services there are", problem.Error)
	}
	call("POST", "/echo", `{"fault":"html"}`, 405, &problem)
	call("PUT", "/", `{"fault":"html"}`, 405, &problem)
	call("DELETE", "/echo", "", 200, &one)
	if on := h.Faults(); len(on) != 0 {
		t.Errorf("after DELETE %v is on", on)
	}
}
