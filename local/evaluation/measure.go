package evaluation

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ragtime/local/textfile"
)

// Call sends a JSON request to the API and decodes the answer into out. An answer that
// is no success is an error.
type Call func(ctx context.Context, method, path string, in, out any) error

// Options say how a set is measured.
type Options struct {
	Ranks    []string      // the rankings to measure, one after the other
	TopK     int           // passages to ask for; several may be of one document
	Parallel int           // requests under way at once; 0 is one
	Late     time.Duration // an answer that takes longer is late

	// Progress is told how many of all requests have ended, by one goroutine at a time;
	// nil tells nobody.
	Progress func(done, all int)
}

// Usual are the options of `ragtime eval` without flags.
func Usual() Options {
	return Options{
		Ranks:    []string{"similarity", "fused"},
		TopK:     30,
		Parallel: 2,
		Late:     26 * time.Second,
	}
}

// Result is how well one ranking did.
type Result struct {
	Scores
	Misses []Miss `json:"-"` // in the questions' order
}

// Measure puts the set's documents, if it has any, into a collection of their own, asks
// every question under every ranking, and returns a result for each ranking. A request
// that fails is an answer that found nothing; a put that fails, and the end of ctx, are
// errors. Documents that are there already, unchanged, cost nothing.
func Measure(ctx context.Context, s Set, call Call, o Options) ([]Result, error) {
	m := &measurement{Options: o, set: s, call: call, all: len(s.Documents) + len(o.Ranks)*len(s.Questions)}
	m.tell(0)
	if err := m.put(ctx); err != nil {
		return nil, fmt.Errorf("put the documents: %w", err)
	}
	var out []Result
	for _, rank := range o.Ranks {
		answers, err := m.ask(ctx, rank)
		if err != nil {
			return nil, err
		}
		out = append(out, Result{Score(s, rank, answers, o.Late), Misses(s, answers)})
	}
	return out, nil
}

type measurement struct {
	Options
	set  Set
	call Call
	all  int // requests

	mu   sync.Mutex
	done int
}

// tell tells that n more requests have ended.
func (m *measurement) tell(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	if m.Progress != nil {
		m.Progress(m.done, m.all)
	}
}

// collection is that of the set's own documents; empty if it has none.
func (m *measurement) collection() string {
	if len(m.set.Documents) == 0 {
		return ""
	}
	return "eval-" + m.set.Name
}

// prefix stands before the IDs of the set's own documents, so that sets do not replace
// each other's.
func (m *measurement) prefix() string {
	if len(m.set.Documents) == 0 {
		return ""
	}
	return textfile.ID(m.set.Name) + "."
}

func (m *measurement) put(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, m.Parallel))
	for _, d := range m.set.Documents {
		g.Go(func() error {
			in := map[string]string{"text": d.Text, "title": d.Title, "collection": m.collection()}
			if err := m.call(ctx, http.MethodPut, "/documents/"+url.PathEscape(m.prefix()+d.ID), in, nil); err != nil {
				return fmt.Errorf("%s: %w", d.ID, err)
			}
			m.tell(1)
			return nil
		})
	}
	return g.Wait()
}

// ask asks every question. A failure is an answer, unless ctx has ended.
func (m *measurement) ask(ctx context.Context, rank string) ([]Answer, error) {
	answers := make([]Answer, len(m.set.Questions))
	var g errgroup.Group
	g.SetLimit(max(1, m.Parallel))
	for i, q := range m.set.Questions {
		g.Go(func() error {
			if ctx.Err() == nil {
				answers[i] = m.retrieve(ctx, q.Text, rank)
				m.tell(1)
			}
			return context.Cause(ctx)
		})
	}
	return answers, g.Wait()
}

func (m *measurement) retrieve(ctx context.Context, question, rank string) (a Answer) {
	in := map[string]any{"query": question, "top_k": m.TopK, "rank": rank}
	if name := m.collection(); name != "" {
		in["filter"] = map[string]string{"collection": name}
	}
	var found struct {
		Passages []struct {
			DocumentID string `json:"document_id"`
		} `json:"passages"`
		Usage struct {
			EmbeddingTokens int `json:"embedding_tokens"`
		} `json:"usage"`
	}
	start := time.Now()
	a.Err = m.call(ctx, http.MethodPost, "/retrieve", in, &found)
	a.Elapsed = time.Since(start)
	a.Tokens = found.Usage.EmbeddingTokens
	for _, p := range found.Passages {
		a.Documents = append(a.Documents, strings.TrimPrefix(p.DocumentID, m.prefix()))
	}
	return a
}
