package openai_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ragtime/shared/fault"
)

func TestRefusals(t *testing.T) {
	quota := `{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}`
	tests := []struct {
		name     string
		answer   func(http.ResponseWriter, int, request)
		kind     fault.Kind
		detail   string
		requests int
	}{
		{"401", respond(401, `{"error":{"code":"invalid_api_key"}}`), fault.Upstream, "the API key was refused (401)", 1},
		{"403", respond(403, `{"error":{}}`), fault.Upstream, "the API key was refused (403)", 1},
		{"400", respond(400, `{"error":{"message":"too long"}}`), fault.Upstream, "answered 400", 1},
		{"400 of a parameter", respond(400, `{"error":{"message":"HUSH","param":"dimensions","code":"unsupported_parameter"}}`), fault.Upstream, "answered 400 (parameter dimensions, code unsupported_parameter): check that RAGTIME_PROVIDER", 1},
		{"400 as Gemini words it", respond(400, `[{"error":{"code":400,"message":"HUSH","status":"INVALID_ARGUMENT"}}]`), fault.Upstream, "answered 400 (type INVALID_ARGUMENT)", 1},
		{"400 as vLLM words it", respond(400, `{"object":"error","message":"HUSH","type":"BadRequestError","param":null,"code":400}`), fault.Upstream, "answered 400 (type BadRequestError)", 1},
		{"400 with sentences for names", respond(400, `{"error":{"param":"HUSH text","code":"HUSH\n","type":{"HUSH":1}}}`), fault.Upstream, "answered 400: check", 1},
		{"404", respond(404, `not found`), fault.Upstream, "answered 404: no such model or path", 1},
		{"404 as text", respond(404, `{"error":"model HUSH not found"}`), fault.Upstream, "answered 404: no such model or path", 1},
		{"413 as text", respond(413, `{"error":"HUSH"}`), fault.Upstream, "answered 413: the request is too large for it", 1},
		{"401 as text", respond(401, `{"error":"HUSH"}`), fault.Upstream, "the API key was refused (401)", 1},
		{"429 as text", respond(429, `{"error":"HUSH"}`, "Retry-After-Ms", "1"), fault.RateLimited, "rate limit", 4},
		{"500 as text", respond(500, `{"error":"HUSH"}`), fault.Unavailable, "answered 500", 4},
		{"500 with a broken body", respond(500, `{"error":`), fault.Unavailable, "answered 500", 4},
		{"an inactive account", respond(429, `{"error":{"type":"billing_not_active","code":"billing_not_active"}}`), fault.QuotaExhausted, "not active", 1},
		{"an account at its limit", respond(400, `{"error":{"type":"invalid_request_error","code":"billing_hard_limit_reached"}}`), fault.QuotaExhausted, "quota is exhausted", 1},
		{"402", respond(402, `{"error":{"message":"HUSH"}}`), fault.QuotaExhausted, "quota is exhausted", 1},
		{"no model", respond(404, `{"error":{"code":"model_not_found"}}`), fault.Upstream, "check RAGTIME_EMBEDDING_MODEL", 1},
		{"quota", respond(429, quota), fault.QuotaExhausted, "quota is exhausted", 1},
		{"quota, asked to wait", respond(429, quota, "Retry-After", "0.01"), fault.QuotaExhausted, "quota is exhausted", 1},
		{"500", respond(500, `{"error":{"message":"m"}}`), fault.Unavailable, "answered 500", 4},
		{"502 as HTML", respond(502, `<html>bad gateway</html>`), fault.Unavailable, "answered 502", 4},
		{"503", respond(503, ``), fault.Unavailable, "answered 503", 4},
		{"408", respond(408, ``), fault.Unavailable, "answered 408", 4},
		{"429 always", respond(429, `{}`, "Retry-After-Ms", "1"), fault.RateLimited, "rate limit", 4},
		{"hung up", func(http.ResponseWriter, int, request) { panic(http.ErrAbortHandler) }, fault.Unavailable, "the connection broke", 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, e := serve(t, model, tt.answer)
			_, _, err := embed(t, time.Minute, e, "a")
			f := wantFault(t, err, tt.kind, tt.detail)
			if n := len(s.requests()); n != tt.requests || len(f.Attempts) != tt.requests {
				t.Errorf("got %d requests and %d attempts told, want %d", n, len(f.Attempts), tt.requests)
			}
			if strings.Contains(f.Error(), "HUSH") {
				t.Errorf("%v repeats what the API wrote", f)
			}
			if f.Step != fault.StepEmbed {
				t.Errorf("got step %q, want embed", f.Step)
			}
		})
	}
}

