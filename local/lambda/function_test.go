package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"go.uber.org/goleak"
)

// The test binary is the function program too, and the program that is killed while it runs functions.
func TestMain(m *testing.M) {
	switch os.Getenv("TEST_ROLE") {
	case "function":
		initFunction(os.Getenv("TEST_INIT"))
		awslambda.Start(handle)
	case "parent":
		parent()
	default:
		goleak.VerifyTestMain(m)
	}
}

func initFunction(how string) {
	switch how {
	case "exit":
		fmt.Println("giving up")
		os.Exit(3)
	case "error":
		body := strings.NewReader(`{"errorType":"Config.Missing","errorMessage":"no key","stackTrace":[]}`)
		r, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/init/error", "application/json", body)
		if err != nil || r.StatusCode != http.StatusAccepted {
			panic(fmt.Sprint("init/error was not accepted: ", r, err))
		}
		os.Exit(1)
	case "hang":
		time.Sleep(time.Hour)
	}
}

// event says what the function is to do.
type event struct {
	Do   string `json:"do"`
	Text string `json:"text,omitempty"` // echoed, or a host:port, or a file
	N    int    `json:"n,omitempty"`
}

func handle(ctx context.Context, e event) (any, error) {
	switch e.Do {
	case "echo":
		return e.Text, nil
	case "pid":
		return os.Getpid(), nil
	case "environment":
		return os.Environ(), nil
	case "context":
		c, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		dir, _ := os.Getwd()
		return map[string]any{
			"id":       c.AwsRequestID,
			"arn":      c.InvokedFunctionArn,
			"deadline": deadline.UnixMilli(),
			"trace":    os.Getenv("_X_AMZN_TRACE_ID"),
			"dir":      dir,
		}, nil
	case "hold":
		return os.Getpid(), hold(e.Text)
	case "answer, then hold":
		return &heldResponse{answer: strings.NewReader(`"answered"`), address: e.Text}, nil
	case "stall":
		select {}
	case "work":
		time.Sleep(time.Duration(e.N) * time.Millisecond)
		return nil, nil
	case "exit":
		os.Exit(e.N)
	case "panic":
		panic("at the disco")
	case "error":
		return nil, errors.New(e.Text)
	case "big":
		return strings.Repeat("x", e.N-2), nil // with its quotes, n bytes of JSON
	case "break off":
		return io.MultiReader(strings.NewReader(`"begun`), failingReader{}), nil
	case "print":
		fmt.Print(e.Text)
		return nil, nil
	case "tick":
		return nil, tick(e.Text)
	case "hold, then stream":
		hold(e.Text)
		fallthrough
	case "stream":
		conn, err := net.Dial("tcp", e.Text)
		return &connResponse{conn}, err
	case "flood":
		return &largeResponse{left: e.N}, nil
	case "child":
		cmd := exec.Command("/bin/sleep", "1000")
		err := cmd.Start()
		return cmd.Process.Pid, err
	}
	return nil, fmt.Errorf("cannot do %q", e.Do)
}

// hold returns when the test closes the connection that hold makes to it.
func hold(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	io.Copy(io.Discard, conn)
	return nil
}

// heldResponse is a response whose Close holds. aws-lambda-go calls Close after it has sent a response. The type has no
// exported field, since aws-lambda-go would encode it as JSON then.
type heldResponse struct {
	answer  io.Reader
	address string
}

func (h *heldResponse) Read(p []byte) (int, error) { return h.answer.Read(p) }

func (h *heldResponse) Close() error { return hold(h.address) }

// connResponse is a response whose bytes the test writes to a connection. aws-lambda-go closes the response and with it
// the connection. The byte ! makes the process exit, # makes the response fail.
type connResponse struct{ conn net.Conn }

func (s *connResponse) Read(p []byte) (int, error) {
	n, err := s.conn.Read(p)
	if i := bytes.IndexAny(p[:n], "!#"); i >= 0 && p[i] == '!' {
		os.Exit(4)
	} else if i >= 0 {
		return 0, errors.New("the source broke off")
	}
	return n, err
}

