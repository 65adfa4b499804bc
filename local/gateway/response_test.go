package gateway

import (
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestReply(t *testing.T) {
	type written struct {
		status int
		header map[string][]string
		body   string
	}
	asJSON := func(more map[string][]string) map[string][]string {
		header := map[string][]string{"Content-Type": {"application/json"}}
		for name, values := range more {
			header[name] = values
		}
		return header
	}
	for _, tt := range []struct {
		name, payload string
		binary        bool
		want          written
	}{
		{"nothing at all", `{}`, false, written{200, asJSON(nil), ""}},
		{"nulls", `{"statusCode":201,"headers":null,"multiValueHeaders":null,"body":null}`, false, written{201, asJSON(nil), ""}},
		{"status in quotes", `{"statusCode":"404","body":"x"}`, false, written{404, asJSON(nil), "x"}},
		{"content type", `{"headers":{"content-type":"text/plain"},"body":"é"}`, false,
			written{200, map[string][]string{"content-type": {"text/plain"}}, "é"}},
		{"merged, case apart", `{"headers":{"x-a":"1","X-B":true},"multiValueHeaders":{"X-A":["1","2"],"x-b":["false"]}}`, false,
			written{200, asJSON(map[string][]string{"X-A": {"1", "2"}, "x-b": {"false", "true"}}), ""}},
		{"remapped and dropped", `{"headers":{"date":"d","Server":"s","WWW-Authenticate":"Basic","Connection":"close","Transfer-Encoding":"chunked","X-Amzn-Trace-Id":"t"}}`, false,
			written{200, asJSON(map[string][]string{"x-amzn-Remapped-date": {"d"}, "x-amzn-Remapped-Server": {"s"},
				"x-amzn-Remapped-WWW-Authenticate": {"Basic"}, "x-amzn-Remapped-Connection": {"close"}, "x-amzn-Remapped-X-Amzn-Trace-Id": {"t"}}), ""}},
		{"base64 for a binary client", `{"body":"Yf9i","isBase64Encoded":true}`, true, written{200, asJSON(nil), "a\xffb"}},
		{"base64 for others stays", `{"body":"Yf9i","isBase64Encoded":true}`, false, written{200, asJSON(nil), "Yf9i"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reply, err := parseReply([]byte(tt.payload), tt.binary)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			reply.write(w)
			got := written{w.Code, w.Header(), w.Body.String()}
			if diff := cmp.Diff(got, tt.want, cmp.AllowUnexported(written{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("response (-got +want):\n%s", diff)
			}
		})
	}
}

func TestReplyMalformed(t *testing.T) {
	for _, payload := range []string{
		``, `null`, `"text"`, `[]`, `{} {}`, `{"statusCode":200,"cookies":[]}`, `{"errorMessage":"boom","errorType":"E"}`,
		`{"statusCode":"ok"}`, `{"statusCode":101}`, `{"statusCode":600}`, `{"body":{"a":1}}`, `{"headers":{"X":1}}`,
		`{"multiValueHeaders":{"X":"1"}}`, `{"body":"%","isBase64Encoded":true}`,
	} {
		if reply, err := parseReply([]byte(payload), true); err == nil {
			t.Errorf("%s: got %+v, want an error", payload, reply)
		}
	}
}
