package evidence_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// A snapshot has everything that is in the record, and does not change afterwards.
func TestSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
		ctx, r := evidence.With(t.Context())
		inStep, _ := evidence.Enter(ctx, fault.StepSearch)
		_, first := evidence.NewAttempt(inStep, 1)
		first.Phase(fault.PhaseConnect)
		time.Sleep(time.Second)
		refused := fault.New(fault.Unavailable, "refused")
		first.End(refused)
		evidence.Backoff(inStep)
		time.Sleep(time.Second)
		_, second := evidence.NewAttempt(inStep, 2)
		second.Connection(true)
		second.Exchange(func(e *evidence.Exchange) { e.Status = 200 })
		time.Sleep(time.Second)
		got := r.Snapshot()
		second.Phase(fault.PhaseReceive)
		second.End(nil)
		want := evidence.Snapshot{Start: start, Steps: []evidence.StepView{{Name: fault.StepSearch, Start: start,
			Pauses: []evidence.Pause{{Start: at(1), End: at(2)}},
			Attempts: []evidence.AttemptView{
				{
					Number: 1,
					Start:  start,
					End:    at(1),
					Phases: []evidence.Phase{{Name: fault.PhaseBlocked, Start: start}, {Name: fault.PhaseConnect, Start: start}},
					Err:    refused,
				},
				{
					Number:     2,
					Start:      at(2),
					Phases:     []evidence.Phase{{Name: fault.PhaseBlocked, Start: at(2)}},
					Connection: "reused",
					Exchange:   evidence.Exchange{Status: 200},
				},
			}}}}
		if diff := cmp.Diff(want, got, cmpopts.EquateErrors(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// The attempt that is longest in its phase is blamed, not the oldest or the last one.
func TestLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, r := evidence.With(t.Context())
		inStep, _ := evidence.Enter(ctx, fault.StepEmbed)
		_, first := evidence.NewAttempt(inStep, 1)
		time.Sleep(time.Second)
		_, second := evidence.NewAttempt(inStep, 2)
		second.Phase(fault.PhaseWait)
		time.Sleep(time.Second)
		first.Phase(fault.PhaseReceive)
		time.Sleep(time.Second)
		want := evidence.Position{
			Step:    fault.StepEmbed,
			Phase:   fault.PhaseWait,
			Call:    1,
			Attempt: 2,
			Elapsed: 2 * time.Second,
		}
		if got := r.Position(); got != want {
			t.Errorf("under way: %+v, want %+v", got, want)
		}
		first.End(nil)
		second.End(nil)
		time.Sleep(time.Minute)
		if got := evidence.Longest([]*evidence.Attempt{first, second}); got != want {
			t.Errorf("ended: %+v, want %+v", got, want)
		}
	})
}
