package apigw_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/apigw"
	"ragtime/shared/apigw/apigwtest"
	"ragtime/shared/attempt"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/step"
)

// Preference-Applied is sent only where the wish is what bounded the operation, and
// Ragtime-Preference-Ignored only where a wish was none.
func TestPrefer(t *testing.T) {
	const twice, unreadable = "wait: it was given twice, and the first counts", "wait: it takes whole seconds, from 1"
	tests := []struct {
		header        []string
		budget        time.Duration
		want, ignored string
	}{
		{nil, 25 * time.Second, "", ""},
		{[]string{"wait=10"}, 10 * time.Second, "wait=10", ""},
		{[]string{"respond-async, wait=10"}, 10 * time.Second, "wait=10", ""},
		{[]string{"respond-async", "wait=10"}, 10 * time.Second, "wait=10", ""},
		{[]string{"WAIT = \"10\" ; x=1"}, 10 * time.Second, "wait=10", ""},
		{[]string{"wait=10, wait=20"}, 10 * time.Second, "wait=10", twice},
		{[]string{"wait=10", "wait=20"}, 10 * time.Second, "wait=10", twice},
		{[]string{"wait=10, wait=10"}, 10 * time.Second, "wait=10", ""},
		{[]string{"return=minimal; wait=10"}, 25 * time.Second, "", ""}, // a parameter of another preference
		{[]string{"wait=25"}, 25 * time.Second, "wait=25", ""},
		{[]string{"wait=60"}, 25 * time.Second, "", ""},
		{[]string{"wait=0"}, 25 * time.Second, "", unreadable},
		{[]string{"wait=0, wait=10"}, 25 * time.Second, "", unreadable},
		{[]string{"wait=-1"}, 25 * time.Second, "", unreadable},
		{[]string{"wait=1.5"}, 25 * time.Second, "", unreadable},
		{[]string{"wait=0.5"}, 25 * time.Second, "", unreadable},
		{[]string{"wait=abc"}, 25 * time.Second, "", unreadable},
		{[]string{"wait=10s"}, 25 * time.Second, "", unreadable},
		{[]string{"wait"}, 25 * time.Second, "", unreadable},
		{[]string{"wait="}, 25 * time.Second, "", unreadable},
		{[]string{"wait=99999999999999999999"}, 25 * time.Second, "", ""},
		{[]string{"await=10"}, 25 * time.Second, "", ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.header), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := post("")
				e.MultiValueHeaders = map[string][]string{"prefer": tt.header}
				var budget time.Duration
				r := serve(t, t.Context(), e, func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
					end, _ := ctx.Deadline()
					budget = time.Until(end)
					return succeed(ctx, r)
				})
				if budget != tt.budget || r.Headers["Preference-Applied"] != tt.want {
					t.Errorf("got budget %v and Preference-Applied %q, want %v and %q", budget, r.Headers["Preference-Applied"], tt.budget, tt.want)
				}
				if got := r.Headers["Ragtime-Preference-Ignored"]; got != tt.ignored {
					t.Errorf("got Ragtime-Preference-Ignored %q, want %q", got, tt.ignored)
				}
			})
		})
	}
}

func TestTimeoutProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		//lint:ignore SA1029 aws-lambda-go puts the trace under this very key
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), "x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"), 11*time.Second)
		defer cancel()
		r := serve(t, ctx, post(""), func(ctx context.Context, _ *apigw.Request) (apigw.Response, error) {
			_, err := step.Run(ctx, fault.StepEmbed, 0, func(ctx context.Context) (int, error) {
				return attempt.Do(ctx, attempt.New(attempt.Options{Max: 1}), func(ctx context.Context) (int, error) {
					evidence.Current(ctx).Phase(fault.PhaseWait)
					<-ctx.Done()
					return 0, ctx.Err()
				})
			})
			return apigw.Response{}, err
		})
		want := apigw.Problem{
			Type:      "urn:ragtime:problem:timeout",
			Title:     "Timed out",
			Status:    504,
			Detail:    "step embed did not finish in 10.0 s: attempt 1 of 1 was in phase wait (no response byte) for 10.0 s",
			Instance:  "op-1",
			Operation: "test",
			Step:      "embed",
			Phase:     "wait",
			ElapsedMS: 10000,
			BudgetMS:  10000,
			TraceID:   "1-5759e988-bd862e3fe1be46a994272793",
		}
		got := problem(t, r)
		if len(got.Attempts) != 1 || got.Attempts[0].Phase != fault.PhaseWait || got.Attempts[0].ElapsedMS != 10000 {
			t.Errorf("got attempts %+v, want one of 10 s in phase wait", got.Attempts)
		}
		got.Attempts = nil
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("problem (-want +got):\n%s", d)
		}
		if r.StatusCode != 504 || r.Headers["Server-Timing"] != "embed;dur=10000.0, total;dur=10000.0" {
			t.Errorf("got %d and Server-Timing %q", r.StatusCode, r.Headers["Server-Timing"])
		}
	})
}

func TestEveryAnswer(t *testing.T) {
	const secret = "xyzzy"
	fails := func(err error) apigw.Route {
		return func(context.Context, *apigw.Request) (apigw.Response, error) { return apigw.Response{}, err }
	}
	unknown := post("")
	unknown.Resource = "/nothing"
	tests := []struct {
		name   string
		event  apigwtest.Event
		route  apigw.Route
		status int
		detail string // of the problem; empty: a success
		retry  string // Retry-After
	}{
		{"success", post(""), succeed, 200, "", ""},
		{"no body", post(""), func(context.Context, *apigw.Request) (apigw.Response, error) {
			return apigw.Response{Status: 204}, nil
		}, 204, "", ""},
		{"unknown route", unknown, succeed, 404, "no route for POST /nothing", ""},
		{"conflict", post(""), fails(fault.New(fault.Conflict, "overtaken")), 409, "overtaken", ""},
		{"rate limited", post(""), fails(&fault.Error{Kind: fault.RateLimited, Detail: "slow down", RetryAfter: 1500 * time.Millisecond}), 429, "slow down", "2"},
		{"a private cause", post(""), fails(&fault.Error{Kind: fault.Upstream, Detail: "refused", Cause: errors.New(secret)}), 502, "refused", ""},
		{"a plain error", post(""), fails(errors.New(secret)), 500, "internal error", ""},
		{"an internal fault", post(""), fails(&fault.Error{
			Kind:     fault.Internal,
			Detail:   secret,
			Step:     secret,
			Phase:    secret,
			Attempts: []fault.Attempt{{Error: secret}},
			Cause:    errors.New(secret),
		}), 500, "internal error", ""},
		{"panic", post(""), func(context.Context, *apigw.Request) (apigw.Response, error) { panic(secret) }, 500, "internal error", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := serve(t, t.Context(), tt.event, tt.route)
			if r.StatusCode != tt.status || r.Headers["Retry-After"] != tt.retry {
				t.Errorf("got %d with Retry-After %q, want %d with %q", r.StatusCode, r.Headers["Retry-After"], tt.status, tt.retry)
			}
			if r.Headers["Ragtime-Operation-Id"] != "op-1" ||
				!strings.HasPrefix(r.Headers["Server-Timing"], "total;dur=") ||
				r.Headers["Cache-Control"] != "no-store" {
				t.Errorf("got headers %v, want the operation's id, its timing and no-store", r.Headers)
			}
			if strings.Contains(r.Body+fmt.Sprint(r.Headers), secret) {
				t.Errorf("the answer tells a private cause: %s", r.Body)
			}
			if tt.detail == "" {
				if (r.Body == "") != (r.Headers["Content-Type"] == "") {
					t.Errorf("got content type %q for body %q", r.Headers["Content-Type"], r.Body)
				}
				return
			}
			if p := problem(t, r); p.Detail != tt.detail || p.Status != tt.status || p.Instance != "op-1" {
				t.Errorf("got problem %+v, want detail %q", p, tt.detail)
			}
		})
	}
}
