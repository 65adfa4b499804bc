package secret_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/secret"
	"ragtime/shared/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const arn = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:openai-AbCdEf"

// serve makes a Key over a Secrets Manager whose n-th answer is answer's.
func serve(t *testing.T, answer func(n int, w http.ResponseWriter)) (*secret.Key, *atomic.Int32) {
	var requests atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" || !strings.Contains(string(body), arn) {
			t.Errorf("got request %q %s, want GetSecretValue of the ARN", r.Header.Get("X-Amz-Target"), body)
		}
		answer(int(requests.Add(1)), w)
	}))
	transport := wire.New(wire.Options{})
	t.Cleanup(func() { transport.CloseIdleConnections(); s.Close() })
	return secret.New(aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: &s.URL,
		HTTPClient:   &http.Client{Transport: transport},
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	}, arn), &requests
}

func say(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func get(t *testing.T, k *secret.Key, d time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	ctx, _ = evidence.With(ctx)
	return k.Get(ctx)
}

// Callers who need the key at the same time share one fetch. Later ones get its value.
func TestFetchedOnce(t *testing.T) {
	k, requests := serve(t, func(_ int, w http.ResponseWriter) { say(w, 200, `{"SecretString":" sk-1\n"}`) })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := get(t, k, time.Minute); got != "sk-1" || err != nil {
				t.Errorf("got %q, %v; want sk-1", got, err)
			}
		})
	}
	all.Wait()
	if got, err := get(t, k, time.Minute); got != "sk-1" || err != nil {
		t.Errorf("got %q, %v; want sk-1", got, err)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("got %d requests, want 1", n)
	}
}

// An invalidated key is fetched again, unless another one was fetched before.
func TestRefused(t *testing.T) {
	k, requests := serve(t, func(n int, w http.ResponseWriter) { say(w, 200, fmt.Sprintf(`{"SecretString":"sk-%d"}`, n)) })
	for _, step := range []struct {
		refused, want string
	}{{"", "sk-1"}, {"sk-0", "sk-1"}, {"sk-1", "sk-2"}, {"sk-1", "sk-2"}} {
		k.Invalidate(step.refused)
		if got, err := get(t, k, time.Minute); got != step.want || err != nil {
			t.Errorf("after %q was refused: got %q, %v; want %q", step.refused, got, err, step.want)
		}
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("got %d requests, want 2", n)
	}
}

func TestFailures(t *testing.T) {
	denied := `{"__type":"AccessDeniedException","Message":"User is not authorized"}`
	tests := []struct {
		name     string
		status   int
		body     string
		kind     fault.Kind
		detail   string
		requests int32 // of one failed Get
	}{
		{"empty", 200, `{"SecretString":""}`, fault.Upstream, "is empty", 1},
		{"blank", 200, `{"SecretString":" \n"}`, fault.Upstream, "is empty", 1},
		{"binary", 200, `{"SecretBinary":"c2s="}`, fault.Upstream, "is empty", 1},
		{"nothing", 200, `{}`, fault.Upstream, "is empty", 1},
		{"JSON without the key", 200, `{"SecretString":"{\"user\":\"u\",\"password\":\"p\"}"}`, fault.Upstream, "JSON without a text called OPENAI_API_KEY", 1},
		{"JSON with another type", 200, `{"SecretString":"{\"OPENAI_API_KEY\":{}}"}`, fault.Upstream, "JSON without a text called OPENAI_API_KEY", 1},
		{"JSON that is empty", 200, `{"SecretString":"{\"OPENAI_API_KEY\":\" \"}"}`, fault.Upstream, "is empty", 1},
		{"broken JSON", 200, `{"SecretString":"{\"OPENAI_API_KEY\": sk-1"}`, fault.Upstream, "begins as JSON and is none", 1},
		{"access denied", 400, denied, fault.Upstream, "did not give the OpenAI key", 1},
		{"no such secret", 400, `{"__type":"ResourceNotFoundException","Message":"m"}`, fault.Upstream, "did not give the OpenAI key", 1},
		{"throttled", 400, `{"__type":"ThrottlingException","Message":"m"}`, fault.Unavailable, "did not give the OpenAI key", 4},
		{"failing", 500, `{"__type":"InternalServiceError","Message":"m"}`, fault.Unavailable, "did not give the OpenAI key", 4},
		{"failing proxy", 503, `<html>`, fault.Unavailable, "did not give the OpenAI key", 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, requests := serve(t, func(n int, w http.ResponseWriter) {
				if n > int(tt.requests) {
					say(w, 200, `{"SecretString":"sk-1"}`)
					return
				}
				say(w, tt.status, tt.body)
			})
			_, err := get(t, k, time.Minute)
			f := fault.From(err)
			if err == nil || f.Kind != tt.kind || !strings.Contains(f.Detail, tt.detail) || f.Step != fault.StepSecret {
				t.Errorf("got %v in step %q, want %v with %q in step secret", err, f.Step, tt.kind, tt.detail)
			}
			if n := requests.Load(); n != tt.requests {
				t.Errorf("got %d requests, want %d", n, tt.requests)
			}
			// A failure is not remembered.
			if got, err := get(t, k, time.Minute); got != "sk-1" || err != nil {
				t.Errorf("then got %q, %v; want sk-1", got, err)
			}
		})
	}
}

