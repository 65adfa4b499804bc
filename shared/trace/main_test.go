package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-xray-sdk-go/v2/xray"
	"go.uber.org/goleak"

	"ragtime/shared/evidence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// doc is a document as X-Ray reads it.
type doc struct {
	Type        string            `json:"type"`
	TraceID     string            `json:"trace_id"`
	ID          string            `json:"id"`
	ParentID    string            `json:"parent_id"`
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Start       float64           `json:"start_time"`
	End         float64           `json:"end_time"`
	InProgress  bool              `json:"in_progress"`
	Fault       bool              `json:"fault"`
	Error       bool              `json:"error"`
	Throttle    bool              `json:"throttle"`
	Cause       *cause            `json:"cause"`
	HTTP        map[string]any    `json:"http"`
	AWS         map[string]any    `json:"aws"`
	Annotations map[string]any    `json:"annotations"`
	Metadata    map[string]detail `json:"metadata"`
	Subsegments []doc             `json:"subsegments"`
}

type detail map[string]any

type cause struct {
	Exceptions []struct{ ID, Type, Message string } `json:"exceptions"`
}

// exception is "type: message" of the document's only exception.
func (d doc) exception() string {
	if d.Cause == nil || len(d.Cause.Exceptions) != 1 {
		return ""
	}
	return d.Cause.Exceptions[0].Type + ": " + d.Cause.Exceptions[0].Message
}

const (
	root   = "1-5759e988-bd862e3fe1be46a994272793"
	parent = "53995c3f42cd8ad8"
)

// sampledContext is the context of a sampled invocation.
func sampledContext(t testing.TB) context.Context {
	return withHeader(t, "Root="+root+";Parent="+parent+";Sampled=1")
}

// key is headerKey, a string as in aws-lambda-go.
var key any = headerKey

func withHeader(t testing.TB, h string) context.Context {
	return context.WithValue(t.Context(), key, h)
}

// fakeDaemon is a daemon that keeps the documents it gets.
type fakeDaemon struct{ docs [][]byte }

func (k *fakeDaemon) Write(datagram []byte) (int, error) {
	document, ok := bytes.CutPrefix(datagram, []byte(xray.Header))
	if !ok {
		return 0, errors.New("not as the SDK's emitter begins a datagram")
	}
	k.docs = append(k.docs, bytes.Clone(document))
	return len(datagram), nil
}

// takeDocuments decodes the documents that came since it was last called.
func (k *fakeDaemon) takeDocuments(t testing.TB) []doc {
	t.Helper()
	var out []doc
	for _, raw := range k.docs {
		var d doc
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatal(err)
		}
		if d.Type != "subsegment" || d.TraceID != root {
			t.Errorf("document %s of type %q, trace %q; want a subsegment of %s", d.Name, d.Type, d.TraceID, root)
		}
		out = append(out, d)
	}
	k.docs = nil
	return out
}

// begin begins the trace of an operation named embed whose documents are kept.
func begin(t testing.TB) (context.Context, *Trace, *fakeDaemon) {
	k := new(fakeDaemon)
	tracer := &Tracer{daemon: k, aws: AWS{Region: "eu-west-1", Table: "documents"}}
	ctx, r := evidence.With(sampledContext(t))
	return ctx, tracer.Begin(ctx, "embed", "op-1", r), k
}

// unixSeconds is a time in seconds since 1970, as documents have it.
func unixSeconds(at time.Time) float64 { return float64(at.UnixMicro()) / 1e6 }

// listenDaemon opens a daemon's socket, which nobody reads.
func listenDaemon(t testing.TB) (*net.UDPConn, netip.AddrPort) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, c.LocalAddr().(*net.UDPAddr).AddrPort()
}
