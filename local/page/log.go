package page

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ragtime/local/lambda"
	"ragtime/shared/fault"
)

// What a Log keeps: so many operations, so much text of all of them together and
// of one, and so much of one line. The oldest operations go first.
const (
	keepOperations = 500
	keepText       = 16 << 20
	keepOne        = 1 << 20
	keepLine       = 16 << 10
)

// Log keeps the lines that functions logged of the latest operations, and what
// they say of them. The zero Log is empty. Safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	byID  map[string]*Operation
	order []*Operation // oldest first
	size  int          // bytes of text
}

// Operation is what the log says of an operation.
type Operation struct {
	ID, TraceID string
	Name        string // retrieve, embed, ...
	Function    string
	Start       time.Time
	End         time.Time // zero while it is in progress
	Budget      time.Duration
	Elapsed     time.Duration // once it has ended
	Outcome     fault.Outcome // empty while it is in progress
	Degraded    bool          // it gave less than it was asked for, since Step failed
	Step        fault.Step    // to blame, or where it waits
	Phase       fault.Phase
	Attempts    int
	Survived    int // hangs
	Detail      string
	Lines       []Line
	Dropped     int // lines beyond what is kept

	started bool // it said so itself
	size    int
}

// Line is a line of the log.
type Line struct {
	Time     time.Time
	Text     string
	Platform bool // Lambda's own
}

// entry is what a line may say.
type entry struct {
	Time      time.Time   `json:"time"`
	Level     string      `json:"level"`
	Message   string      `json:"message"`
	Operation string      `json:"operation"`
	ID        string      `json:"operation_id"`
	TraceID   string      `json:"trace_id"`
	BudgetMS  int64       `json:"budget_ms"`
	ElapsedMS int64       `json:"elapsed_ms"`
	Outcome   string      `json:"outcome"`
	Step      fault.Step  `json:"step"`
	Phase     fault.Phase `json:"phase"`
	Attempt   int         `json:"attempt"`
	Attempts  int         `json:"attempts"`
	Survived  int         `json:"hangs_survived"`
	Detail    string      `json:"detail"`
	Lacks     string      `json:"degraded_detail"`
	Type      string      `json:"type"` // the platform's lines
	Record    struct {
		Status    string
		ErrorType string
		Metrics   struct{ DurationMs float64 }
	} `json:"record"`
}

// read reads a line. Of one that is no such JSON it reads what it can.
func read(text string) (e entry) {
	json.Unmarshal([]byte(text), &e)
	return e
}

// Add keeps a line.
func (l *Log) Add(line lambda.Line) {
	e := read(line.Text)
	id := line.RequestID
	if e.ID != "" && !line.Platform {
		id = e.ID
	}
	if id == "" {
		return // of a process that serves nobody yet
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	op := l.of(id)
	op.Function = line.Function
	l.keep(op, line)
	if line.Platform {
		op.platform(e, line.Time)
	} else {
		op.say(e, line.Time)
	}
	for len(l.order) > keepOperations || l.size > keepText && len(l.order) > 1 {
		delete(l.byID, l.order[0].ID)
		l.size -= l.order[0].size
		l.order = l.order[1:]
	}
}

// of is the operation of an id, made if it is new.
func (l *Log) of(id string) *Operation {
	if op := l.byID[id]; op != nil {
		return op
	}
	if l.byID == nil {
		l.byID = map[string]*Operation{}
	}
	op := &Operation{ID: id}
	l.byID[id] = op
	l.order = append(l.order, op)
	return op
}

func (l *Log) keep(op *Operation, line lambda.Line) {
	text := line.Text
	if len(text) > keepLine {
		text = strings.ToValidUTF8(text[:keepLine], "") + "..."
	}
	if op.size+len(text) > keepOne {
		op.Dropped++
		return
	}
	op.Lines = append(op.Lines, Line{line.Time, text, line.Platform})
	op.size += len(text)
	l.size += len(text)
}

// say takes in what the function itself said at a time.
func (op *Operation) say(e entry, at time.Time) {
	switch e.Message {
	case "operation started":
		op.started, op.Start = true, at
		op.Name, op.TraceID, op.Budget = e.Operation, e.TraceID, milliseconds(e.BudgetMS)
	case "operation waiting":
		op.Step, op.Phase, op.Attempts = e.Step, e.Phase, max(op.Attempts, e.Attempt)
	case "operation finished":
		op.End, op.Elapsed = at, milliseconds(e.ElapsedMS)
		op.Outcome = fault.Outcome(e.Outcome)
		op.Detail = cmp.Or(e.Detail, e.Lacks)
		op.Degraded = e.Lacks != ""
		op.Attempts = e.Attempts
		op.Survived = e.Survived
		op.Step, op.Phase = e.Step, e.Phase
	}
}

// platform takes in what Lambda says of the process. Its end counts where the
// operation has not told of its own.
func (op *Operation) platform(e entry, at time.Time) {
	if op.Start.IsZero() {
		op.Start = at
	}
	if e.Type != "platform.report" || op.Outcome != "" {
		return
	}
	op.End, op.Elapsed = at, milliseconds(int64(e.Record.Metrics.DurationMs))
	switch e.Record.Status {
	case "success": // of a function that logs no operations
		op.Outcome = fault.OK
	case "timeout":
		op.Outcome, op.Detail = fault.TimedOut, "Lambda killed the function at its timeout"
	default:
		op.Outcome, op.Detail = fault.Failed, fmt.Sprintf("the function's process ended: %s %s", e.Record.Status, e.Record.ErrorType)
	}
	if op.started && op.Step != "" {
		op.Detail += fmt.Sprintf("; it was last in step %s, phase %s", op.Step, cmp.Or(string(op.Phase), "none"))
	}
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// Recent gives the latest operations, the newest first, without their lines.
func (l *Log) Recent(most int) (out []Operation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.order) - 1; i >= 0 && len(out) < most; i-- {
		if op := *l.order[i]; op.listed() {
			op.Lines = nil
			out = append(out, op)
		}
	}
	return out
}

// listed tells whether there is an operation, or a failure to start one: an
// invocation without an operation is none.
func (op *Operation) listed() bool { return op.started || op.Outcome != "" && op.Outcome != fault.OK }

// leastOfID is how much of an operation's id finds it, if no other begins so.
const leastOfID = 8

// Find finds an operation by its id or the beginning of it, or the latest one by the
// id of its trace.
func (l *Log) Find(id string) (Operation, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if op := l.byID[id]; op != nil {
		return op.copy(), true
	}
	var begins []*Operation
	for _, op := range slices.Backward(l.order) {
		if op.TraceID == id && id != "" {
			return op.copy(), true
		}
		if len(id) >= leastOfID && strings.HasPrefix(op.ID, id) {
			begins = append(begins, op)
		}
	}
	if len(begins) == 1 {
		return begins[0].copy(), true
	}
	return Operation{}, false
}

func (op *Operation) copy() Operation {
	out := *op
	out.Lines = append([]Line(nil), op.Lines...)
	return out
}
