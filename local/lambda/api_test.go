package lambda

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestInvokeAPI(t *testing.T) {
	s := start(t, Function{Alias: "FFunction", Concurrency: 1}, Options{})
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
		{name: "by name", function: "f", body: echo, status: 200, want: `"hello"`},
		{
			name:     "by ARN",
			function: "arn:aws:lambda:us-east-1:123456789012:function:f",
			kind:     "RequestResponse",
			body:     echo,
			status:   200,
			want:     `"hello"`,
		},
		{
			name:     "by partial ARN and version",
			function: "123456789012:function:f:$LATEST",
			body:     echo,
			status:   200,
			want:     `"hello"`,
		},
		{name: "by alias", function: "FFunction", body: echo, status: 200, want: `"hello"`},
		{
			name:     "latest version",
			function: "f/invocations?Qualifier=$LATEST&x=",
			body:     echo,
			status:   200,
			want:     `"hello"`,
		},
		{
			name:      "unknown version",
			function:  "f/invocations?Qualifier=7&x=",
			body:      echo,
			status:    404,
			errorType: "ResourceNotFoundException",
			want:      `{`,
		},
		{
			name:          "function error",
			function:      "f",
			body:          `{"do":"error","text":"no luck"}`,
			status:        200,
			functionError: "Unhandled",
			want:          `{"errorMessage":"no luck","errorType":"errorString"`,
		},
		{name: "unknown", function: "g", body: echo, status: 404, errorType: "ResourceNotFoundException", want: `{`},
		{
			name:      "too large",
			function:  "f",
			body:      strings.Repeat("x", maxRequest+1),
			status:    413,
			errorType: "RequestTooLargeException",
			want:      `{`,
		},
		{
			name:      "no JSON",
			function:  "f",
			body:      "x",
			status:    400,
			errorType: "InvalidRequestContentException",
			want:      `{`,
		},
		{name: "dry run", function: "f", kind: "DryRun", body: echo, status: 204},
		{
			name:      "dry run of unknown",
			function:  "g",
			kind:      "DryRun",
			body:      echo,
			status:    404,
			errorType: "ResourceNotFoundException",
			want:      `{`,
		},
		{
			name:      "event, no JSON",
			function:  "f",
			kind:      "Event",
			body:      "x",
			status:    400,
			errorType: "InvalidRequestContentException",
			want:      `{`,
		},
		{
			name:      "event of unknown",
			function:  "g",
			kind:      "Event",
			body:      echo,
			status:    404,
			errorType: "ResourceNotFoundException",
			want:      `{`,
		},
		{
			name:      "unknown type",
			function:  "f",
			kind:      "Later",
			body:      echo,
			status:    400,
			errorType: "InvalidParameterValueException",
			want:      `{`,
		},
	}
	post := func(t *testing.T, function, kind, body string) (*http.Response, string) {
		t.Helper()
		path := function
		if !strings.Contains(path, "?") {
			path += "/invocations"
		}
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/2015-03-31/functions/"+path, strings.NewReader(body))
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
		done := invokeAsync(t.Context(), s, g.event())
		conn := g.waitForHold()
		resp, body := post(t, "f", "", echo)
		if got := resp.Header.Get("X-Amzn-ErrorType"); resp.StatusCode != 429 || got != "TooManyRequestsException" {
			t.Errorf("got %d %s %s, want 429 TooManyRequestsException", resp.StatusCode, got, body)
		}
		conn.Close()
		<-done
	})
	t.Run("event", func(t *testing.T) {
		g := newGate(t)
		event, err := json.Marshal(g.event())
		if err != nil {
			t.Fatal(err)
		}
		resp, body := post(t, "f", "Event", string(event))
		if resp.StatusCode != 202 || body != "" {
			t.Errorf("got %d %q, want 202 before the function has answered", resp.StatusCode, body)
		}
		g.waitForHold().Close() // it runs
	})
}

// With X-Amz-Log-Type: Tail the answer has the end of that invocation's log, and no other's.
func TestInvokeTail(t *testing.T) {
	s := start(t, Function{}, Options{})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	for _, kind := range []string{"Tail", "None"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/2015-03-31/functions/f/invocations", strings.NewReader(`{"do":"echo","text":"hello"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Log-Type", kind)
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		log, err := base64.StdEncoding.DecodeString(resp.Header.Get("X-Amz-Log-Result"))
		id := resp.Header.Get("X-Amzn-RequestId")
		if kind == "None" && len(log) > 0 {
			t.Errorf("got %q without having asked", log)
		}
		if kind == "Tail" && (err != nil || !strings.HasPrefix(string(log), "START RequestId: "+id) || !strings.Contains(string(log), "\nREPORT RequestId: "+id)) {
			t.Errorf("got log %q, want it from START to REPORT of %s", log, id)
		}
	}
	var end tailBuffer
	for range 100 {
		end.add(strings.Repeat("é", 100))
	}
	end.add("last")
	if len(end.text) > maxTail || len(end.text) < maxTail-10 || !strings.HasSuffix(end.text, "last\n") || !utf8.ValidString(end.text) {
		t.Errorf("got %d bytes, want the last %d", len(end.text), maxTail)
	}
}
