package xray

import (
	"fmt"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKeepsDocumentsByTrace(t *testing.T) {
	d, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c, err := net.Dial("udp", d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const header = `{"format":"json","version":1}` + "\n"
	for _, s := range []string{
		"garbage",
		header + "garbage",
		header + `{"id":"no trace"}`,
		header + `{"trace_id":"1-a","id":"1"}`,
		header + `{"trace_id":"1-b","id":"2"}`,
		header + `{"trace_id":"1-a","id":"3"}`,
	} {
		fmt.Fprint(c, s)
	}
	for deadline := time.Now().Add(5 * time.Second); len(d.Trace("1-a")) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("trace 1-a has %d documents, want 2", len(d.Trace("1-a")))
		}
	}
	if got := d.Traces(); len(got) != 2 || got[0] != "1-b" {
		t.Errorf("traces %v, want 1-b and 1-a", got)
	}
	if got := string(d.Trace("1-a")[1]); got != `{"trace_id":"1-a","id":"3"}` {
		t.Errorf("second document %s", got)
	}
}

func TestForgetsTheOldestTrace(t *testing.T) {
	d := new(Daemon)
	d.traces = map[string][]storedDocument{}
	for i := range maxTraces + 1 {
		d.store(fmt.Appendf(nil, "{\"format\":\"json\",\"version\":1}\n{\"trace_id\":\"%d\"}", i), time.Now())
	}
	if len(d.order) != maxTraces || d.Trace("0") != nil || d.Trace("1") == nil {
		t.Errorf("%d traces, want %d without the first", len(d.order), maxTraces)
	}
}
