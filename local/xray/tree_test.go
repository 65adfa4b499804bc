package xray_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/local/xray"
	"ragtime/local/xray/xraytest"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/operation"
	"ragtime/shared/trace"
)

const (
	traceID = "1-5759e988-bd862e3fe1be46a994272793"
	sampled = "Root=" + traceID + ";Parent=53995c3f42cd8ad8;Sampled=1"
)

// headerKey is the context key of aws-lambda-go for the trace header, a string.
var headerKey any = "x-amzn-trace-id"

// traceOf runs work as a sampled operation that sends its trace to a daemon, waits
// until all of its documents are there, and checks each against X-Ray's schema.
func traceOf(t *testing.T, documents int, work func(context.Context) error) []*xray.Node {
	t.Helper()
	old := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(old)
	d, err := xray.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "op-1"})
	ctx = context.WithValue(ctx, headerKey, sampled)
	tracer := trace.New(netip.MustParseAddrPort(d.Addr()), trace.AWS{Region: "eu-west-1", Table: "documents"})
	operation.Run(ctx, tracer, "embed", 2*time.Second, work)
	for deadline := time.Now().Add(10 * time.Second); len(d.Trace(traceID)) < documents; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d documents, want %d", len(d.Trace(traceID)), documents)
		}
	}
	for _, doc := range d.Trace(traceID) {
		if err := xraytest.Validate(doc); err != nil {
			t.Errorf("%s: %v", doc, err)
		}
	}
	roots, err := d.Tree(traceID)
	if err != nil {
		t.Fatal(err)
	}
	return roots
}

