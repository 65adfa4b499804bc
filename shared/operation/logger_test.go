package operation_test

import (
	"bufio"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ragtime/shared/operation"
)

// The log does not have net/http's quote of an answer that came without a request.
func TestUnaskedAnswerIsNotLogged(t *testing.T) {
	var told buffer
	old := slog.Default()
	slog.SetDefault(slog.New(operation.LogHandler(slog.NewJSONHandler(&told, nil)).WithAttrs(nil)))
	defer slog.SetDefault(old)
	defer log.SetOutput(log.Writer())
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright"+"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nQuagmire7431")
		io.Copy(io.Discard, c)
	}()
	client := &http.Client{Transport: new(http.Transport)}
	resp, err := client.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(told.String(), "Unsolicited") && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	client.CloseIdleConnections()
	<-served
	if got := told.String(); !strings.Contains(got, "Unsolicited") || strings.Contains(got, "Quagmire7431") {
		t.Errorf("logged %s", got)
	}
}

// buffer is a bytes.Buffer that is safe for concurrent use.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
