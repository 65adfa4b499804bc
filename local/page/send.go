package page

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ragtime/local/network"
)

// keepSent is how many requests that the page sent are kept, with their answers.
const keepSent = 100

// sent is a request that the page sent. Its fields below answered are set when
// the answer is there; the page's mu guards them.
type sent struct {
	TraceID string
	Request string // method and path
	Prefer  string
	At      time.Time

	Answered bool
	Status   string
	Took     time.Duration
	Body     string // indented, if it is JSON
}

// request is what to send: a JSON body, and how long to wait for the answer.
type request struct {
	method, path string
	body         any
	wait         int // seconds; 0 is the whole budget
}

// send sends a request in the background, under a trace of its own, whose id it
// returns.
func (p *Page) send(r request) (traceID string, err error) {
	body, err := json.Marshal(r.body)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(p.ctx, r.method, "http://localhost"+r.path, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	s := &sent{TraceID: newTraceID(), Request: r.method + " " + r.path, At: time.Now()}
	req.RemoteAddr, req.RequestURI = "127.0.0.1:0", r.path
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Amzn-Trace-Id", "Root="+s.TraceID+";Sampled=1")
	if r.wait > 0 {
		s.Prefer = fmt.Sprintf("wait=%d", r.wait)
		req.Header.Set("Prefer", s.Prefer)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.ctx.Err(); err != nil {
		return "", err
	}
	p.sent = append(p.sent, s)
	p.sent = p.sent[max(0, len(p.sent)-keepSent):]
	p.tasks.Go(func() {
		status, _, body := network.Capture(p.api, req)
		p.mu.Lock()
		defer p.mu.Unlock()
		s.Answered, s.Took = true, time.Since(s.At)
		s.Status, s.Body = fmt.Sprint(status, " ", http.StatusText(status)), pretty(string(body))
	})
	return s.TraceID, nil
}

// sentAs finds the request of a trace among those that the page sent.
func (p *Page) sentAs(traceID string) *sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.sent {
		if s.TraceID == traceID {
			found := *s
			return &found
		}
	}
	return nil
}

// newTraceID makes an id as X-Ray has them: version, time, 96 random bits.
func newTraceID() string {
	var b [12]byte
	rand.Read(b[:]) // never fails
	return fmt.Sprintf("1-%08x-%s", uint32(time.Now().Unix()), hex.EncodeToString(b[:]))
}

// retrieve sends what the form asks for.
func (p *Page) retrieve(w http.ResponseWriter, r *http.Request) {
	wait, err := number(r, "wait", 25)
	p.lead(w, r, err, request{http.MethodPost, "/retrieve", map[string]any{"query": r.FormValue("query"), "top_k": 3}, int(wait)})
}

// put puts the form's document.
func (p *Page) put(w http.ResponseWriter, r *http.Request) {
	wait, err := number(r, "wait", 25)
	id := strings.TrimSpace(r.FormValue("document"))
	if err == nil && id == "" {
		err = fmt.Errorf("a document needs an id")
	}
	p.lead(w, r, err, request{http.MethodPut, "/documents/" + url.PathEscape(id), map[string]any{"text": r.FormValue("text")}, int(wait)})
}

// lead sends the request, unless the form was wrong, and leads to its operation.
func (p *Page) lead(w http.ResponseWriter, r *http.Request, err error, q request) {
	var traceID string
	if err == nil {
		traceID, err = p.send(q)
	}
	if err != nil {
		p.index(w, r, http.StatusBadRequest, err)
		return
	}
	http.Redirect(w, r, Path+"operations/"+traceID, http.StatusSeeOther)
}

// number reads a number of a form, 0 to most; an empty field is 0.
func number(r *http.Request, field string, most float64) (float64, error) {
	text := strings.TrimSpace(r.FormValue(field))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= most) {
		return 0, fmt.Errorf("%s must be a number, 0 to %g", field, most)
	}
	return n, nil
}
