package evidence_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// An attempt that moves to another connection, and hangs before it has it, is not reported as
// using the old one.
func TestAnotherConnectionForgetsTheFirst(t *testing.T) {
	ctx, r := evidence.With(t.Context())
	inStep, _ := evidence.Enter(ctx, fault.StepEmbed)
	_, a := evidence.NewAttempt(inStep, 1)
	a.Exchange(func(e *evidence.Exchange) {
		*e = evidence.Exchange{
			Method:    "POST",
			URL:       "https://example.com/",
			Target:    "T",
			Address:   "192.0.2.1:443",
			Status:    200,
			RequestID: "r",
			Bytes:     7,
		}
	})
	a.Connection(true)
	a.Phase(fault.PhaseSend)
	a.Phase(fault.PhaseBlocked)
	a.Phase(fault.PhaseDNS)
	got := r.Snapshot().Steps[0].Attempts[0]
	if want := (evidence.Exchange{Method: "POST", URL: "https://example.com/", Target: "T"}); got.Exchange != want ||
		got.Connection != "" {
		t.Errorf("exchange %+v over a %q connection, want %+v and none yet", got.Exchange, got.Connection, want)
	}
	a.Connection(false)
	if got := a.End(nil); got.Connection != "new" || got.Phase != fault.PhaseDNS {
		t.Errorf("ended as %+v, want over a new connection, in dns", got)
	}
}

// Attempts have the number of their call, also where calls run at once.
func TestWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, _ := evidence.With(t.Context())
		if w := evidence.WholeOf(ctx); w.Calls != 0 || len(w.Attempts) != 0 {
			t.Errorf("outside of a step: %+v", w)
		}
		ctx, _ = evidence.Enter(ctx, fault.StepStore)
		first, endFirst := evidence.Call(ctx)
		defer endFirst()
		second, endSecond := evidence.Call(ctx)
		defer endSecond()
		unused, endUnused := evidence.Call(ctx)
		defer endUnused()
		_, a := evidence.NewAttempt(first, 1)
		time.Sleep(time.Second)
		_, b := evidence.NewAttempt(second, 1)
		_, c := evidence.NewAttempt(first, 2)
		inner, _ := evidence.Enter(second, fault.StepSecret)
		evidence.NewAttempt(inner, 1)
		b.Phase(fault.PhaseReceive)
		time.Sleep(3 * time.Second)
		a.End(fault.New(fault.Canceled, "attempt 2 answered first"))
		c.End(nil)
		evidence.Backoff(unused)
		time.Sleep(time.Second)
		got := evidence.WholeOf(ctx)
		want := evidence.Whole{
			Name:    fault.StepStore,
			Elapsed: 5 * time.Second,
			Calls:   2,
			Longest: fault.PhaseBlocked,
			Spent:   7 * time.Second,
			Attempts: []fault.Attempt{
				{
					Call:      1,
					Attempt:   1,
					Phase:     fault.PhaseBlocked,
					ElapsedMS: 4000,
					Error:     "attempt 2 answered first",
				},
				{
					Call:      2,
					Attempt:   1,
					Phase:     fault.PhaseReceive,
					ElapsedMS: 4000,
					Error:     "was under way",
				},
				{Call: 1, Attempt: 2, Phase: fault.PhaseBlocked, ElapsedMS: 3000},
			},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if w := evidence.WholeOf(inner); w.Name != fault.StepSecret || w.Calls != 1 || w.Attempts[0].Call != 0 {
			t.Errorf("the step inside: %+v", w)
		}
	})
}