// The console makes JSON of key/value pairs.
func TestJSON(t *testing.T) {
	for _, secret := range []string{
		`{"OPENAI_API_KEY":"sk-1"}`,
		` {"openai_api_key": " sk-1 ", "other": "x"} `,
		`{"any name": "sk-1"}`,
	} {
		body, err := json.Marshal(map[string]string{"SecretString": secret})
		if err != nil {
			t.Fatal(err)
		}
		k, _ := serve(t, func(_ int, w http.ResponseWriter) { say(w, 200, string(body)) })
		if got, err := get(t, k, time.Minute); got != "sk-1" || err != nil {
			t.Errorf("of %s: got %q, %v; want sk-1", secret, got, err)
		}
	}
}

// Callers who wait for a fetch share its error, without requests of their own.
func TestFailureIsShared(t *testing.T) {
	const callers = 32
	var waiting sync.WaitGroup
	waiting.Add(callers)
	k, requests := serve(t, func(_ int, w http.ResponseWriter) {
		waiting.Wait()
		say(w, 400, `{"__type":"AccessDeniedException"}`)
	})
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			ctx, record := evidence.With(t.Context())
			go func() { // until it waits: for the fetch, or in it
				for record.Position().Phase == "" {
					runtime.Gosched()
				}
				waiting.Done()
			}()
			_, err := k.Get(ctx)
			if f := fault.From(err); f == nil || f.Kind != fault.Upstream || f.Step != fault.StepSecret {
				t.Errorf("got %v, want an upstream fault in step secret", err)
			}
		})
	}
	all.Wait()
	if n := requests.Load(); n > 4 {
		t.Errorf("got %d requests for %d callers, want one call's", n, callers)
	}
}

// When the caller who fetches runs out of time, one of those who wait fetches.
func TestFetchGoesOn(t *testing.T) {
	asked := make(chan struct{}, 9)
	over := make(chan struct{})
	var quick atomic.Bool
	k, _ := serve(t, func(_ int, w http.ResponseWriter) {
		if quick.Load() {
			say(w, 200, `{"SecretString":"sk-1"}`)
			return
		}
		asked <- struct{}{}
		<-over
	})
	defer close(over)
	first, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := k.Get(first); err == nil {
			t.Error("the first caller got a key after its time")
		}
	})
	<-asked
	for range 4 {
		all.Go(func() {
			if got, err := get(t, k, time.Minute); got != "sk-1" || err != nil {
				t.Errorf("one that waited got %q, %v; want sk-1", got, err)
			}
		})
	}
	quick.Store(true)
	stop()
	all.Wait()
}

// If the service hangs, each caller's context ends its call, also that of a caller who waits
// for another's fetch.
func TestSilence(t *testing.T) {
	over := make(chan struct{})
	asked := make(chan struct{}, 9)
	k, _ := serve(t, func(int, http.ResponseWriter) { asked <- struct{}{}; <-over })
	defer close(over)
	first, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { k.Get(first) }) // has no deadline: fetches until the test stops it
	<-asked
	_, err := get(t, k, 500*time.Millisecond)
	if f := fault.From(err); f == nil ||
		f.Kind != fault.Timeout ||
		f.Step != fault.StepSecret ||
		f.Phase != fault.PhaseBlocked ||
		len(f.Attempts) != 1 {
		t.Errorf("the second caller got %v, want a timeout in step secret, phase blocked", err)
	}
	stop()
	all.Wait()
	_, err = get(t, k, 400*time.Millisecond)
	f := fault.From(err)
	if f == nil || f.Kind != fault.Timeout || f.Step != fault.StepSecret || f.Phase != fault.PhaseWait {
		t.Errorf("got %v, want a timeout in step secret, phase wait", err)
	}
}
