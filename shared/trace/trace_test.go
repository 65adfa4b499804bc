package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-xray-sdk-go/v2/xray"
	"github.com/google/go-cmp/cmp"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// A span that waits is sent once as in progress. End sends all spans complete, with the same
// ids.
func TestInProgressOnceThenComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, tr, sent := begin(t)
		ctx, step := evidence.Enter(ctx, fault.StepEmbed)
		_, first := evidence.NewAttempt(ctx, 1)
		first.Phase(fault.PhaseBlocked)
		time.Sleep(time.Second)
		first.Phase(fault.PhaseWait)
		tr.Waiting()
		docs := sent.takeDocuments(t)
		if len(docs) != 1 {
			t.Fatalf("%d documents after 1 s, want 1", len(docs))
		}
		var ids []string
		for d, names := docs[0], []string{"embed", "embed", "attempt", "wait"}; ; d = d.Subsegments[0] {
			if !d.InProgress || d.End != 0 || d.Name != names[len(ids)] {
				t.Errorf("level %d: %+v, want %s in progress", len(ids), d, names[len(ids)])
			}
			if ids = append(ids, d.ID); len(d.Subsegments) == 0 || len(ids) == len(names) {
				break
			}
		}
		if len(ids) != 4 || docs[0].ParentID != parent {
			t.Errorf("chain %v below %s, want operation, step, attempt and phase below %s", ids, docs[0].ParentID, parent)
		}

		tr.Waiting()
		if again := sent.takeDocuments(t); len(again) != 0 {
			t.Errorf("sent %+v again", again)
		}

		time.Sleep(time.Second)
		first.Overtaken(time.Second)
		first.End(fault.New(fault.Canceled, "abandoned: attempt 2 answered first"))
		_, second := evidence.NewAttempt(ctx, 2)
		second.Phase(fault.PhaseTLS)
		tr.Waiting()
		docs = sent.takeDocuments(t)
		if len(docs) != 1 ||
			docs[0].ParentID != ids[1] ||
			docs[0].Name != "attempt" ||
			docs[0].Subsegments[0].Name != "tls" {
			t.Fatalf("after 2 s %+v, want attempt 2 alone below %s", docs, ids[1])
		}
		secondID := docs[0].ID

		time.Sleep(time.Second)
		second.End(nil)
		step.End(nil)
		tr.End(3*time.Second, nil)
		docs = sent.takeDocuments(t)
		// The operation, with the first attempt, and the second attempt were announced at the top
		// of documents, and so are completed in two.
		if len(docs) != 2 || len(docs[0].Subsegments[0].Subsegments) != 1 || docs[1].ParentID != ids[1] {
			t.Fatalf("at the end %+v, want the operation's document, and attempt 2 alone below %s", docs, ids[1])
		}
		op := docs[0]
		attempts := slices.Concat(op.Subsegments[0].Subsegments, docs[1:])
		if op.ID != ids[0] ||
			op.Subsegments[0].ID != ids[1] ||
			attempts[0].ID != ids[2] ||
			attempts[0].Subsegments[1].ID != ids[3] ||
			attempts[1].ID != secondID {
			t.Errorf("ids changed from %v, %s: %+v", ids, secondID, op)
		}
		if op.InProgress || op.Start != unixSeconds(start) || op.End != unixSeconds(start.Add(3*time.Second)) {
			t.Errorf("operation from %f to %f, want 3 s from %f", op.Start, op.End, unixSeconds(start))
		}
		wait := attempts[0].Subsegments[1]
		if wait.Start != unixSeconds(start.Add(time.Second)) ||
			wait.End != unixSeconds(start.Add(2*time.Second)) ||
			!wait.Error ||
			wait.exception() != "canceled: abandoned: attempt 2 answered first" {
			t.Errorf("phase wait %+v, want second 1 to 2, and the attempt's fault", wait)
		}
		if lost, won := attempts[0].Metadata["ragtime"]["lost"], attempts[1].Metadata["ragtime"]["lost"]; lost != "hung" ||
			won != nil {
			t.Errorf("the attempts lost as %v and %v, want the first to have hung", lost, won)
		}
		if blocked := attempts[0].Subsegments[0]; blocked.Error || blocked.Cause != nil {
			t.Errorf("phase blocked %+v is blamed too", blocked)
		}
		want := map[string]any{"operation_id": "op-1", "outcome": "ok", "attempts": 2.0}
		if !reflect.DeepEqual(op.Annotations, want) {
			t.Errorf("annotations %v, want %v", op.Annotations, want)
		}
	})
}

