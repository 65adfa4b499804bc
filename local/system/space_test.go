package system_test

import (
	"net/http"
	"strings"
	"testing"

	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// A data folder has vectors of one space. Another provider is refused with both
// names, for puts and for questions; documents can still be seen and taken out.
func TestOneSpaceADataFolder(t *testing.T) {
	root, data := systemtest.Build(t), t.TempDir()
	start := func(provider string) *system.System {
		s, err := system.Start(system.Options{Root: root, Data: data, Provider: provider})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := start("")
	if status := put(t, first.URL, "doc", "The vault opens at noon."); status != 200 {
		t.Errorf("put answered %d", status)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := start("gemini")
	defer second.Close()
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"PUT", "/documents/other", `{"text":"The cellar opens at one."}`, http.StatusConflict},
		{"POST", "/retrieve", `{"query":"when does the vault open?"}`, http.StatusConflict},
		{"GET", "/documents/doc", "", http.StatusOK},
		{"DELETE", "/documents/other", "", http.StatusNoContent},
	} {
		var answer struct{ Detail string }
		out := any(&answer)
		if tt.status == http.StatusNoContent {
			out = nil
		}
		if status := call(t, tt.method, second.URL+tt.path, tt.body, out); status != tt.status {
			t.Errorf("%s %s answered %d %s, want %d", tt.method, tt.path, status, answer.Detail, tt.status)
		}
		if tt.status == http.StatusConflict && !(strings.Contains(answer.Detail, "/text-embedding-3-small/1536, and this function embeds as gemini/text-embedding-3-small/1536") &&
			strings.Contains(answer.Detail, "a new data folder")) {
			t.Errorf("%s %s says %q, want both spaces and the way out", tt.method, tt.path, answer.Detail)
		}
	}
}