// outline is a tree in one line: kind name state (children).
func outline(nodes []*xray.Node) string {
	var parts []string
	for _, n := range nodes {
		s := fmt.Sprintf("%s %s %s", n.Kind, n.Name, n.State)
		if n.Lost != "" {
			s += " as " + n.Lost
		}
		if len(n.Children) > 0 {
			s += " (" + outline(n.Children) + ")"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

// surviveHang is work whose first attempt is abandoned in phase tls, and whose second succeeds.
func surviveHang(ctx context.Context) error {
	ctx, step := evidence.Enter(ctx, fault.StepSearch)
	_, a := evidence.NewAttempt(ctx, 1)
	a.Phase(fault.PhaseConnect)
	a.Phase(fault.PhaseTLS)
	evidence.Backoff(ctx)
	time.Sleep(time.Millisecond) // so that the pause begins before the attempt, as X-Ray counts
	_, b := evidence.NewAttempt(ctx, 2)
	b.Exchange(func(x *evidence.Exchange) {
		*x = evidence.Exchange{
			Method:    "POST",
			URL:       "https://dynamodb.eu-west-1.amazonaws.com/",
			Target:    "DynamoDB_20120810.SearchVectors",
			Status:    200,
			RequestID: "A1",
		}
	})
	b.Phase(fault.PhaseWait)
	b.End(nil)
	a.Overtaken(time.Minute)
	a.End(fault.New(fault.Canceled, "abandoned: attempt 2 answered first"))
	step.End(nil)
	return nil
}

// hang is work that waits for all its time in a phase, of an attempt to api.openai.com.
func hang(ctx context.Context) error {
	ctx, step := evidence.Enter(ctx, fault.StepEmbed)
	_, a := evidence.NewAttempt(ctx, 1)
	a.Exchange(func(x *evidence.Exchange) {
		*x = evidence.Exchange{Method: "POST", URL: "https://api.openai.com/v1/embeddings"}
	})
	a.Phase(fault.PhaseWait)
	<-ctx.Done()
	f := &fault.Error{
		Kind:   fault.Timeout,
		Detail: "step embed <did> not finish",
		Step:   fault.StepEmbed,
		Phase:  fault.PhaseWait,
		Cause:  errors.New("private"),
	}
	a.End(f)
	step.End(f)
	return f
}

func TestTree(t *testing.T) {
	tests := []struct {
		name      string
		documents int
		work      func(context.Context) error
		want      string
	}{
		{"nothing outside", 1, func(context.Context) error { return nil }, "operation embed ok"},
		{"caller's mistake", 1, func(context.Context) error { return fault.InvalidField("text", "must not be empty") }, "operation embed failed"},
		{"survived", 1, surviveHang, "operation embed ok (step search ok (attempt attempt abandoned as overtaken (phase blocked ok, phase connect ok, phase tls abandoned), " +
			"phase backoff ok, attempt DynamoDB ok (phase blocked ok, phase wait ok)))"},
		{"hung", 2, hang, "operation embed hung (step embed hung (attempt api.openai.com hung (phase blocked ok, phase wait hung)))"},
		{"left open", 1, func(ctx context.Context) error {
			_, _ = evidence.Enter(ctx, fault.StepStore)
			return nil
		}, "operation embed ok (step store abandoned)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			roots := traceOf(t, tt.documents, tt.work)
			if got := outline(roots); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if roots[0].Annotations["operation_id"] != "op-1" {
				t.Errorf("annotations %v, want operation_id op-1", roots[0].Annotations)
			}
		})
	}
}

// A trace of very many attempts comes in many documents, and is whole again.
func TestTreeOfManyDocuments(t *testing.T) {
	const attempts = 150
	d, err := xray.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx, record := evidence.With(context.WithValue(t.Context(), headerKey, sampled))
	tr := trace.New(netip.MustParseAddrPort(d.Addr()), trace.AWS{}).Begin(ctx, "embed", "op-1", record)
	ctx, step := evidence.Enter(ctx, fault.StepStore)
	for range attempts {
		_, a := evidence.NewAttempt(ctx, 1)
		for _, p := range []fault.Phase{fault.PhaseBlocked, fault.PhaseSend, fault.PhaseWait, fault.PhaseReceive} {
			a.Phase(p)
		}
		a.Exchange(func(x *evidence.Exchange) {
			*x = evidence.Exchange{Method: "POST", URL: "https://dynamodb.eu-west-1.amazonaws.com/", Target: "DynamoDB_20120810.BatchWriteItem", Status: 200}
		})
		a.End(nil)
	}
	step.End(nil)
	tr.End(record.Elapsed(), nil)
	var roots []*xray.Node
	for deadline := time.Now().Add(10 * time.Second); len(roots) != 1 || len(roots[0].Children) != 1 || len(roots[0].Children[0].Children) != attempts; {
		if time.Now().After(deadline) {
			t.Fatalf("%d documents make %.1000s", len(d.Trace(traceID)), outline(roots))
		}
		time.Sleep(time.Millisecond)
		roots, _ = d.Tree(traceID)
	}
	for _, doc := range d.Trace(traceID) {
		if err := xraytest.Validate(doc); err != nil {
			t.Errorf("%s: %v", doc, err)
		}
	}
	for _, a := range roots[0].Children[0].Children {
		if a.Kind != xray.Attempt || len(a.Children) != 4 {
			t.Errorf("attempt %s has %d phases, want 4", outline([]*xray.Node{a}), len(a.Children))
		}
	}
}

// treeOf returns the daemon's tree of documents.
func treeOf(t *testing.T, documents ...string) []*xray.Node {
	t.Helper()
	d := xray.NewDaemonWith(t, documents)
	roots, err := d.Tree("t")
	if err != nil {
		t.Fatal(err)
	}
	return roots
}

func TestMerges(t *testing.T) {
	const (
		waiting = `{"trace_id":"t","id":"a","parent_id":"f","name":"retrieve","start_time":1.0,"in_progress":true,` +
			`"subsegments":[{"id":"b","name":"embed","start_time":1.5,"in_progress":true,"subsegments":[{"id":"c","name":"attempt","start_time":2.0,"in_progress":true,` +
			`"subsegments":[{"id":"d","name":"wait","start_time":2.0,"in_progress":true}]}]}]}`
		done = `{"trace_id":"t","id":"a","parent_id":"f","name":"retrieve","start_time":1.0,"end_time":4.0,"subsegments":[{"id":"b","name":"embed","start_time":1.5,"end_time":3.0}]}`
		own  = `{"trace_id":"t","id":"c","parent_id":"b","name":"attempt","start_time":2.0,"end_time":3.0,"subsegments":[{"id":"d","name":"wait","start_time":2.0,"end_time":3.0}]}`
		// What was announced in a document of its own is completed in one, not in its parent's.
		begun    = `{"trace_id":"t","id":"c","parent_id":"b","name":"attempt","start_time":2.0,"in_progress":true,"subsegments":[{"id":"d","name":"wait","start_time":2.0,"in_progress":true}]}`
		embedded = `{"trace_id":"t","id":"a","parent_id":"f","name":"retrieve","start_time":1.0,"end_time":4.0,"subsegments":[{"id":"b","name":"embed","start_time":1.5,"end_time":3.0,` +
			`"subsegments":[{"id":"c","name":"attempt","start_time":2.0,"end_time":3.0,"subsegments":[{"id":"d","name":"wait","start_time":2.0,"end_time":3.0}]}]}]}`
		late = `{"trace_id":"t","id":"e","parent_id":"x","name":"attempt","start_time":9.0,"in_progress":true}`
	)
	const whole = "operation retrieve ok (step embed ok (attempt attempt ok (phase wait ok)))"
	tests := []struct {
		name      string
		documents []string
		want      string
	}{
		{"killed", []string{waiting}, "operation retrieve in-progress (step embed in-progress (attempt attempt in-progress (phase wait in-progress)))"},
		{"complete supersedes", []string{waiting, done, own}, whole},
		{"in any order", []string{own, done, waiting}, whole},
		{"a lost document", []string{waiting, done}, "operation retrieve ok (step embed ok (attempt attempt in-progress (phase wait in-progress)))"},
		{"announced in its own document, completed so", []string{begun, done, own}, whole},
		{"announced in its own document, completed in another one", []string{begun, embedded},
			"operation retrieve ok (step embed ok (attempt attempt in-progress (phase wait ok)))"},
		{"the same the other way round", []string{embedded, begun},
			"operation retrieve ok (step embed ok (attempt attempt in-progress (phase wait ok)))"},
		{"a lost parent", []string{done, late}, "operation retrieve ok (step embed ok), operation attempt in-progress"},
	}
	for _, tt := range tests {
		if got := outline(treeOf(t, tt.documents...)); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
	killed := treeOf(t, waiting)[0]
	if got := killed.Duration(); got != time.Second {
		t.Errorf("a killed operation lasted %v, want the second that is known", got)
	}
	d := xray.NewDaemonWith(t, nil)
	if _, err := d.Tree("t"); err == nil {
		t.Error("a trace that nobody sent has a tree")
	}
}

// An operation whose process was killed has left what it sent in progress. It lasted
// at least until then.
func TestKilled(t *testing.T) {
	d, err := xray.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx, record := evidence.With(context.WithValue(t.Context(), headerKey, sampled))
	tr := trace.New(netip.MustParseAddrPort(d.Addr()), trace.AWS{}).Begin(ctx, "embed", "op-1", record)
	ctx, _ = evidence.Enter(ctx, fault.StepEmbed)
	_, a := evidence.NewAttempt(ctx, 1)
	a.Phase(fault.PhaseDNS)
	time.Sleep(50 * time.Millisecond) // the phase has to last
	tr.Waiting()
	var roots []*xray.Node
	for deadline := time.Now().Add(10 * time.Second); len(roots) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no document came")
		}
		roots, _ = d.Tree(traceID)
	}
	if got, want := outline(roots), "operation embed in-progress (step embed in-progress (attempt attempt in-progress (phase dns in-progress)))"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := xraytest.Validate(d.Trace(traceID)[0]); err != nil {
		t.Error(err)
	}
	if got := roots[0].Children[0].Children[0].Children[0].Duration(); got < 50*time.Millisecond {
		t.Errorf("the phase lasted %v, want the 50 ms until it was sent at the least", got)
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	if err := xray.Text(&out, traceOf(t, 2, hang)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines, want 5:\n%s", len(lines), out.String())
	}
	hung := slices.Delete(slices.Clone(lines), 3, 4)
	for i, want := range []string{"embed", "└─ embed", "   └─ 1 api.openai.com", "      └─ wait"} {
		if !strings.HasPrefix(hung[i], want+" ") || !strings.Contains(hung[i], "HUNG") || !strings.Contains(hung[i], " s ") {
			t.Errorf("line %d is %q, want %s for seconds, hung", i, hung[i], want)
		}
	}
	if !strings.HasPrefix(lines[3], "      ├─ blocked ") || strings.Contains(lines[3], "HUNG") {
		t.Errorf("line %q, want phase blocked, which did not hang", lines[3])
	}
	if !strings.Contains(lines[4], "HUNG: step embed <did> not finish") || !strings.Contains(lines[4], "▓▓▓▓") {
		t.Errorf("the phase's line %q does not tell why, or shows no bar", lines[4])
	}
}

func TestSVG(t *testing.T) {
	tests := []struct {
		name  string
		nodes []*xray.Node
		want  []string
	}{
		{"hung", traceOf(t, 2, hang), []string{`class="bar phase phase-wait hung"`, `class="note hung"`, "HUNG in wait ", "step embed &lt;did&gt; not finish", `role="img"`, "<desc"}},
		{"survived", traceOf(t, 1, surviveHang), []string{`class="bar phase phase-tls abandoned"`, `phase-backoff ok`, "operation SearchVectors", "request id A1"}},
		{"killed", treeOf(t, `{"trace_id":"t","id":"a","parent_id":"f","name":"retrieve","start_time":1.0,"in_progress":true,"subsegments":[`+
			`{"id":"b","name":"embed","start_time":1.5,"in_progress":true,"subsegments":[{"id":"c","name":"attempt","start_time":2.0,"in_progress":true,`+
			`"subsegments":[{"id":"d","name":"dns","start_time":2.0,"in_progress":true}]}]}]}`), []string{`class="bar phase phase-dns in-progress"`, "in progress in dns"}},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		if err := xray.SVG(&out, tt.nodes); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "<svg "); got != 2 || !strings.Contains(out.String(), `class="trace narrow" viewBox="0 0 360 `) {
			t.Errorf("%s: %d drawings, want a wide and a narrow one", tt.name, got)
		}
		for d := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: no XML: %v\n%s", tt.name, err, out.String())
			}
		}
		for _, want := range tt.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", tt.name, want, out.String())
			}
		}
	}
	for _, p := range []fault.Phase{fault.PhaseBlocked, fault.PhaseDNS, fault.PhaseConnect, fault.PhaseTLS, fault.PhaseSend, fault.PhaseWait, fault.PhaseReceive, fault.PhaseBackoff} {
		if !strings.Contains(xray.Style, ".phase-"+string(p)+" ") || strings.Count(xray.Style, "--trace-"+string(p)+":") != 2 {
			t.Errorf("phase %s has no colour of its own for light and for dark", p)
		}
	}
}