// A span that the work left open ends with the operation, with a fault that says where it was.
func TestNothingStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, tr, sent := begin(t)
		inStep, _ := evidence.Enter(ctx, fault.StepSearch)
		_, a := evidence.NewAttempt(inStep, 1)
		a.Phase(fault.PhaseDNS)
		pausing, _ := evidence.Enter(ctx, fault.StepStore)
		evidence.Backoff(pausing)
		time.Sleep(5 * time.Second)
		tr.End(5*time.Second, &fault.Error{
			Kind:     fault.Timeout,
			Detail:   "too slow",
			Step:     fault.StepSearch,
			Phase:    fault.PhaseDNS,
			Attempts: []fault.Attempt{{Attempt: 1}},
		})
		op := sent.takeDocuments(t)[0]
		open := "timeout: was in phase dns (no answer from the resolver) when the operation ended"
		backoff := "timeout: was in phase backoff (pausing before the next attempt) when the operation ended"
		search, store := op.Subsegments[0], op.Subsegments[1]
		for _, tt := range []struct {
			doc  doc
			want string
		}{
			{op, "timeout: too slow"},
			{search, open}, {search.Subsegments[0], open}, {search.Subsegments[0].Subsegments[1], open},
			{store, backoff}, {store.Subsegments[0], backoff},
		} {
			if tt.doc.exception() != tt.want ||
				!tt.doc.Fault ||
				tt.doc.InProgress ||
				tt.doc.End != unixSeconds(start.Add(5*time.Second)) {
				t.Errorf("%s ended as %+v (%s), want its parent's end and %s", tt.doc.Name, tt.doc, tt.doc.exception(), tt.want)
			}
		}
		want := map[string]any{
			"operation_id": "op-1",
			"outcome":      "timeout",
			"step":         "search",
			"phase":        "dns",
			"attempts":     1.0,
		}
		if !reflect.DeepEqual(op.Annotations, want) {
			t.Errorf("annotations %v, want %v", op.Annotations, want)
		}
	})
}

// X-Ray's flags are fault for 5xx, error for 4xx, and throttle for 429.
func TestFlags(t *testing.T) {
	tests := []struct {
		kind                   fault.Kind
		fault, error, throttle bool
		message                string
	}{
		{fault.Timeout, true, false, false, "detail"},
		{fault.Unavailable, true, false, false, "detail"},
		{fault.RateLimited, false, true, true, "detail"},
		{fault.Invalid, false, true, false, "detail"},
		{fault.Canceled, false, true, false, "detail"},
		{fault.Internal, true, false, false, "Internal error"},
	}
	for _, tt := range tests {
		_, tr, sent := begin(t)
		tr.End(time.Second, fault.New(tt.kind, "detail"))
		d := sent.takeDocuments(t)[0]
		if d.Fault != tt.fault ||
			d.Error != tt.error ||
			d.Throttle != tt.throttle ||
			d.exception() != tt.kind.String()+": "+tt.message {
			t.Errorf("%s: %+v (%s)", tt.kind, d, d.exception())
		}
	}
}

