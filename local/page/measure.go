package page

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"

	"ragtime/local/evaluation"
	"ragtime/local/samples"
)

// mostMisses is how many questions that were not first the page lists for a ranking.
const mostMisses = 100

// measurement is the latest run of questions. One runs at a time.
type measurement struct {
	mu     sync.Mutex
	cancel context.CancelCauseFunc // of the run under way; nil if there is none
	state  measurementState
}

// measurementState is what the script is told.
type measurementState struct {
	State   string              `json:"state"` // "", "running", "done", "canceled", "failed"
	Set     string              `json:"set,omitempty"`
	Done    int                 `json:"done"` // requests
	All     int                 `json:"all"`
	Problem string              `json:"problem,omitempty"`
	Results []measurementResult `json:"results,omitempty"`
}

type measurementResult struct {
	evaluation.Scores
	Misses []evaluation.Miss `json:"misses"` // the first of them
	Missed int               `json:"missed"` // all of them
}

// errCanceled ends a run that somebody canceled.
var errCanceled = errors.New("canceled")

// showMeasurement tells how the latest run is doing, or how it ended.
func (p *Page) showMeasurement(w http.ResponseWriter, _ *http.Request) {
	m := &p.measurement
	m.mu.Lock()
	defer m.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(m.state)
}

// startMeasurement starts a run of the questions in the request's body, which is a file
// that `ragtime eval` reads and whose name is the query's "file", or of the samples'
// questions if the body is empty. The run goes on when the page is left.
func (p *Page) startMeasurement(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, err.Error())
		return
	}
	set := sampleQuestions()
	if len(raw) > 0 {
		if set, err = evaluation.Parse(r.URL.Query().Get("file"), raw); err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	if !p.beginMeasurement(set) {
		refuse(w, http.StatusConflict, "another measurement is under way")
		return
	}
	p.showMeasurement(w, r)
}

// refuse answers as the API does where it refuses.
func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"title": "Not measured", "status": status, "detail": detail})
}

// beginMeasurement measures the set in the background, unless a run is under way or the
// page closes.
func (p *Page) beginMeasurement(set evaluation.Set) (begun bool) {
	p.mu.Lock() // as every task begins: see Close
	defer p.mu.Unlock()
	m := &p.measurement
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cancel != nil || p.ctx.Err() != nil {
		return false
	}
	ctx, cancel := context.WithCancelCause(p.ctx)
	m.cancel = cancel
	m.state = measurementState{State: "running", Set: set.Name}
	p.tasks.Go(func() {
		defer cancel(nil)
		o := evaluation.Usual()
		o.Progress = m.progress
		results, err := evaluation.Measure(ctx, set, p.ask, o)
		m.end(results, err)
	})
	return true
}

// ask is call without the status.
func (p *Page) ask(ctx context.Context, method, path string, in, out any) error {
	_, err := p.call(ctx, method, path, in, out)
	return err
}

func (m *measurement) progress(done, all int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Done, m.state.All = done, all
}

func (m *measurement) end(results []evaluation.Result, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cancel = nil
	switch {
	case errors.Is(err, errCanceled):
		m.state.State = "canceled"
	case err != nil:
		m.state.State, m.state.Problem = "failed", err.Error()
	default:
		m.state.State = "done"
	}
	for _, r := range results {
		m.state.Results = append(m.state.Results, measurementResult{
			Scores: r.Scores,
			Misses: r.Misses[:min(mostMisses, len(r.Misses))],
			Missed: len(r.Misses),
		})
	}
}

// cancelMeasurement ends the run under way.
func (p *Page) cancelMeasurement(w http.ResponseWriter, r *http.Request) {
	m := &p.measurement
	m.mu.Lock()
	if m.cancel != nil {
		m.cancel(errCanceled)
	}
	m.mu.Unlock()
	p.showMeasurement(w, r)
}

func sampleQuestions() evaluation.Set {
	out := evaluation.Set{Name: "questions"}
	for _, q := range samples.Questions() {
		out.Questions = append(out.Questions, evaluation.Question{Text: q.Question, Answers: map[string]int{q.Document: 1}})
	}
	return out
}
