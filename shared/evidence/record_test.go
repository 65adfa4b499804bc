package evidence_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

func TestPhasesGoForward(t *testing.T) {
	tests := []struct {
		name   string
		phases []fault.Phase
		want   fault.Phase
	}{
		{"in order", []fault.Phase{fault.PhaseBlocked, fault.PhaseConnect, fault.PhaseSend, fault.PhaseWait}, fault.PhaseWait},
		{"an answer before the request was taken", []fault.Phase{fault.PhaseBlocked, fault.PhaseSend, fault.PhaseReceive, fault.PhaseWait}, fault.PhaseReceive},
		{"a dial that nobody needs any more", []fault.Phase{fault.PhaseBlocked, fault.PhaseSend, fault.PhaseConnect}, fault.PhaseSend},
		{"another connection", []fault.Phase{fault.PhaseBlocked, fault.PhaseWait, fault.PhaseBlocked, fault.PhaseDNS}, fault.PhaseDNS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, a := evidence.NewAttempt(t.Context(), 1)
			for _, p := range tt.phases {
				a.Phase(p)
			}
			if got := a.End(nil).Phase; got != tt.want {
				t.Errorf("phase %s, want %s", got, tt.want)
			}
			a.Phase(fault.PhaseBlocked)
			if got := a.End(nil).Phase; got != tt.want {
				t.Errorf("after its end the attempt moved to phase %s", got)
			}
		})
	}
}

func TestPositionAndTimings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, r := evidence.With(t.Context())
		if got := r.Position(); got != (evidence.Position{}) {
			t.Errorf("position %+v before any step, want none", got)
		}
		inStep, s := evidence.Enter(ctx, fault.StepEmbed)
		inAttempt, a := evidence.NewAttempt(inStep, 1)
		time.Sleep(time.Second)
		evidence.Current(inAttempt).Phase(fault.PhaseWait)
		time.Sleep(2 * time.Second)
		want := evidence.Position{
			Step:    fault.StepEmbed,
			Phase:   fault.PhaseWait,
			Call:    1,
			Attempt: 1,
			Elapsed: 2 * time.Second,
		}
		if got := r.Position(); got != want {
			t.Errorf("position %+v, want %+v", got, want)
		}
		if got := a.End(fault.New(fault.Unavailable, "refused")); got != (fault.Attempt{Attempt: 1, Phase: fault.PhaseWait, ElapsedMS: 3000, Error: "refused"}) {
			t.Errorf("the attempt ended as %+v", got)
		}
		evidence.Backoff(inStep)
		time.Sleep(time.Second)
		if got := r.Position(); got.Phase != fault.PhaseBackoff || got.Elapsed != time.Second {
			t.Errorf("position %+v, want 1 s in backoff", got)
		}
		s.End(errors.New("bug"))
		_, again := evidence.Enter(ctx, fault.StepEmbed)
		time.Sleep(time.Second)
		again.End(nil)
		got := r.Timings()
		if len(got) != 1 ||
			got[0] != (evidence.Timing{Step: fault.StepEmbed, Duration: 5 * time.Second, Attempts: 1, Outcome: fault.Failed}) {
			t.Errorf("timings %+v, want one failed step of 5 s", got)
		}
	})
}

// An attempt that a later one overtook counts as hung if it took longer than slow ones do.
func TestOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, record := evidence.With(t.Context())
		ctx, _ = evidence.Enter(ctx, fault.StepEmbed)
		_, first := evidence.NewAttempt(ctx, 1)
		time.Sleep(time.Second)
		_, second := evidence.NewAttempt(ctx, 2)
		evidence.NewAttempt(ctx, 3)
		time.Sleep(time.Second)
		if !first.Overtaken(1500*time.Millisecond) || second.Overtaken(1500*time.Millisecond) {
			t.Error("of attempts that ran for 2 s and 1 s, the first alone hung")
		}
		for i, want := range []evidence.Loss{evidence.Hung, evidence.Overtaken, ""} {
			if got := record.Snapshot().Steps[0].Attempts[i].Lost; got != want {
				t.Errorf("attempt %d lost as %q, want %q", i+1, got, want)
			}
		}
	})
}
