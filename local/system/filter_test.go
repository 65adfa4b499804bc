package system_test

import (
	"net/http"
	"strings"
	"testing"

	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// A search finds a rare value of a declared key among more chunks than one search
// returns. The template's parameter declares the key.
func TestFilterKeys(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t), Parameters: map[string]string{"FilterKeys": "year,lang"}})
	for id, body := range map[string]string{
		"common": `{"text":"` + strings.Repeat("The vault opens at noon. ", 12_000) + `","metadata":{"lang":"en","year":2026}}`,
		"rare":   `{"text":"Die Kantine hat um elf schon auf.","metadata":{"lang":"de","year":2026,"floor":2}}`,
	} {
		if status := call(t, http.MethodPut, s.URL+"/documents/"+id, body, nil); status != http.StatusOK {
			t.Fatalf("put answered %d", status)
		}
	}
	for _, test := range []struct {
		filter     string
		found      string
		incomplete bool
	}{
		{`{"metadata":{"lang":"de"}}`, "rare", false},
		{`{"metadata":{"lang":"de","year":2.026e3}}`, "rare", false},
		{`{"metadata":{"lang":"de","floor":{"gt":2}}}`, "", false}, // the index gives all of lang
		{`{"metadata":{"lang":"de","year":"2026"}}`, "", false},
		{`{"metadata":{"floor":2}}`, "", true},
		{`{"metadata":{"floor":{"exists":false}}}`, "common", false},
	} {
		var got struct {
			Passages []struct {
				DocumentID string         `json:"document_id"`
				Metadata   map[string]any `json:"metadata"`
			} `json:"passages"`
			Incomplete bool `json:"incomplete"`
		}
		query := `{"query":"when does the vault open?","top_k":1,"filter":` + test.filter + `}`
		status := call(t, http.MethodPost, s.URL+"/retrieve", query, &got)
		found := ""
		for _, p := range got.Passages {
			found += p.DocumentID
			if p.Metadata["year"] != 2026.0 {
				t.Errorf("%s: got metadata %v, want the year as a number", test.filter, p.Metadata)
			}
		}
		if status != http.StatusOK || found != test.found || got.Incomplete != test.incomplete {
			t.Errorf("%s: got %d, %q and incomplete %t, want %q and %t",
				test.filter, status, found, got.Incomplete, test.found, test.incomplete)
		}
	}
}
