package lambda

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRuntimeAPIRefusals speaks the protocol wrongly, as no aws-lambda-go does.
func TestRuntimeAPIRefusals(t *testing.T) {
	a, err := newRuntimeAPI()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	client := &http.Client{Transport: new(http.Transport)}
	t.Cleanup(client.CloseIdleConnections)
	request := func(method, path, body string, status int, kind string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+a.address+"/2018-06-01/runtime/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != status || !strings.Contains(string(got), kind) {
			t.Errorf("%s %s: %d %s, want %d %s", method, path, resp.StatusCode, got, status, kind)
		}
	}
	inv := &invocation{job: &job{requestID: "1"}, answers: make(chan answer, 1)}

	request("POST", "invocation/1/response", "{}", 400, "InvalidRequestID") // before any
	request("POST", "init/error", "{}", 202, "OK")
	request("POST", "init/error", "{}", 403, "InvalidStateTransition") // twice
	a.register(inv)
	request("POST", "init/error", "{}", 403, "InvalidStateTransition") // init is over
	request("POST", "invocation/2/response", "{}", 400, "InvalidRequestID")
	go func() { (<-a.nexts).refuse() }()
	request("GET", "invocation/next", "", 403, "InvalidStateTransition")
	request("POST", "invocation/1/error", `{"errorType":"T"}`, 202, "OK")
	request("POST", "invocation/1/response", "{}", 403, "InvalidStateTransition") // answered
	request("GET", "elsewhere", "", 404, "")
	if got := <-inv.answers; got.fault == nil || got.fault.Type != "T" {
		t.Errorf("answer %+v, want the error T", got)
	}
}

func TestPostedError(t *testing.T) {
	tests := []struct{ name, header, body, kind, message, payload string }{
		{"whole", "H", `{"errorType":"T","errorMessage":"m","stackTrace":[1]}`, "T", "m", `{"errorType":"T","errorMessage":"m","stackTrace":[1]}`},
		{"header only", "H", `{"errorMessage":"m"}`, "H", "m", `{"errorMessage":"m"}`},
		{"neither", "", `{}`, "Runtime.Unknown", "", `{}`},
		{"no JSON", "", `oh`, "Runtime.Unknown", "oh", `{"errorType":"Runtime.Unknown","errorMessage":"oh"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := reportedError("1", tt.header, []byte(tt.body))
			if got.Type != tt.kind || got.Message != tt.message || string(got.Payload) != tt.payload {
				t.Errorf("got %s, %q, %s, want %s, %q, %s", got.Type, got.Message, got.Payload, tt.kind, tt.message, tt.payload)
			}
		})
	}
}

// TestNextAgain: a process that gave up on its request for an invocation gets one on its next request.
func TestNextAgain(t *testing.T) {
	a, err := newRuntimeAPI()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	exited := make(chan struct{})
	e := &environment{
		service: &Service{closing: make(chan struct{})}, function: Function{Timeout: time.Minute},
		api: a, process: &process{exited: exited},
	}
	gone := make(chan struct{})
	close(gone)
	e.waiting = &nextCall{give: make(chan *invocation), gone: gone}
	inv := &invocation{job: &job{requestID: "1"}, answers: make(chan answer, 1)}
	go func() {
		again := &nextCall{give: make(chan *invocation)}
		a.nexts <- again
		(<-again.give).answers <- answer{payload: []byte("1")}
		a.nexts <- &nextCall{give: make(chan *invocation)}
	}()
	got, failure := e.await(inv, func(answer) {})
	if failure != nil || got == nil || string(got.payload) != "1" {
		t.Errorf("got %+v, %v, want the answer 1", got, failure)
	}
}

// A process that breaks its protocol: a response has one beginning and one end.
func TestStreamProtocol(t *testing.T) {
	a, err := newRuntimeAPI()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	post := func(what string, body io.Reader) int {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+a.address+"/2018-06-01/runtime/invocation/1/"+what, body)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp, err := client.Do(r)
		if err != nil {
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	begin := func() (*invocation, *io.PipeWriter, <-chan int) {
		inv := &invocation{job: &job{requestID: "1", pipe: newResponsePipe()}, answers: make(chan answer, 1)}
		a.register(inv)
		body, w := io.Pipe()
		status := make(chan int, 1)
		go func() { status <- post("response", body) }()
		io.WriteString(w, "begun")
		io.ReadFull(inv.pipe.reader, make([]byte, 5))
		return inv, w, status
	}

	inv, body, status := begin()
	if got := post("response", strings.NewReader("another")); got != http.StatusForbidden {
		t.Errorf("a second response: got %d, want 403", got)
	}
	body.Close()
	if got := <-status; got != http.StatusAccepted {
		t.Errorf("the first: got %d, want 202", got)
	}
	if got := <-inv.answers; got.fault != nil {
		t.Errorf("got %v", got.fault)
	}

	// One that breaks off may still say why.
	inv, body, status = begin()
	body.CloseWithError(errors.New("broken off"))
	<-status
	if got := post("error", strings.NewReader(`{"errorType":"Late"}`)); got != http.StatusAccepted {
		t.Errorf("the error: got %d, want 202", got)
	}
	if got := <-inv.answers; got.fault == nil || got.fault.Type != "Late" {
		t.Errorf("got %+v, want the error", got)
	}
}