func TestDescribesExchanges(t *testing.T) {
	tests := []struct {
		name            string
		exchange        evidence.Exchange
		want, namespace string
		aws             map[string]any
		requestID       any // in the metadata
	}{
		{
			name: "none",
			want: "attempt",
		},
		{
			name: "OpenAI",
			exchange: evidence.Exchange{
				Method:    "POST",
				URL:       "https://api.openai.com/v1/embeddings",
				Status:    200,
				Bytes:     10,
				RequestID: "req_1",
			},
			want:      "api.openai.com",
			namespace: "remote",
			requestID: "req_1",
		},
		{
			name: "DynamoDB",
			exchange: evidence.Exchange{
				Method:    "POST",
				URL:       "https://dynamodb.eu-west-1.amazonaws.com/",
				Target:    "DynamoDB_20120810.GetItem",
				Status:    200,
				RequestID: "A1",
			},
			want:      "DynamoDB",
			namespace: "aws",
			aws: map[string]any{
				"operation":  "GetItem",
				"region":     "eu-west-1",
				"table_name": "documents",
				"request_id": "A1",
				"retries":    1.0,
			},
		},
		{
			name: "Secrets Manager",
			exchange: evidence.Exchange{
				Method: "POST",
				URL:    "http://127.0.0.1:1/",
				Target: "secretsmanager.GetSecretValue",
			},
			want:      "SecretsManager",
			namespace: "aws",
			aws:       map[string]any{"operation": "GetSecretValue", "region": "eu-west-1", "retries": 1.0},
		},
		{
			name:      "IPv6",
			exchange:  evidence.Exchange{Method: "GET", URL: "http://[::1]:80/"},
			want:      "::1",
			namespace: "remote",
		},
	}
	for _, tt := range tests {
		ctx, tr, sent := begin(t)
		ctx, step := evidence.Enter(ctx, fault.StepEmbed)
		_, a := evidence.NewAttempt(ctx, 2)
		a.Connection(true)
		a.Exchange(func(x *evidence.Exchange) { *x = tt.exchange })
		a.End(nil)
		step.End(nil)
		tr.End(time.Second, nil)
		d := sent.takeDocuments(t)[0].Subsegments[0].Subsegments[0]
		more := d.Metadata["ragtime"]
		if d.Name != tt.want || d.Namespace != tt.namespace || !reflect.DeepEqual(d.AWS, tt.aws) {
			t.Errorf("%s: name %q, namespace %q, aws %v; want %q, %q, %v", tt.name, d.Name, d.Namespace, d.AWS, tt.want, tt.namespace, tt.aws)
		}
		if more["request_id"] != tt.requestID || more["attempt"] != 2.0 || more["connection"] != "reused" {
			t.Errorf("%s: metadata %v, want request id %v, attempt 2, reused", tt.name, more, tt.requestID)
		}
		if tt.exchange.Status != 0 && d.HTTP["response"].(map[string]any)["status"] != 200.0 {
			t.Errorf("%s: http %v, want status 200", tt.name, d.HTTP)
		}
	}
}

