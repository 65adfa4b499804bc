// Package trace shows operations to X-Ray.
//
// A trace is a view of an operation's record (package evidence), as the log is:
// operation > step > attempt > phase, each an X-Ray subsegment below the
// function's segment, which Lambda makes. Nothing is opened or closed while the
// operation runs, so nothing can stay open: documents are made from a snapshot,
// in which whatever has not ended ends with its parent and is blamed for it.
// That is what the SDK's own instrumentation gets wrong: a call cut by its
// context sends no document at all (aws-xray-sdk-go#289).
//
// A document holds names, times, sizes, statuses and the details of faults; never
// a private cause, nor anything of a request's content.
//
// It is the only package that imports the X-Ray SDK, and uses of it what reads the
// trace header. With the SDK's segments and emitter as well, tracing took 9 % of a
// retrieve's CPU time instead of 5 (BenchmarkTracing of package operation), since
// every document was encoded by reflection and once more when sent; the binaries
// were 4 MB larger, by the gRPC and fasthttp that the SDK links; and a daemon's
// address that it could not parse was a panic before main. So documents are encoded
// here, and the tests compare them with the SDK's.
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

// AWS is what X-Ray shows of calls to AWS beside what the record knows.
type AWS struct {
	Region string
	Table  string // of every call to DynamoDB
}

// Tracer sends the traces of a process. A nil Tracer sends none. Safe for
// concurrent use.
type Tracer struct {
	daemon interface{ Write([]byte) (int, error) }
	aws    AWS
}

// New makes a Tracer that sends to the X-Ray daemon at the address, over UDP: it
// does not wait for anyone, nor mind whether there is a daemon. The zero address
// gives nil.
func New(daemon netip.AddrPort, aws AWS) *Tracer {
	if !daemon.IsValid() {
		return nil
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(daemon)) // sends nothing
	if err == nil {
		err = c.SetWriteBuffer(256 << 10) // macOS sends no datagram that is larger than this, which is 9 kB if not set
	}
	if err != nil {
		slog.Error("no traces are sent", "daemon", daemon.String(), "error", err.Error())
		return nil
	}
	return &Tracer{c, aws}
}

// headerKey is the context key under which aws-lambda-go hands on the trace header.
const headerKey = "x-amzn-trace-id"

// ID is the trace that ctx belongs to, such as
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

// Trace is the trace of one operation. A nil Trace, of an operation that is not
// sampled, does nothing. Not safe for concurrent use.
type Trace struct {
	tracer     *Tracer
	name, id   string // the operation's
	root       string // the trace's id
	parent     string // the id of the segment that the operation is below
	seed       uint64 // of the ids below
	record     *evidence.Record
	announced  map[string]bool // ids that were sent in progress; true for those that began a document
	degradedBy *fault.Error    // see Degraded
}

// Begin begins the trace of an operation of the given name and id, if the trace
// header that Lambda put into ctx says that it is sampled. It sends nothing.
func (t *Tracer) Begin(ctx context.Context, name, id string, r *evidence.Record) *Trace {
	raw, _ := ctx.Value(headerKey).(string)
	if t == nil || !strings.Contains(raw, string(header.Sampled)) {
		return nil // before parsing: an unsampled operation pays nothing
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

// Waiting sends what is under way, as in progress. What it has sent before it
// does not send again.
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

// takeUnsent picks what is under way and was not sent: the topmost such spans, each with
// what is under way below it, which was not sent either.
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

// Degraded says why the operation gave less than it was asked for, though it
// succeeded: End then annotates it with that step and phase.
func (t *Trace) Degraded(why *fault.Error) {
	if t != nil {
		t.degradedBy = why
	}
}

// End sends the whole trace of an operation that took the given time and ended
// with f; nil for success. It is complete: it replaces what was in progress, each
// document by one with the same id. That a subsegment which was announced in a document of its own
// may be completed inside its parent's, X-Ray does not promise.
func (t *Trace) End(elapsed time.Duration, f *fault.Error) {
	if t == nil {
		return
	}
	t.send(t.separateAnnounced(t.spanTree(ending{after: elapsed, fault: f, degradedBy: t.degradedBy, over: true})))
}

// separateAnnounced takes those out of a span and all below it that were announced in documents
// of their own. The span itself comes first.
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

// send sends each span with all below it, in as many documents as it takes. A
// datagram that cannot be sent is lost: most likely there is no daemon.
func (t *Trace) send(spans []*span) {
	for _, s := range spans {
		for _, d := range t.datagrams(s) {
			if _, err := t.tracer.daemon.Write(d); err != nil {
				slog.Debug("a trace document was not sent", "error", err.Error())
			}
		}
	}
}
