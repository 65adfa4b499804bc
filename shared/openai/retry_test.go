package openai_test

import (
	"net/http"
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
		{"401", say(401, `{"error":{"code":"invalid_api_key"}}`), fault.Upstream, "the API key was refused (401)", 1},
		{"403", say(403, `{"error":{}}`), fault.Upstream, "the API key was refused (403)", 1},
		{"400", say(400, `{"error":{"message":"too long"}}`), fault.Upstream, "answered 400", 1},
		{"404", say(404, `not found`), fault.Upstream, "answered 404", 1},
		{"no model", say(404, `{"error":{"code":"model_not_found"}}`), fault.Upstream, "check RAGTIME_EMBEDDING_MODEL", 1},
		{"quota", say(429, quota), fault.QuotaExhausted, "quota is exhausted", 1},
		{"quota, asked to wait", say(429, quota, "Retry-After", "0.01"), fault.QuotaExhausted, "quota is exhausted", 1},
		{"500", say(500, `{"error":{"message":"m"}}`), fault.Unavailable, "answered 500", 4},
		{"502 as HTML", say(502, `<html>bad gateway</html>`), fault.Unavailable, "answered 502", 4},
		{"503", say(503, ``), fault.Unavailable, "answered 503", 4},
		{"408", say(408, ``), fault.Unavailable, "answered 408", 4},
		{"429 always", say(429, `{}`, "Retry-After-Ms", "1"), fault.RateLimited, "rate limit", 4},
		{"hung up", func(http.ResponseWriter, int, request) { panic(http.ErrAbortHandler) }, fault.Unavailable, "the connection broke", 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, e := serve(t, model, tt.answer)
			_, _, err := embed(t, time.Minute, e, "a")
			f := check(t, err, tt.kind, tt.detail)
			if n := len(s.requests()); n != tt.requests || len(f.Attempts) != tt.requests {
				t.Errorf("got %d requests and %d attempts told, want %d", n, len(f.Attempts), tt.requests)
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
		{"500", say(500, ``)},
		{"429", say(429, ``)},
		{"429 seconds", say(429, ``, "Retry-After", "0.02")},
		{"429 milliseconds", say(429, ``, "Retry-After-Ms", "20", "Retry-After", "3600")},
		{"429 date passed", say(429, ``, "Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT")},
		{"429 nonsense", say(429, ``, "Retry-After", "soon")},
		{"429 negative", say(429, ``, "Retry-After", "-5")},
		{"429 not a number", say(429, ``, "Retry-After", "NaN")},
		{"hung up", func(http.ResponseWriter, int, request) { panic(http.ErrAbortHandler) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, e := serve(t, model, then(tt.first, good))
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

// Being asked to wait for longer than there is time fails at once, with what
// the server said.
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
			s, e := serve(t, model, say(429, `{}`, tt.header, tt.value))
			_, _, err := embed(t, time.Minute, e, "a")
			f := check(t, err, fault.RateLimited, "rate limit")
			if f.RetryAfter < tt.least || f.RetryAfter > tt.most {
				t.Errorf("got RetryAfter %v, want %v to %v", f.RetryAfter, tt.least, tt.most)
			}
			if n := len(s.requests()); n != 1 {
				t.Errorf("got %d requests, want 1", n)
			}
		})
	}
}

// A server that goes silent, before its answer or inside it, holds a call no
// longer than the context.
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
			f := check(t, err, fault.Timeout, "step embed did not finish")
			if f.Phase != tt.phase {
				t.Errorf("got phase %q, want %q", f.Phase, tt.phase)
			}
		})
	}
}