// An operation with very many attempts is sent completely, in documents that X-Ray takes, and
// always in the same ones.
func TestSplitsWhatIsTooLarge(t *testing.T) {
	const attempts = 600
	ctx, tr, sent := begin(t)
	ctx, step := evidence.Enter(ctx, fault.StepStore)
	for i := range attempts {
		_, a := evidence.NewAttempt(ctx, 1+i%3)
		for _, p := range []fault.Phase{fault.PhaseBlocked, fault.PhaseConnect, fault.PhaseTLS, fault.PhaseSend, fault.PhaseWait, fault.PhaseReceive} {
			a.Phase(p)
		}
		a.Exchange(func(x *evidence.Exchange) {
			*x = evidence.Exchange{Method: "POST", URL: "https://h/" + strings.Repeat("é", 300), RequestID: strings.Repeat("r", 500), Status: 500}
		})
		a.End(fault.New(fault.Unavailable, "%s", strings.Repeat("<", 900)))
	}
	step.End(nil)
	tr.End(time.Minute, nil)
	raw := sent.docs
	docs := sent.takeDocuments(t)
	seen := map[string]bool{}
	count := map[int]int{}
	var walk func(d doc, depth int)
	walk = func(d doc, depth int) {
		if seen[d.ID] {
			t.Errorf("%s %s was sent twice", d.Name, d.ID)
		}
		seen[d.ID] = true
		count[depth]++
		for _, c := range d.Subsegments {
			walk(c, depth+1)
		}
	}
	at := map[string]int{docs[0].ID: 1, docs[1].ID: 2} // level of what is below
	for i, d := range docs {
		if len(raw[i])+len(xray.Header) > maxDatagram+2 {
			t.Errorf("document %d has %d bytes", i, len(raw[i]))
		}
		walk(d, at[d.ParentID])
	}
	if docs[0].ParentID != parent ||
		docs[1].ParentID != docs[0].ID ||
		count[0] != 1 ||
		count[1] != 1 ||
		count[2] != attempts ||
		count[3] != 6*attempts {
		t.Errorf("spans by level %v in %d documents, want 1, 1, %d, %d", count, len(docs), attempts, 6*attempts)
	}
	if n := len(docs[1].Subsegments); n < 20 {
		t.Errorf("%d attempts are with their step, want as many as fit", n)
	}
	tr.End(time.Minute, nil)
	for i := range raw {
		if len(sent.docs) != len(raw) || !bytes.Equal(sent.docs[i], raw[i]) {
			t.Fatalf("document %d is another one the second time", i)
		}
	}
}

// A document that the SDK decodes and encodes again is the same document.
func TestDocumentsAreTheSDKs(t *testing.T) {
	ctx, tr, sent := begin(t)
	ctx, step := evidence.Enter(ctx, fault.StepEmbed)
	for _, target := range []string{"", "DynamoDB_20120810.Get\\Item"} {
		_, a := evidence.NewAttempt(ctx, 2)
		a.Connection(true)
		a.Phase(fault.PhaseWait)
		a.Exchange(func(x *evidence.Exchange) {
			*x = evidence.Exchange{
				Method:    "PO\"ST",
				URL:       "https://h/<&>\u2028\x01",
				Target:    target,
				Status:    503,
				Bytes:     4321,
				RequestID: "ü",
				Address:   "[::1]:443",
			}
		})
		a.End(fault.New(fault.RateLimited, "slow \"down\""))
	}
	tr.Waiting()
	step.End(nil)
	tr.End(1234567*time.Microsecond, &fault.Error{Kind: fault.RateLimited, Detail: "slow down", Step: fault.StepEmbed, Phase: fault.PhaseWait})
	for _, raw := range sent.docs {
		checkReadBySDK(t, raw)
	}
}

// checkReadBySDK checks that the SDK's segment holds all of a document, and of all below it.
func checkReadBySDK(t *testing.T, raw []byte) {
	t.Helper()
	var seg xray.Segment
	var got, want map[string]any
	err := json.Unmarshal(raw, &seg)
	if err == nil {
		var again []byte
		again, err = json.Marshal(&seg)
		err = errors.Join(err, json.Unmarshal(again, &want), json.Unmarshal(raw, &got))
	}
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	delete(want, "Dummy") // a slip of the SDK's
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the SDK's (-) and ours (+):\n%s", diff)
	}
	for _, below := range seg.Subsegments {
		checkReadBySDK(t, below)
	}
}

func TestIDsAreUnique(t *testing.T) {
	tr := &Trace{seed: 42}
	seen := map[string]string{}
	for i := range 20 {
		for j := range 200 {
			for k := range 10 {
				id := tr.spanID(i, j, k)
				path := fmt.Sprint(i, j, k)
				if other, ok := seen[id]; ok || len(id) != 16 {
					t.Fatalf("%s has id %s, as %s", path, id, other)
				}
				seen[id] = path
			}
		}
	}
}

