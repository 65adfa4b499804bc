package system_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	awslambda "github.com/aws/aws-lambda-go/lambda"

	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

const streamTemplate = `
Parameters: {OpenAIKeySecretArn: {Type: String}}
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      DefinitionBody:
        paths:
          /echo:
            post:
              x-amazon-apigateway-integration:
                uri: !Sub "arn:aws:apigateway:us-east-1:lambda:path/2021-11-15/functions/${EchoFunction.Arn}:live/response-streaming-invocations"
                responseTransferMode: STREAM
                timeoutInMillis: 900000
  EchoFunction:
    Type: AWS::Serverless::Function
    Properties: {Timeout: %d, Environment: {Variables: {TEST_STREAMS: "1"}}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}, {AttributeName: sk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}, {AttributeName: sk, KeyType: RANGE}]
`

// runEchoFunction is the program of a function that streams what it reads from a connection. The request's body is the
// address to connect to.
func runEchoFunction() {
	awslambda.Start(func(_ context.Context, e events.APIGatewayProxyRequest) (*events.APIGatewayProxyStreamingResponse, error) {
		conn, err := net.Dial("tcp", e.Body)
		return &events.APIGatewayProxyStreamingResponse{
			StatusCode: 200,
			Headers:    map[string]string{"Content-Type": "text/event-stream"},
			Body:       &echoBody{conn},
		}, err
	})
}

// echoBody reads from a connection. It exits the process at an exclamation mark.
type echoBody struct{ net.Conn }

func (e *echoBody) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	if bytes.ContainsRune(p[:n], '!') {
		os.Exit(4)
	}
	return n, err
}

// echoSystem is a system with the function of runEchoFunction.
type echoSystem struct {
	*system.System
	t      *testing.T
	client *http.Client
}

func newEchoSystem(t *testing.T, seconds, perProcess int) echoSystem {
	root := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "build/echo"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(root, "build/echo/bootstrap")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "template.yaml"), fmt.Appendf(nil, streamTemplate, seconds), 0o644); err != nil {
		t.Fatal(err)
	}
	s := systemtest.Start(t, system.Options{Root: root, PerProcess: perProcess})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return echoSystem{s, t, client}
}

// begin sends a request and returns its response, and the function's connection.
func (s echoSystem) begin(ctx context.Context) (*http.Response, net.Conn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	r, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/echo", strings.NewReader(l.Addr().String()))
	if err != nil {
		return nil, nil, err
	}
	response, err := s.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		return nil, nil, fmt.Errorf("got %s %v", response.Status, response.Header)
	}
	conn, err := l.Accept()
	return response, conn, err
}

// waitClosed waits until the function has closed its connection.
func waitClosed(conn net.Conn) error {
	conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("the function was not told in 30 s")
	}
	return nil
}

// Streams work from a function's process to an HTTP client: each piece arrives before the next is written, the client
// sees that a response is cut, and the function learns that the client has left.
func TestEchoes(t *testing.T) {
	for _, tt := range []struct {
		name       string
		seconds    int
		perProcess int
		end        func(leave func(), conn net.Conn)
		want       error // of reading the rest
	}{
		{"whole", 60, 1, func(_ func(), conn net.Conn) { conn.Close() }, nil},
		{"whole, many at once", 60, 4, func(_ func(), conn net.Conn) { conn.Close() }, nil},
		{"crash", 60, 1, func(_ func(), conn net.Conn) { io.WriteString(conn, "!") }, io.ErrUnexpectedEOF},
		{"crash, many at once", 60, 4, func(_ func(), conn net.Conn) { io.WriteString(conn, "!") }, io.ErrUnexpectedEOF},
		{"timeout", 4, 1, func(func(), net.Conn) {}, io.ErrUnexpectedEOF},
		{"client leaves", 60, 1, func(leave func(), _ net.Conn) { leave() }, context.Canceled},
		{"client leaves, many at once", 60, 4, func(leave func(), _ net.Conn) { leave() }, context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newEchoSystem(t, tt.seconds, tt.perProcess)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			response, conn, err := s.begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			defer conn.Close()
			for _, text := range []string{"data: one\n\n", "data: two\n\n"} {
				io.WriteString(conn, text)
				got := make([]byte, len(text))
				if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != text {
					t.Fatalf("read %q, %v", got, err)
				}
			}
			began := time.Now()
			tt.end(leave, conn)
			if rest, err := io.ReadAll(response.Body); len(rest) > 0 || !errors.Is(err, tt.want) {
				t.Errorf("then read %q, %v, want %v", rest, err, tt.want)
			}
			if tt.want != nil {
				if err := waitClosed(conn); err != nil {
					t.Error(err)
				}
				t.Logf("the function's end came after %v", time.Since(began))
			}
		})
	}
}

// Many clients at once, which leave at random or read slowly, leave nothing behind.
func TestManyEchoes(t *testing.T) {
	const clients, total = 8, 200
	s := newEchoSystem(t, 60, 4)
	used := func() (goroutines, files int) {
		list, _ := os.ReadDir("/proc/self/fd")
		return runtime.NumGoroutine(), len(list)
	}
	run := func(seeds int) (longest time.Duration) {
		turns := make(chan uint64, seeds)
		for seed := range seeds {
			turns <- uint64(seed)
		}
		close(turns)
		var mu sync.Mutex
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for seed := range turns {
					took, err := s.runStream(rand.New(rand.NewPCG(seed, 2)))
					if err != nil {
						t.Errorf("stream %d: %v", seed, err)
					}
					mu.Lock()
					longest = max(longest, took)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		return longest
	}
	run(2 * clients)
	goroutines, files := used()
	t.Logf("of %d streams, the function was told after %v at most", total, run(total))
	// There may be more processes than before, each with a Runtime API. Any other difference does not depend on the
	// number of streams.
	const few = 20 * clients
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		g, f := used()
		if g <= goroutines+few && f <= files+few {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d goroutines and %d files, before %d and %d", g, f, goroutines, files)
		}
	}
}

// runStream runs a stream whose client may leave. It returns how long it took until the function learned of that.
func (s echoSystem) runStream(random *rand.Rand) (took time.Duration, err error) {
	response, conn, err := s.begin(s.t.Context())
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	pieces := make([]int, random.IntN(20))
	whole := 0
	for i := range pieces {
		pieces[i] = random.IntN(16 << 10)
		whole += pieces[i]
	}
	leaves := random.IntN(2) == 0
	written := make(chan struct{})
	go func() {
		defer close(written)
		for _, n := range pieces {
			if _, err := conn.Write(bytes.Repeat([]byte("."), n)); err != nil {
				return // the client left
			}
		}
		if !leaves {
			conn.(*net.TCPConn).CloseWrite()
		}
	}()
	defer func() { <-written }()
	if !leaves {
		if got, err := io.Copy(io.Discard, response.Body); err != nil || int(got) != whole {
			return 0, fmt.Errorf("read %d of %d, %w", got, whole, err)
		}
		return 0, waitClosed(conn)
	}
	if _, err := io.CopyN(io.Discard, response.Body, int64(random.IntN(whole+1))); err != nil {
		return 0, err
	}
	began := time.Now()
	response.Body.Close()
	err = waitClosed(conn)
	return time.Since(began), err
}
