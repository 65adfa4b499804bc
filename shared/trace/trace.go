// Package trace sends traces of operations to X-Ray.
//
// A trace is a view of an operation's record (package evidence): operation > step >
// attempt > phase, each an X-Ray subsegment below the function's segment, which Lambda
// makes. Documents are made from a snapshot of the record, in which what has not ended
// ends with its parent and has a fault. So no subsegment can stay open. With the SDK's own
// instrumentation one can: a call that its context cancels sends no document at all
// (aws-xray-sdk-go#289).
//
// Documents have names, times, sizes, statuses and the details of faults. They never have
// a private cause, or content of a request.
//
// No other package imports the X-Ray SDK, and this one uses only its parser of the trace
// header. It encodes documents itself, for three reasons. With the SDK's segments and
// emitter tracing took 9 % of a retrieve's CPU time instead of 5 % (BenchmarkTracing of
// package operation), since they encode each document twice, once by reflection. The
// binaries were 4 MB larger, since the SDK links gRPC and fasthttp. And a daemon's address
// that the SDK cannot parse is a panic before main. The tests compare the documents with
// the SDK's.
package trace

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/aws/aws-xray-sdk-go/v2/header"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// AWS is what X-Ray shows of calls to AWS and the record does not have.
type AWS struct {
	Region string
	Table  string // of calls to DynamoDB
}

// Tracer sends the traces of a process. A nil Tracer sends none. Safe for
// concurrent use.
type Tracer struct {
	daemon interface{ Write([]byte) (int, error) }
	aws    AWS
}

// New makes a Tracer that sends to the X-Ray daemon at the address over UDP, whether there is
// a daemon or not. For the zero address it returns nil.
func New(daemon netip.AddrPort, aws AWS) *Tracer {
	if !daemon.IsValid() {
		return nil
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(daemon)) // sends nothing
	if err == nil {
		err = c.SetWriteBuffer(256 << 10) // the largest datagram on macOS, where the default is 9 kB
	}
	if err != nil {
		slog.Error("no traces are sent", "daemon", daemon.String(), "error", err.Error())
		return nil
	}
	return &Tracer{c, aws}
}

// headerKey is the context key of the trace header in aws-lambda-go.
const headerKey = "x-amzn-trace-id"

// ID is the id of the trace that ctx belongs to, such as
// 1-5759e988-bd862e3fe1be46a994272793; empty without one.
func ID(ctx context.Context) string {
	h, _ := ctx.Value(headerKey).(string)
	for part := range strings.SplitSeq(h, ";") {
		if root, ok := strings.CutPrefix(strings.TrimSpace(part), header.RootPrefix); ok {
			return root
		}
	}
	return ""
}

// Trace is the trace of one operation. It is nil for an operation that is not sampled; the
// methods then do nothing. Not safe for concurrent use.
type Trace struct {
	tracer     *Tracer
	name, id   string // the operation's
	root       string // the trace's id
	parent     string // the id of the function's segment
	seed       uint64 // of span ids
	record     *evidence.Record
	announced  map[string]bool // ids of spans that were sent in progress; true if at the top of a document
	degradedBy *fault.Error    // see Degraded
}

// Begin begins the trace of an operation, if the trace header that Lambda put into ctx says
// that it is sampled; otherwise it returns nil. It sends nothing.
func (t *Tracer) Begin(ctx context.Context, name, id string, r *evidence.Record) *Trace {
	raw, _ := ctx.Value(headerKey).(string)
	if t == nil || !strings.Contains(raw, string(header.Sampled)) {
		return nil // before parsing the header, to save time where nothing is sampled
	}
	h := header.FromString(raw)
	if h.SamplingDecision != header.Sampled || h.TraceID == "" || h.ParentID == "" {
		return nil
	}
	return &Trace{
		tracer: t,
		name:   cleanName(name),
		id:     truncate(id, maxValue),
		root:   h.TraceID,
		parent: h.ParentID,
		seed:   rand.Uint64(),
		record: r,
	}
}

// Waiting sends the spans that have not ended, as in progress, each of them only once.
func (t *Trace) Waiting() {
	if t == nil {
		return
	}
	if t.announced == nil {
		t.announced = map[string]bool{}
	}
	open := t.takeUnsent(t.spanTree(ending{}))
	for _, s := range open {
		t.announced[s.id] = true
	}
	t.send(open)
}

// takeUnsent returns the topmost spans that have not ended and were not sent. Their children
// are reduced to such spans too. All are recorded as announced.
func (t *Trace) takeUnsent(s *span) []*span {
	if !s.inProgress() {
		return nil
	}
	var unsent []*span
	for _, c := range s.children {
		unsent = append(unsent, t.takeUnsent(c)...)
	}
	if _, sent := t.announced[s.id]; sent {
		return unsent
	}
	t.announced[s.id] = false
	s.children = unsent
	return []*span{s}
}

// Degraded records why an operation that succeeded gives less than it was asked for. End
// annotates the operation with that step and phase.
func (t *Trace) Degraded(why *fault.Error) {
	if t != nil {
		t.degradedBy = why
	}
}

// End sends the whole trace of an operation that took elapsed and ended with f, which is nil
// for success. A subsegment that was in progress is replaced by one with the same id. If it
// was at the top of a document it is so again, since X-Ray does not promise that a
// subsegment may be completed inside of its parent's document.
func (t *Trace) End(elapsed time.Duration, f *fault.Error) {
	if t == nil {
		return
	}
	t.send(t.separateAnnounced(t.spanTree(ending{after: elapsed, fault: f, degradedBy: t.degradedBy, over: true})))
}

// separateAnnounced removes from a span, and all below it, the spans that were announced at the
// top of a document. It returns the span itself and then those.
func (t *Trace) separateAnnounced(s *span) []*span {
	all := []*span{s}
	if len(t.announced) == 0 {
		return all
	}
	within := s.children[:0]
	for _, c := range s.children {
		some := t.separateAnnounced(c)
		if !t.announced[c.id] {
			within = append(within, c)
			some = some[1:]
		}
		all = append(all, some...)
	}
	s.children = within
	return all
}

// send sends each span with all below it. A datagram that cannot be sent is lost: most likely
// there is no daemon.
func (t *Trace) send(spans []*span) {
	for _, s := range spans {
		for _, d := range t.datagrams(s) {
			if _, err := t.tracer.daemon.Write(d); err != nil {
				slog.Debug("a trace document was not sent", "error", err.Error())
			}
		}
	}
}
