package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// client returns AWS's own client for a service.
func client(t *testing.T, s *Service) *sdk.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return sdk.New(sdk.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(server.URL),
		HTTPClient:       &bodyCopier{server.Client()},
		Credentials:      aws.AnonymousCredentials{},
		RetryMaxAttempts: 1,
	})
}

// bodyCopier sends a copy of each request's body. The SDK closes its own when the response begins. That may be before
// net/http has looked for the body's end, which then fails, and takes the connection with it.
type bodyCopier struct{ *http.Client }

func (c *bodyCopier) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return c.Client.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return c.Client.Do(r)
}

// streamSDK streams with a client of its own: one client's streams share a buffer that they decode into (smithy-go
// 1.28.9), so a stream that still ends races with the next.
func streamSDK(t *testing.T, s *Service, e event) *sdk.InvokeWithResponseStreamEventStream {
	t.Helper()
	payload, _ := json.Marshal(e)
	out, err := client(t, s).InvokeWithResponseStream(t.Context(), &sdk.InvokeWithResponseStreamInput{
		FunctionName: aws.String("f"), Payload: payload, LogType: types.LogTypeTail,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.GetStream().Close() })
	return out.GetStream()
}

// collect reads events to the end.
func collect(events <-chan types.InvokeWithResponseStreamResponseEvent) (payload string, end *types.InvokeWithResponseStreamCompleteEvent) {
	for e := range events {
		switch e := e.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			payload += string(e.Value.Payload)
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			end = &e.Value
		}
	}
	return payload, end
}

func TestStreamAPI(t *testing.T) {
	s := start(t, Function{}, Options{})
	g := newGate(t)
	events := streamSDK(t, s, event{Do: "stream", Text: g.Addr().String()})
	conn := g.waitForHold()
	for _, text := range []string{"one", "two"} { // each arrives before the next is written
		io.WriteString(conn, text)
		chunk, ok := (<-events.Events()).(*types.InvokeWithResponseStreamResponseEventMemberPayloadChunk)
		if !ok || string(chunk.Value.Payload) != text {
			t.Fatalf("got %+v, want %s", chunk, text)
		}
	}
	conn.Close()
	rest, end := collect(events.Events())
	if rest != "" || events.Err() != nil || end == nil || end.ErrorCode != nil {
		t.Fatalf("then got %q, %+v, %v", rest, end, events.Err())
	}
	log, err := base64.StdEncoding.DecodeString(aws.ToString(end.LogResult))
	if err != nil || !strings.HasPrefix(string(log), "START RequestId: ") || !strings.Contains(string(log), "\nREPORT RequestId: ") {
		t.Errorf("log %q, %v", log, err)
	}
}

// What fails is in the last event, before and after the response began.
func TestStreamAPIErrors(t *testing.T) {
	s := start(t, Function{}, Options{})
	g := newGate(t)
	for _, tt := range []struct {
		name, end     string // what ends the response
		do            string
		code, details string
	}{
		{"own error", "", "error", "Unhandled", `"errorType":"errorString"`},
		{"exit", "", "exit", "Runtime.ExitError", `"errorType":"Runtime.ExitError"`},
		{"own error in the middle", "#", "stream", "Unhandled", `"errorMessage":"the source broke off"`},
		{"exit in the middle", "!", "stream", "Runtime.ExitError", `exit status 4`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			events := streamSDK(t, s, event{Do: tt.do, Text: g.Addr().String(), N: 1})
			if tt.end != "" {
				conn := g.waitForHold()
				io.WriteString(conn, "begun")
				<-events.Events()
				io.WriteString(conn, tt.end)
			}
			rest, end := collect(events.Events())
			if rest != "" || events.Err() != nil || end == nil || aws.ToString(end.ErrorCode) != tt.code ||
				!strings.Contains(aws.ToString(end.ErrorDetails), tt.details) {
				t.Errorf("got %q, %+v, %v", rest, end, events.Err())
			}
		})
	}
	c := client(t, s)
	_, err := c.InvokeWithResponseStream(t.Context(), &sdk.InvokeWithResponseStreamInput{FunctionName: aws.String("g")})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok {
		t.Errorf("error %v, want ResourceNotFoundException", err)
	}
	_, err = c.InvokeWithResponseStream(t.Context(), &sdk.InvokeWithResponseStreamInput{FunctionName: aws.String("f"), InvocationType: "Event"})
	if _, ok := errors.AsType[*types.InvalidParameterValueException](err); !ok {
		t.Errorf("error %v, want InvalidParameterValueException", err)
	}
}

// The function learns that a client left, and the client that the service was closed.
func TestStreamAPIBroken(t *testing.T) {
	s := start(t, Function{}, Options{})
	g := newGate(t)
	begin := func() (*sdk.InvokeWithResponseStreamEventStream, io.ReadWriteCloser) {
		events := streamSDK(t, s, event{Do: "stream", Text: g.Addr().String()})
		conn := g.waitForHold()
		io.WriteString(conn, "begun")
		<-events.Events()
		return events, conn
	}
	events, conn := begin()
	events.Close()
	io.Copy(io.Discard, conn) // until the function closes it

	events, _ = begin()
	s.Close()
	if rest, end := collect(events.Events()); rest != "" || end != nil { // the SDK gives no error for what was cut off
		t.Errorf("got %q, %+v, want no end", rest, end)
	}
}