// An operation that is not sampled is not traced, which costs nothing.
func TestUnsampled(t *testing.T) {
	socket, at := listenDaemon(t)
	tracer := New(at, AWS{})
	for _, h := range []string{"", "Root=" + root, "Root=" + root + ";Parent=" + parent + ";Sampled=0",
		"Root=" + root + ";Parent=" + parent + ";Sampled=?", "Root=" + root + ";Sampled=1", "Sampled=1"} {
		ctx, r := evidence.With(withHeader(t, h))
		traced := tracer.Begin(ctx, "embed", "op-1", r)
		if traced != nil {
			t.Errorf("header %q is sampled", h)
		}
	}
	ctx, r := evidence.With(withHeader(t, "Root="+root+";Parent="+parent+";Sampled=0"))
	allocs := testing.AllocsPerRun(100, func() {
		tr := tracer.Begin(ctx, "embed", "op-1", r)
		tr.Waiting()
		tr.End(time.Second, nil)
	})
	if allocs != 0 {
		t.Errorf("%.0f allocations an unsampled operation, want none", allocs)
	}
	socket.SetReadDeadline(time.Now())
	if n, _, err := socket.ReadFrom(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes were sent", n)
	}
	if ID(ctx) != root {
		t.Errorf("trace id %q, want %s, sampled or not", ID(ctx), root)
	}
}

// Documents are sent to the daemon as the SDK sends them. It does no harm if there is none.
func TestSendsToTheDaemon(t *testing.T) {
	socket, at := listenDaemon(t)
	ctx, r := evidence.With(sampledContext(t))
	New(at, AWS{}).Begin(ctx, "retrieve", "op-1", r).End(time.Second, nil)
	socket.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 64<<10)
	n, _, err := socket.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	if head, body, _ := strings.Cut(string(b[:n]), "\n"); head != `{"format": "json", "version": 1}` ||
		!strings.Contains(body, `"name":"retrieve"`) {
		t.Errorf("got %s", b[:n])
	}
	gone := listenAndClose(t)
	nobody := New(gone, AWS{})
	for range 10 {
		nobody.Begin(ctx, "retrieve", "op-1", r).End(time.Second, nil)
	}
	if New(netip.AddrPort{}, AWS{}) != nil {
		t.Error("without an address there is a tracer")
	}
	var none *Tracer
	none.Begin(ctx, "retrieve", "op-1", r).End(time.Second, nil)
}

func listenAndClose(t *testing.T) netip.AddrPort {
	c, at := listenDaemon(t)
	c.Close()
	return at
}

// Documents do not have private causes, which may quote the request.
func TestPrivateCausesStayPrivate(t *testing.T) {
	const marker = "xyzzymarker"
	private := &fault.Error{Kind: fault.Upstream, Detail: "openai: answered 400", Cause: errors.New(marker)}
	ctx, tr, sent := begin(t)
	ctx, step := evidence.Enter(ctx, fault.StepEmbed)
	_, a := evidence.NewAttempt(ctx, 1)
	a.Phase(fault.PhaseReceive)
	a.End(errors.New(marker))
	_, b := evidence.NewAttempt(ctx, 2)
	b.Phase(fault.PhaseReceive)
	tr.Waiting()
	b.End(private)
	step.End(private)
	tr.End(time.Second, &fault.Error{Kind: fault.Internal, Detail: marker, Cause: errors.New(marker)})
	if all := bytes.Join(sent.docs, nil); bytes.Contains(all, []byte(marker)) ||
		!bytes.Contains(all, []byte("openai: answered 400")) {
		t.Errorf("documents tell the private cause, or not the detail:\n%s", all)
	}
}

// A degraded operation succeeded, and its annotations name the step and phase it lacks.
func TestDegraded(t *testing.T) {
	_, tr, sent := begin(t)
	tr.Degraded(&fault.Error{Kind: fault.Timeout, Step: fault.StepGenerate, Phase: fault.PhaseWait})
	tr.End(time.Second, nil)
	op := sent.takeDocuments(t)[0]
	if op.Annotations["outcome"] != "ok" ||
		op.Annotations["step"] != "generate" ||
		op.Annotations["phase"] != "wait" ||
		op.Fault ||
		op.Error {
		t.Errorf("got %+v", op)
	}
}
