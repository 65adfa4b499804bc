package operation

import (
	"testing"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

func TestTally(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(1000 + ms)) }
	attempt := func(number, from, to int, err error) evidence.AttemptView {
		return evidence.AttemptView{Number: number, Start: at(from), End: at(to), Err: err}
	}
	hung := func(a evidence.AttemptView) evidence.AttemptView {
		a.Lost = evidence.Hung
		return a
	}
	overtaken := func(a evidence.AttemptView) evidence.AttemptView {
		a.Lost = evidence.Overtaken
		return a
	}
	failed := fault.New(fault.Unavailable, "refused")
	slow := fault.New(fault.Timeout, "too slow")
	abandoned := fault.New(fault.Canceled, "abandoned")
	tests := []struct {
		name     string
		attempts []evidence.AttemptView
		err      error // the step's
		want     tally
	}{
		{"none", nil, nil, tally{}},
		{"one", []evidence.AttemptView{attempt(1, 0, 5, nil)}, nil, tally{attempts: 1}},
		{"a retry", []evidence.AttemptView{attempt(1, 0, 5, failed), attempt(2, 6, 9, nil)}, nil, tally{attempts: 2}},
		{"a retry after a timeout", []evidence.AttemptView{attempt(1, 0, 5, slow), attempt(2, 6, 9, nil)}, nil, tally{attempts: 2, survived: 1}},
		{"a hedge", []evidence.AttemptView{hung(attempt(1, 0, 9, abandoned)), attempt(2, 5, 9, nil)}, nil, tally{2, 1, 1, 0}},
		{"the loser of a race", []evidence.AttemptView{overtaken(attempt(1, 0, 9, abandoned)), attempt(2, 5, 9, nil)}, nil, tally{2, 1, 0, 1}},
		{"a pair of hedges", []evidence.AttemptView{hung(attempt(1, 0, 9, abandoned)), attempt(2, 5, 9, nil), attempt(3, 5, 9, abandoned)}, nil, tally{3, 2, 1, 0}},
		{"in vain", []evidence.AttemptView{attempt(1, 0, 9, slow), attempt(2, 5, 9, slow)}, slow, tally{2, 1, 0, 0}},
		{"calls at once, one retried", []evidence.AttemptView{attempt(1, 0, 9, nil), attempt(1, 0, 3, failed), attempt(2, 4, 9, nil)}, nil, tally{attempts: 3}},
		{"calls at once, one retried and one hedged", []evidence.AttemptView{hung(attempt(1, 0, 9, abandoned)), attempt(1, 0, 3, failed),
			attempt(2, 4, 9, nil), attempt(2, 5, 9, nil)}, nil, tally{4, 1, 1, 0}},
	}
	for _, tt := range tests {
		s := evidence.Snapshot{Steps: []evidence.StepView{{
			Name:     fault.StepEmbed,
			Start:    at(0),
			End:      at(10),
			Attempts: tt.attempts,
			Err:      tt.err,
		}}}
		if got := countAttempts(s); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