func TestOneFailureIsSurvived(t *testing.T) {
	tests := []struct {
		name  string
		first func(http.ResponseWriter, int, request)
	}{
		{"500", respond(500, ``)},
		{"429", respond(429, ``)},
		{"429 seconds", respond(429, ``, "Retry-After", "0.02")},
		{"429 milliseconds", respond(429, ``, "Retry-After-Ms", "20", "Retry-After", "3600")},
		{"429 date passed", respond(429, ``, "Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT")},
		{"429 nonsense", respond(429, ``, "Retry-After", "soon")},
		{"429 negative", respond(429, ``, "Retry-After", "-5")},
		{"429 not a number", respond(429, ``, "Retry-After", "NaN")},
		{"hung up", func(http.ResponseWriter, int, request) { panic(http.ErrAbortHandler) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, e := serve(t, model, firstThen(tt.first, answerWell))
			got, _, err := embed(t, time.Minute, e, "four")
			if err != nil {
				t.Fatal(err)
			}
			if got[0][0] != 4 {
				t.Errorf("got vector %v of another text", got[0])
			}
			if n := len(s.requests()); n != 2 {
				t.Errorf("got %d requests, want 2", n)
			}
		})
	}
}

// If the server asks to wait for longer than the time left, the call fails at once, with
// that Retry-After.
func TestLongRetryAfterFailsAtOnce(t *testing.T) {
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	tests := []struct {
		name, header, value string
		least, most         time.Duration
	}{
		{"seconds", "Retry-After", "120", 2 * time.Minute, 2 * time.Minute},
		{"milliseconds", "Retry-After-Ms", "90000", 90 * time.Second, 90 * time.Second},
		{"date", "Retry-After", date, 50 * time.Minute, time.Hour},
		{"overflow", "Retry-After", "1e300", 24 * time.Hour, 24 * time.Hour},
		{"infinite", "Retry-After-Ms", "Inf", 24 * time.Hour, 24 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, e := serve(t, model, respond(429, `{}`, tt.header, tt.value))
			_, _, err := embed(t, time.Minute, e, "a")
			f := wantFault(t, err, fault.RateLimited, "rate limit")
			if f.RetryAfter < tt.least || f.RetryAfter > tt.most {
				t.Errorf("got RetryAfter %v, want %v to %v", f.RetryAfter, tt.least, tt.most)
			}
			if n := len(s.requests()); n != 1 {
				t.Errorf("got %d requests, want 1", n)
			}
		})
	}
}

// If a server hangs before or in its answer, the call ends with the context.
func TestSilenceEndsWithTheContext(t *testing.T) {
	tests := []struct {
		name  string
		begin bool
		phase fault.Phase
	}{
		{"no answer", false, fault.PhaseWait},
		{"half a body", true, fault.PhaseReceive},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			over := make(chan struct{})
			_, e := serve(t, model, func(w http.ResponseWriter, _ int, _ request) {
				if tt.begin {
					w.Write([]byte(`{"data":[`))
					w.(http.Flusher).Flush()
				}
				<-over
			})
			_, _, err := embed(t, 400*time.Millisecond, e, "a")
			close(over)
			f := wantFault(t, err, fault.Timeout, "step embed did not finish")
			if f.Phase != tt.phase {
				t.Errorf("got phase %q, want %q", f.Phase, tt.phase)
			}
		})
	}
}

// A refusal whose body hangs is classified by its status, at once.
func TestRefusalWhoseBodyHangs(t *testing.T) {
	tests := []struct {
		status   int
		header   []string
		kind     fault.Kind
		detail   string
		wait     time.Duration
		requests int
	}{
		{401, nil, fault.Upstream, "the API key was refused", 0, 1},
		{429, []string{"Retry-After", "20"}, fault.RateLimited, "rate limit", 20 * time.Second, 1},
		{500, nil, fault.Unavailable, "answered 500", 0, 4},
		{503, []string{"Retry-After", "30"}, fault.Unavailable, "answered 503", 30 * time.Second, 1},
	}
	for _, tt := range tests {
		t.Run(http.StatusText(tt.status), func(t *testing.T) {
			t.Parallel()
			over := make(chan struct{})
			s, e := serve(t, model, func(w http.ResponseWriter, n int, r request) {
				respond(tt.status, `{"error":{"mess`, tt.header...)(w, n, r)
				w.(http.Flusher).Flush()
				<-over
			})
			_, _, err := embed(t, 10*time.Second, e, "a")
			close(over)
			f := wantFault(t, err, tt.kind, tt.detail)
			if f.RetryAfter != tt.wait || len(s.requests()) != tt.requests {
				t.Errorf("got RetryAfter %v after %d requests, want %v after %d", f.RetryAfter, len(s.requests()), tt.wait, tt.requests)
			}
		})
	}
}

// So it is where little time is left.
func TestRefusalWhoseBodyHangsAtTheEnd(t *testing.T) {
	over := make(chan struct{})
	_, e := serve(t, model, func(w http.ResponseWriter, n int, r request) {
		respond(401, `{`)(w, n, r)
		w.(http.Flusher).Flush()
		<-over
	})
	_, _, err := embed(t, 400*time.Millisecond, e, "a")
	close(over)
	wantFault(t, err, fault.Upstream, "the API key was refused")
}
