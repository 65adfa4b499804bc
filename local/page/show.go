package page

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"

	"ragtime/local/samples"
	"ragtime/local/textfile"
	"ragtime/local/xray"
)

// listed is how many operations the list shows.
const listed = 20

// examples are questions of the sample documents, each shown where its document is.
var examples = []samples.Question{
	{Question: "Does my plan cover glasses?", Document: "dental-and-vision"},
	{Question: "How long do I have to appeal a denied claim?", Document: "appeals"},
	{Question: "Can I see a doctor by video?", Document: "telehealth"},
}

// Latest is the id under which the latest operation is found.
const Latest = "latest"

// render renders a template whole or not at all.
func render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// frame is what every page shows.
type frame struct {
	Title string
	On    []on
	Home  bool   // with the question box and the library
	Hangs []hang // that its buttons make
	Poll  bool   // the script asks for news
	Plain bool   // ... and without a script the browser reloads
}

// index shows the list and the panel, and what was wrong with a form.
func (p *Page) index(w http.ResponseWriter, r *http.Request, status int, wrong error) {
	type view struct {
		frame
		Wrong      error
		Form       map[string]string
		Stage      string
		Survivable []hang
		Services   []string
		Groups     []group
		Operations []Operation
		Examples   []samples.Question
		Endings    string

		SampleQuestions int
	}
	v := view{frame: frame{Title: "Ask", On: p.on(), Home: true, Hangs: p.hangs(false), Poll: true}, Wrong: wrong,
		Examples: examples, Endings: strings.Join(textfile.Endings, ","), Form: map[string]string{},
		SampleQuestions: len(samples.Questions()), Survivable: p.hangs(true), Groups: p.groups(), Operations: p.log.Recent(listed)}
	for _, h := range p.hosts {
		v.Services = append(v.Services, h.Name())
	}
	if len(p.hosts) > 0 {
		v.Stage = p.stage().Name()
	}
	for field, usual := range map[string]string{"service": v.Stage, "fault": "wait-silent", "query": "",
		"wait": "", "document": "note", "text": "The front desk opens at 7:30.", "times": "", "share": "", "min_ms": "", "max_ms": ""} {
		v.Form[field] = usual
		if wrong != nil && r.Form.Has(field) {
			v.Form[field] = r.FormValue(field)
		}
	}
	render(w, status, "index.html", v)
}

// operation shows an operation, by its id or that of its trace; as text if the
// id ends in .txt.
func (p *Page) operation(w http.ResponseWriter, r *http.Request) {
	id, asText := strings.CutSuffix(r.PathValue("id"), ".txt")
	if id == Latest {
		if latest := p.log.Recent(1); len(latest) > 0 {
			id = latest[0].ID
		}
	}
	op, found := p.log.Find(id)
	s := p.sentAs(id)
	if found && op.TraceID != "" {
		s = p.sentAs(op.TraceID)
	}
	switch {
	case !found && s == nil:
		p.missing(w, id, asText)
	case asText:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		p.text(w, op, s)
	default:
		p.page(w, op, s)
	}
}

func (p *Page) missing(w http.ResponseWriter, id string, asText bool) {
	message := fmt.Sprintf("There is no operation and no trace %q among the latest %d.", id, keepOperations)
	if id == Latest {
		message = "There is no operation yet."
	}
	if asText {
		http.Error(w, message, http.StatusNotFound)
		return
	}
	render(w, http.StatusNotFound, "missing.html", struct {
		frame
		Message string
	}{frame{Title: "Not found", On: p.on()}, message})
}

// page shows an operation, or a request whose operation has not begun.
func (p *Page) page(w http.ResponseWriter, op Operation, s *sent) {
	type view struct {
		frame
		Op    Operation
		Sent  *sent
		Trace drawing
	}
	v := view{Op: op, Sent: s}
	v.Title, v.On = "A request on its way", p.on()
	switch {
	case op.ID != "":
		v.Title, v.Poll = op.Headline(), !op.Settled()
	case s.Answered:
		v.Title = "The request was answered " + s.Status + " before an operation began"
	default:
		v.Poll = true
	}
	v.Plain = v.Poll
	if op.TraceID != "" {
		v.Trace = p.draw(op.TraceID)
	}
	render(w, http.StatusOK, "operation.html", v)
}

// text writes an operation for a terminal.
func (p *Page) text(w io.Writer, op Operation, s *sent) {
	out := clean{w}
	if op.ID == "" {
		fmt.Fprintf(out, "%s was sent %s ago; no operation has begun\n", s.Request, duration(time.Since(s.At)))
		return
	}
	fmt.Fprintf(out, "%s\n", op.Headline())
	if op.Detail != "" {
		fmt.Fprintf(out, "%s\n", op.Detail)
	}
	fmt.Fprintf(out, "\noperation  %s\n", op.ID)
	if op.TraceID != "" {
		fmt.Fprintf(out, "trace      %s\n", op.TraceID)
	}
	fmt.Fprintf(out, "started    %s\nelapsed    %s of a budget of %s\nattempts   %d\n\n",
		op.Start.Format(time.RFC3339Nano), duration(op.Lasted()), duration(op.Budget), op.Attempts)
	nodes, err := p.traces.Tree(op.TraceID)
	if err == nil {
		err = xray.Text(out, nodes)
	}
	if err != nil {
		fmt.Fprintln(out, err)
	}
}

// clean keeps what a terminal would obey out of what it shows.
type clean struct{ w io.Writer }

func (c clean) Write(b []byte) (int, error) {
	_, err := io.WriteString(c.w, strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, string(b)))
	return len(b), err
}
