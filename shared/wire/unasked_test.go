package wire

import (
	"bufio"
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ragtime/shared/evidence"
)

// What came while a connection rested is no answer to what is asked later, whether it
// came with the answer before, or after it. Nor does any of it come into a log.
func TestUnaskedAnswers(t *testing.T) {
	const right = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright"
	const wrong = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	var got atomic.Int32 // answers read to their end
	for name, send := range map[string]func(c net.Conn){
		"with the answer before": func(c net.Conn) { io.WriteString(c, right+wrong) },
		"half of it":             func(c net.Conn) { io.WriteString(c, right+wrong[:10]) },
		"right after it":         func(c net.Conn) { io.WriteString(c, right); io.WriteString(c, wrong) },
		"later": func(c net.Conn) {
			before := got.Load()
			io.WriteString(c, right)
			for got.Load() == before {
				time.Sleep(100 * time.Microsecond)
			}
			io.WriteString(c, wrong)
		},
	} {
		for _, over := range []string{"http", "https"} {
			t.Run(name+", "+over, func(t *testing.T) {
				logged.Reset()
				var begun, sent atomic.Int32
				url, _ := conversations(t, over, func(_ int32, c net.Conn, in *bufio.Reader) {
					for {
						if _, err := http.ReadRequest(in); err != nil {
							return
						}
						begun.Add(1)
						send(c)
						sent.Add(1)
					}
				})
				tr := New(Options{})
				defer tr.CloseIdleConnections()
				for i := range 100 {
					body, _, _, err := ask(t.Context(), tr, 1, url)
					if err != nil || body != "right" {
						t.Fatalf("call %d: %q, %v", i, body, err)
					}
					got.Add(1)
					// What comes in one piece with the answer needs no waiting for, and the next
					// request may be there before net/http has looked at what is left.
					for name != "with the answer before" && begun.Load() != sent.Load() {
						time.Sleep(100 * time.Microsecond)
					}
				}
				// What came before the answer was read to its end is net/http's already.
				if name == "later" && strings.Contains(logged.String(), "wrong") {
					t.Errorf("logged %.200s", logged.String())
				}
			})
		}
	}
}

// Looking at a connection tells what there is, and takes none of it.
func TestQuiet(t *testing.T) {
	l := must(net.Listen("tcp4", "127.0.0.1:0"))
	defer l.Close()
	pair := func() (mine, theirs net.Conn) {
		mine = must(net.Dial("tcp4", l.Addr().String()))
		return mine, must(l.Accept())
	}
	becomes := func(name string, c net.Conn, want bool) {
		t.Helper()
		for range 500 {
			if quiet(c) == want {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Errorf("%s: quiet is %t", name, !want)
	}
	mine, theirs := pair()
	if !quiet(mine) {
		t.Error("an open connection is not quiet")
	}
	io.WriteString(theirs, "x")
	becomes("a byte", mine, false)
	if b, err := bufio.NewReader(mine).ReadByte(); err != nil || b != 'x' {
		t.Errorf("after a look there is %q (%v)", b, err)
	}
	becomes("the byte was read", mine, true)
	theirs.Close()
	becomes("hung up", mine, false)
	mine.Close()
	if quiet(mine) {
		t.Error("a closed connection is quiet")
	}
	mine, theirs = pair()
	defer mine.Close()
	theirs.(*net.TCPConn).SetLinger(0)
	theirs.Close()
	becomes("reset", mine, false)
}

// What comes before the first byte of a request is sent ends a connection that carried
// another one, with nothing written and nothing handed on. Before the first request there may
// be TLS's session tickets, also late ones.
func TestSocketTellsUnaskedBytes(t *testing.T) {
	l := must(net.Listen("tcp4", "127.0.0.1:0"))
	defer l.Close()
	for _, tt := range []struct {
		name    string
		carried bool
		reads   bool // somebody reads before the request is written, as net/http does
		want    error
	}{
		{"another request was carried", true, false, errUnasked},
		{"another request was carried, read", true, true, errUnasked},
		{"none was", false, false, nil},
		{"none was, read", false, true, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &socket{Conn: must(net.Dial("tcp4", l.Addr().String()))}
			defer s.Close()
			theirs := must(l.Accept())
			defer theirs.Close()
			w := newWatch(t.Context(), evidence.Current(t.Context()))
			defer w.end()
			s.attach(w)
			must(s.Write([]byte("before")))
			must(io.ReadFull(theirs, make([]byte, 6)))
			s.detach(tt.carried)
			s.attach(w)
			defer s.detach(true)
			if !s.fit() {
				t.Error("a quiet connection is not fit")
			}
			io.WriteString(theirs, "x")
			for quiet(s.Conn) {
				time.Sleep(time.Millisecond)
			}
			if tt.reads {
				if n, err := s.Read(make([]byte, 8)); err != tt.want || (n == 1) != (tt.want == nil) {
					t.Errorf("read %d, %v; want %v", n, err, tt.want)
				}
			}
			if n, err := s.Write([]byte("request")); err != tt.want || (n > 0) != (tt.want == nil) {
				t.Errorf("wrote %d, %v; want %v", n, err, tt.want)
			}
			if s.fit() != (tt.want == nil) {
				t.Errorf("fit: %t", s.fit())
			}
		})
	}
}
