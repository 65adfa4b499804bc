package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ragtime/shared/apigw"
	"ragtime/shared/apigw/apigwtest"
	"ragtime/shared/config"
	"ragtime/shared/diagnose"
	"ragtime/shared/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// send handles a POST /diagnose, and returns the reply and the log's lines by message.
func send(t *testing.T, services []diagnose.Service, body string) (apigw.Reply, map[string][]map[string]any) {
	t.Helper()
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	e := apigwtest.Event{
		HTTPMethod: "POST",
		Resource:   "/diagnose",
		Body:       body,
		Headers:    map[string]string{"Content-Type": "application/json", "Prefer": "wait=1"},
	}
	e.RequestContext.Identity.AccountID = apigwtest.Account
	o := diagnose.Options{Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
	reply := apigwtest.Send(t, t.Context(), newHandler(services, o, config.Tenancy{}, nil), e)
	lines := map[string][]map[string]any{}
	for d := json.NewDecoder(&log); d.More(); {
		var l map[string]any
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		m := l["msg"].(string)
		lines[m] = append(lines[m], l)
	}
	if len(lines["operation started"]) != 1 || len(lines["operation finished"]) != 1 {
		t.Errorf("the log has not one start and one finish: %v", lines)
	}
	return reply, lines
}

func serviceAt(name string, step fault.Step, address net.Addr) diagnose.Service {
	return diagnose.Service{Name: name, Step: step, URL: &url.URL{Scheme: "http", Host: address.String(), Path: "/"}}
}

func TestDiagnose(t *testing.T) {
	good := httptest.NewServer(http.NotFoundHandler())
	defer good.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts; nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	start := time.Now()
	reply, log := send(t, []diagnose.Service{serviceAt("dynamodb", fault.StepRead, good.Listener.Addr()), serviceAt("openai", fault.StepEmbed, silent.Addr())}, "")
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v, want about the second that was wished for", took)
	}
	var out answer
	if err := json.Unmarshal([]byte(reply.Body), &out); err != nil {
		t.Fatal(err)
	}
	if reply.StatusCode != 200 ||
		out.OK ||
		out.OperationID != "op-1" ||
		len(out.Targets) != 2 ||
		reply.Headers["Preference-Applied"] != "wait=1" {
		t.Fatalf("got %d %s %v, want 200 and two targets, not all ok", reply.StatusCode, reply.Body, reply.Headers)
	}
	if d := out.Targets[0]; d.Name != "openai" ||
		d.OK ||
		d.Phase != fault.PhaseWait ||
		d.Address != silent.Addr().String() {
		t.Errorf("got first %+v, want openai hang in wait", d)
	}
	if d := out.Targets[1]; d.Name != "dynamodb" || !d.OK {
		t.Errorf("got second %+v, want dynamodb reached", d)
	}
	if l := log["target not reached"]; len(l) != 1 ||
		l[0]["target"] != "openai" ||
		l[0]["phase"] != "wait" ||
		l[0]["detail"] != out.Targets[0].Error ||
		l[0]["operation_id"] != "op-1" {
		t.Errorf("got log lines %v, want one that tells what the answer tells", l)
	}
	finish := log["operation finished"][0]
	if step, _ := finish["step_embed"].(map[string]any); finish["outcome"] != "ok" || step["outcome"] != "timeout" {
		t.Errorf("got finish line %v, want outcome ok, of step embed timeout", finish)
	}
}

func TestRequest(t *testing.T) {
	good := httptest.NewServer(http.NotFoundHandler())
	defer good.Close()
	services := []diagnose.Service{serviceAt("openai", fault.StepEmbed, good.Listener.Addr())}
	for body, status := range map[string]int{"": 200, "{}": 200, `{"targets":["openai"]}`: 400, "[]": 400} {
		reply, _ := send(t, services, body)
		if reply.StatusCode != status {
			t.Errorf("%q: got %d %s, want %d", body, reply.StatusCode, reply.Body, status)
		}
		if status == 200 &&
			!strings.Contains(reply.Body, `{"ok":true,"targets":[{"name":"openai","step":"embed","host":"`) {
			t.Errorf("%q: got %s, want one target, ok", body, reply.Body)
		}
	}
}

// The handler has no route but its own.
func TestRoute(t *testing.T) {
	reply := apigwtest.Send(t, t.Context(), newHandler(nil, diagnose.Options{}, config.Tenancy{}, nil), apigwtest.Event{HTTPMethod: "GET", Resource: "/diagnose"})
	if reply.StatusCode != 404 {
		t.Errorf("GET got %d, want 404", reply.StatusCode)
	}
}

var calls = []apigwtest.Call{{Method: "POST", Resource: "/diagnose"}}

func handlerOf(from config.Tenancy) apigw.Func {
	return newHandler(nil, diagnose.Options{}, from, nil)
}

func noTenants() []string { return nil } // diagnose asks for no documents

func TestForgedEvents(t *testing.T) { apigwtest.Forged(t, calls, handlerOf, noTenants) }

func TestAnyEvent(t *testing.T) { apigwtest.AnyEvent(t, calls, handlerOf, noTenants) }
