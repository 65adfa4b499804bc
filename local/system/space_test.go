package system_test

import (
	"net/http"
	"strings"
	"testing"

	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// A data folder has vectors of one space. With another provider, puts and retrievals are
// refused with the names of both spaces. Documents can still be read and deleted.
func TestOneSpaceADataFolder(t *testing.T) {
	root := systemtest.Build(t)
	data := t.TempDir()
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
		const spaces = "/text-embedding-3-small/1536, and this function embeds as gemini/text-embedding-3-small/1536"
		named := strings.Contains(answer.Detail, spaces) && strings.Contains(answer.Detail, "a new data folder")
		if tt.status == http.StatusConflict && !named {
			t.Errorf("%s %s says %q, want both spaces and the way out", tt.method, tt.path, answer.Detail)
		}
	}
}