func (s *connResponse) Close() error { return s.conn.Close() }

func (s *connResponse) ContentType() string { return "text/x-test" }

// largeResponse is a response of left bytes.
type largeResponse struct{ left int }

func (f *largeResponse) Read(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("the source broke off") }

// tick makes a file grow until the process ends.
func tick(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	go func() {
		for {
			f.Write([]byte("."))
			time.Sleep(time.Millisecond)
		}
	}()
	return nil
}

// parent runs one busy and one frozen process, prints their pids, and waits to be killed.
func parent() {
	binary, _ := os.Executable()
	s, err := New([]Function{{
		Name: "f", Binary: binary, Timeout: time.Hour, Env: map[string]string{"TEST_ROLE": "function"},
	}}, Options{})
	if err != nil {
		panic(err)
	}
	payload, _ := json.Marshal(event{Do: "hold", Text: os.Getenv("TEST_GATE")})
	go s.Invoke(context.Background(), "f", Invocation{Payload: payload})
	io.ReadFull(os.Stdin, make([]byte, 1)) // the test has seen it hold
	if _, err = s.Invoke(context.Background(), "f", Invocation{Payload: []byte(`{"do":"pid"}`)}); err != nil {
		panic(err)
	}
	for _, e := range s.Environments("f") {
		fmt.Println(e.PID)
	}
	select {}
}

// start returns a Service with one function "f", this program, unless f says otherwise.
func start(t *testing.T, f Function, o Options) *Service {
	t.Helper()
	if f.Name == "" {
		f.Name = "f"
	}
	if f.Binary == "" {
		f.Binary = program(t)
	}
	if f.Timeout == 0 {
		f.Timeout = time.Minute
	}
	if o.InitTimeout == 0 {
		o.InitTimeout = time.Minute
	}
	env := map[string]string{"TEST_ROLE": "function"}
	for name, value := range f.Env {
		env[name] = value
	}
	f.Env = env
	s, err := New([]Function{f}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func program(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func invoke(t *testing.T, s *Service, e event) (Result, error) {
	t.Helper()
	payload, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return s.Invoke(t.Context(), "f", Invocation{Payload: payload})
}

// mustInvoke invokes and decodes the response.
func mustInvoke[T any](t *testing.T, s *Service, e event) T {
	t.Helper()
	r, err := invoke(t, s, e)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(r.Payload, &v); err != nil {
		t.Fatalf("response %s: %v", r.Payload, err)
	}
	return v
}

// gate is a listener to which functions that hold connect.
type gate struct {
	net.Listener
	t *testing.T
}

func newGate(t *testing.T) gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return gate{l, t}
}

func (g gate) event() event { return event{Do: "hold", Text: g.Addr().String()} }

// waitForHold waits until a function holds. Closing the connection lets that function go on.
func (g gate) waitForHold() net.Conn {
	g.t.Helper()
	conn, err := g.Accept()
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	return conn
}

// eventually waits until a condition holds that no channel announces, such as the state of a process.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// logRecorder collects log lines.
type logRecorder struct {
	mu    sync.Mutex
	lines []Line
}

func (j *logRecorder) add(l Line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, l)
}

// waitForReport waits for the last line of an invocation. Invoke may return before it, when the process works on for
// longer than settleDelay after its answer.
func (j *logRecorder) waitForReport(t *testing.T, requestID string) {
	t.Helper()
	eventually(t, "the invocation's report", func() bool {
		return slices.ContainsFunc(j.texts(), func(text string) bool {
			report := strings.HasPrefix(text, "REPORT ") || strings.Contains(text, `"platform.report"`)
			return report && strings.Contains(text, requestID)
		})
	})
}

func (j *logRecorder) texts() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var texts []string
	for _, l := range j.lines {
		texts = append(texts, l.Text)
	}
	return texts
}
