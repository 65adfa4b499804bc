package openai

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"ragtime/local/network"
)

// Each variant is what its name says.
func TestVariants(t *testing.T) {
	n, h := start(t)
	transport := n.Transport()
	defer transport.CloseIdleConnections()
	const three = `["one","two","three"]`
	data := func(body string) (out []map[string]json.RawMessage) {
		var answer struct{ Data []map[string]json.RawMessage }
		json.Unmarshal([]byte(body), &answer)
		return answer.Data
	}
	indexes := func(body string) (out string) {
		for _, d := range data(body) {
			out += string(d["index"]) + ";"
		}
		return out
	}
	tests := map[string]struct {
		request string // members beside the model
		status  int
		header  string // of the answer: Name: value
		is      func(body string) bool
	}{
		"index-0-left-out":   {`"input":` + three, 200, "", func(b string) bool { return indexes(b) == ";1;2;" }},
		"no-index":           {`"input":` + three, 200, "", func(b string) bool { return indexes(b) == ";;;" }},
		"numbers":            {`"encoding_format":"base64","input":` + three, 200, "", func(b string) bool { return data(b)[0]["embedding"][0] == '[' }},
		"usage-with-point":   {`"input":"a"`, 200, "", func(b string) bool { return strings.Contains(b, `"prompt_tokens":12.0`) }},
		"usage-as-text":      {`"input":"a"`, 200, "", func(b string) bool { return strings.Contains(b, `"prompt_tokens":"12"`) }},
		"usage-missing":      {`"input":"a"`, 200, "", func(b string) bool { return strings.Contains(b, `"usage":null`) }},
		"refuses-dimensions": {`"input":"a","dimensions":8`, 400, "", func(b string) bool { return strings.Contains(b, "BadRequestError") }},
		"refuses-base64":     {`"input":"a","encoding_format":"base64"`, 400, "", func(b string) bool { return strings.Contains(b, "INVALID_ARGUMENT") }},
		"ten-inputs":         {`"input":["1","2","3","4","5","6","7","8","9","10","11"]`, 400, "", func(b string) bool { return strings.Contains(b, "InvalidParameter") }},
		"unauthorized-text":  {`"input":"a"`, 401, "", func(b string) bool { return strings.HasPrefix(b, `{"error":"`) }},
		"rate-limited-text":  {`"input":"a"`, 429, "", func(b string) bool { return strings.HasPrefix(b, `{"error":"`) }},
		"server-error-text":  {`"input":"a"`, 500, "", func(b string) bool { return strings.HasPrefix(b, `{"error":"`) }},
		"too-large-text":     {`"input":"a"`, 413, "", func(b string) bool { return strings.HasPrefix(b, `{"error":"`) }},
		"billing-not-active": {`"input":"a"`, 429, "", func(b string) bool { return strings.Contains(b, `"code":"billing_not_active"`) }},
		"unauthorized-hangs": {`"input":"a"`, 401, "", nil},
		"rate-limited-hangs": {`"input":"a"`, 429, "Retry-After: 20", nil},
		"server-error-hangs": {`"input":"a"`, 500, "", nil},
		"unavailable-long":   {`"input":"a"`, 503, "Retry-After: 30", func(b string) bool { return true }},
		"moved":              {`"input":"a"`, 307, "Location: https://elsewhere.test/v1/embeddings", func(b string) bool { return true }},
		"huge-numbers":       {`"input":"a"`, 200, "", func(b string) bool { return len(b) > 64<<20 && json.Valid([]byte(b)) }},
		"gzip-bomb":          {`"input":"a"`, 200, "", func(b string) bool { return len(b) > 64<<20 && json.Valid([]byte(b)) }},
	}
	for _, k := range variants() {
		tt, ok := tests[k.Name]
		if !ok {
			t.Errorf("%s has no case", k.Name)
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			if err := h.Set(network.Fault{Name: k.Name}); err != nil {
				t.Fatal(err)
			}
			resp := post(t, transport, h.URL()+"/v1/embeddings", `{"model":"text-embedding-3-small",`+tt.request+`}`)
			defer resp.Body.Close()
			name, value, _ := strings.Cut(tt.header, ": ")
			if resp.StatusCode != tt.status || tt.header != "" && resp.Header.Get(name) != value {
				t.Errorf("answered %d %v, want %d with %s", resp.StatusCode, resp.Header, tt.status, tt.header)
			}
			if tt.is == nil { // the body does not end
				begin := make([]byte, 8)
				if _, err := io.ReadFull(resp.Body, begin); err != nil || string(begin) != `{"error"` {
					t.Errorf("the body begins with %q, %v", begin, err)
				}
				return
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || !tt.is(string(body)) {
				t.Errorf("answered %.300s, %v", body, err)
			}
		})
	}
	// What a variant does not refuse is served.
	if err := h.Set(network.Fault{Name: "ten-inputs"}); err != nil {
		t.Fatal(err)
	}
	resp := post(t, transport, h.URL()+"/v1/embeddings", `{"model":"text-embedding-3-small","input":`+three+`}`)
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || indexes(string(body)) != "0;1;2;" {
		t.Errorf("three inputs: answered %d %.300s", resp.StatusCode, body)
	}
	if all := Faults(); !slices.ContainsFunc(all, func(k network.Kind) bool { return k.Name == "no-index" }) {
		t.Error("the variants are not among the faults")
	}
}
