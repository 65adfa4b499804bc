package lambda

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestInvokeAPI(t *testing.T) {
	s := start(t, Function{Concurrency: 1}, Options{})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	const echo = `{"do":"echo","text":"hello"}`
	tests := []struct {
		name, function string
		kind           string // of invocation
		body           string
		status         int
		errorType      string // X-Amzn-ErrorType
		functionError  string // X-Amz-Function-Error
		want           string // the body's start
	}{
		{"by name", "f", "", echo, 200, "", "", `"hello"`},
		{"by ARN", "arn:aws:lambda:us-east-1:123456789012:function:f", "RequestResponse", echo, 200, "", "", `"hello"`},
		{"by partial ARN and version", "123456789012:function:f:$LATEST", "", echo, 200, "", "", `"hello"`},
		{"function error", "f", "", `{"do":"error","text":"no luck"}`, 200, "", "Unhandled", `{"errorMessage":"no luck","errorType":"errorString"`},
		{"unknown", "g", "", echo, 404, "ResourceNotFoundException", "", `{`},
		{"too large", "f", "", strings.Repeat("x", maxRequest+1), 413, "RequestTooLargeException", "", `{`},
		{"no JSON", "f", "", "x", 400, "InvalidRequestContentException", "", `{`},
		{"dry run", "f", "DryRun", echo, 204, "", "", ""},
		{"dry run of unknown", "g", "DryRun", echo, 404, "ResourceNotFoundException", "", `{`},
		{"event", "f", "Event", echo, 400, "InvalidParameterValueException", "", `{`},
	}
	post := func(t *testing.T, function, kind, body string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/2015-03-31/functions/"+function+"/invocations", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Invocation-Type", kind)
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(b)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := post(t, tt.function, tt.kind, tt.body)
			if resp.StatusCode != tt.status || !strings.HasPrefix(body, tt.want) {
				t.Errorf("got %d %s, want %d %s", resp.StatusCode, body, tt.status, tt.want)
			}
			if got := resp.Header.Get("X-Amzn-ErrorType"); got != tt.errorType {
				t.Errorf("X-Amzn-ErrorType %q, want %q", got, tt.errorType)
			}
			if got := resp.Header.Get("X-Amz-Function-Error"); got != tt.functionError {
				t.Errorf("X-Amz-Function-Error %q, want %q", got, tt.functionError)
			}
			if resp.Header.Get("X-Amzn-RequestId") == "" {
				t.Error("no X-Amzn-RequestId")
			}
		})
	}
	t.Run("throttled", func(t *testing.T) {
		g := newGate(t)
		done := invoking(t.Context(), s, g.event())
		conn := g.entered()
		resp, body := post(t, "f", "", echo)
		if got := resp.Header.Get("X-Amzn-ErrorType"); resp.StatusCode != 429 || got != "TooManyRequestsException" {
			t.Errorf("got %d %s %s, want 429 TooManyRequestsException", resp.StatusCode, got, body)
		}
		conn.Close()
		<-done
	})
}
