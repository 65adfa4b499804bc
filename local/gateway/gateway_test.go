package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// invoke is an Invoker that is a function.
type invoke func(ctx context.Context, name string, payload []byte, traceID string) ([]byte, error)

func (f invoke) Invoke(ctx context.Context, name string, payload []byte, traceID string) ([]byte, error) {
	return f(ctx, name, payload, traceID)
}

func invokerAnswering(payload string) invoke {
	return func(context.Context, string, []byte, string) ([]byte, error) { return []byte(payload), nil }
}

// echo answers with the event.
func echo(_ context.Context, _ string, payload []byte, _ string) ([]byte, error) {
	return json.Marshal(map[string]any{"statusCode": 200, "body": string(payload)})
}

// serve runs a gateway for the project's template behind a real server.
func serve(t *testing.T, invoker Invoker, opt Options) (*Gateway, *httptest.Server) {
	t.Helper()
	return startServer(t, loadProject(t), invoker, opt)
}

func startServer(t *testing.T, template *Template, invoker Invoker, opt Options) (*Gateway, *httptest.Server) {
	t.Helper()
	g := New(template, invoker, opt)
	server := httptest.NewServer(g)
	t.Cleanup(func() {
		g.Close()
		server.Close()
		server.Client().CloseIdleConnections()
	})
	return g, server
}

func send(t *testing.T, server *httptest.Server, r *http.Request) (*http.Response, string) {
	t.Helper()
	r.URL.Host, r.Host = strings.TrimPrefix(server.URL, "http://"), ""
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestGatewayErrors(t *testing.T) {
	const internal = `{"message": "Internal server error"}`
	failing := func(err error) invoke {
		return func(context.Context, string, []byte, string) ([]byte, error) { return nil, err }
	}
	large := strings.Repeat(`"`, 4<<20) // twice as long in JSON
	for _, tt := range []struct {
		name                 string
		invoker              Invoker
		method, target, body string
		authorization        string
		status               int
		errorType, want      string
	}{
		{
			name:      "unknown path",
			method:    "GET",
			target:    "/nowhere",
			status:    403,
			errorType: "MissingAuthenticationTokenException",
			want:      `{"message":"Missing Authentication Token"}`,
		},
		{
			name:      "unknown method",
			method:    "PATCH",
			target:    "/documents/a",
			status:    403,
			errorType: "MissingAuthenticationTokenException",
			want:      `{"message":"Missing Authentication Token"}`,
		},
		{
			name:      "OPTIONS",
			method:    "OPTIONS",
			target:    "/documents",
			status:    403,
			errorType: "MissingAuthenticationTokenException",
			want:      `{"message":"Missing Authentication Token"}`,
		},
		{
			name:      "HEAD",
			method:    "HEAD",
			target:    "/documents",
			status:    403,
			errorType: "MissingAuthenticationTokenException",
		},
		{
			name:          "signature",
			method:        "GET",
			target:        "/documents",
			authorization: "Bearer abc",
			status:        403,
			errorType:     "IncompleteSignatureException",
			want:          `{"message":"Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '` + digest("abc") + `'."}`,
		},
		{
			name:      "event over 6 MB",
			method:    "POST",
			target:    "/retrieve",
			body:      large,
			status:    413,
			errorType: "BadRequestException",
			want:      `{"message": "Request Too Long"}`,
		},
		{
			name:   "body over 10 MB",
			method: "POST",
			target: "/retrieve",
			body:   strings.Repeat("x", maxBody+1),
			status: 413,
			want:   "HTTP content length exceeded 10485760 bytes.",
		},
		{
			name:      "throttled",
			invoker:   failing(fmt.Errorf("embed: %w", ErrThrottled)),
			method:    "GET",
			target:    "/documents",
			status:    500,
			errorType: "InternalServerErrorException",
			want:      internal,
		},
		{
			name:      "function error",
			invoker:   failing(errors.New("exit status 1")),
			method:    "GET",
			target:    "/documents",
			status:    502,
			errorType: "InternalServerErrorException",
			want:      internal,
		},
		{
			name:      "malformed",
			invoker:   invokerAnswering(`{"ok":true}`),
			method:    "GET",
			target:    "/documents",
			status:    502,
			errorType: "InternalServerErrorException",
			want:      internal,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, server := serve(t, tt.invoker, Options{})
			r := request(t, tt.method, tt.target, tt.body)
			if tt.authorization != "" {
				r.Header.Set("Authorization", tt.authorization)
			}
			response, body := send(t, server, r)
			if response.StatusCode != tt.status || body != tt.want {
				t.Errorf("got %d %s, want %d %s", response.StatusCode, body, tt.status, tt.want)
			}
			if got := response.Header.Get("X-Amzn-Errortype"); got != tt.errorType {
				t.Errorf("error type: got %q, want %q", got, tt.errorType)
			}
			if tt.errorType != "" && (response.Header.Get("X-Amzn-Requestid") == "" || response.Header.Get("X-Amz-Apigw-Id") == "") {
				t.Errorf("ids are missing: %v", response.Header)
			}
		})
	}
}

// A body of unknown length is cut off too.
func TestChunkedBodyTooLong(t *testing.T) {
	_, server := serve(t, nil, Options{})
	r := request(t, "POST", "/retrieve", "")
	r.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", maxBody+1)))
	r.ContentLength = -1
	response, body := send(t, server, r)
	if response.StatusCode != 413 || !strings.HasPrefix(body, "HTTP content length exceeded") {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
}

func TestGatewayInvokes(t *testing.T) {
	var gotName, gotTrace string
	_, server := serve(t, invoke(func(ctx context.Context, name string, payload []byte, traceID string) ([]byte, error) {
		gotName, gotTrace = name, traceID
		return echo(ctx, name, payload, traceID)
	}), Options{})
	r := request(t, "PUT", "/v1/documents/a%2Fb?x=1", `{"text":"t"}`, "Authorization", aliceSignature, "X-Amz-Date", "20260304T050607Z")
	response, body := send(t, server, r)
	if response.StatusCode != 200 || gotName != "embed" {
		t.Fatalf("got %d from %q: %s", response.StatusCode, gotName, body)
	}
	var got event
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.PathParameters["document_id"] != "a%2Fb" || got.Path != "/documents/a%2Fb" ||
		got.RequestContext.Path != "/v1/documents/a%2Fb" {
		t.Errorf("paths: got %v, %s, %s", got.PathParameters, got.Path, got.RequestContext.Path)
	}
	if *got.RequestContext.Identity.AccountID != accountOf("alice") || *got.Body != `{"text":"t"}` {
		t.Errorf("got account %s, body %s", *got.RequestContext.Identity.AccountID, *got.Body)
	}
	for _, trace := range []string{response.Header.Get("X-Amzn-Trace-Id"), got.Headers["X-Amzn-Trace-Id"]} {
		if trace != gotTrace || trace == "" {
			t.Errorf("trace: got %q, the function %q", trace, gotTrace)
		}
	}
	if response.Header.Get("X-Amzn-Requestid") != got.RequestContext.RequestID ||
		response.Header.Get("X-Amz-Apigw-Id") != got.RequestContext.ExtendedRequestID {
		t.Errorf("ids: got %v, in the event %+v", response.Header, got.RequestContext)
	}
}

// blockingInvoker is an Invoker that answers when it is released or its context ends.
type blockingInvoker struct {
	started chan struct{}
	release chan struct{}
	ended   chan error
}

func newBlockingInvoker() *blockingInvoker {
	return &blockingInvoker{make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)}
}

func (h *blockingInvoker) Invoke(ctx context.Context, _ string, _ []byte, _ string) ([]byte, error) {
	h.started <- struct{}{}
	select {
	case <-h.release:
		h.ended <- ctx.Err()
		return []byte(`{}`), nil
	case <-ctx.Done():
		h.ended <- context.Cause(ctx)
		return nil, ctx.Err()
	}
}

func TestIntegrationTimeout(t *testing.T) {
	h := newBlockingInvoker()
	_, server := serve(t, h, Options{IntegrationTimeout: time.Millisecond})
	response, body := send(t, server, request(t, "GET", "/documents", ""))
	if response.StatusCode != 504 || body != `{"message": "Endpoint request timed out"}` {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
	if response.Header.Get("X-Amzn-Trace-Id") == "" {
		t.Error("a 504 without its trace id")
	}
	<-h.started
	close(h.release) // only now the invocation ends, with a live context
	if err := <-h.ended; err != nil {
		t.Errorf("context of the function: got %v, want it alive", err)
	}
}

func TestClientHangsUp(t *testing.T) {
	h := newBlockingInvoker()
	_, server := serve(t, h, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	r := request(t, "GET", "/documents", "").WithContext(ctx)
	r.URL.Host = strings.TrimPrefix(server.URL, "http://")
	result := make(chan error, 1)
	go func() {
		_, err := server.Client().Do(r)
		result <- err
	}()
	<-h.started
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Fatalf("client: got %v", err)
	}
	close(h.release)
	if err := <-h.ended; err != nil {
		t.Errorf("context of the function: got %v, want it alive", err)
	}
}

func TestClose(t *testing.T) {
	h := newBlockingInvoker()
	g, server := serve(t, h, Options{IntegrationTimeout: time.Millisecond})
	send(t, server, request(t, "GET", "/documents", ""))
	<-h.started
	g.Close()
	select {
	case err := <-h.ended:
		if !errors.Is(err, errClosed) {
			t.Errorf("cause: got %v, want %v", err, errClosed)
		}
	default:
		t.Error("Close returned while the function ran")
	}
	if response, _ := send(t, server, request(t, "GET", "/documents", "")); response.StatusCode != 500 {
		t.Errorf("after Close: got %d, want 500", response.StatusCode)
	}
}

func TestConcurrentRequests(t *testing.T) {
	_, server := serve(t, invoke(echo), Options{})
	const n = 32
	ids := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			r, err := http.NewRequest("GET", fmt.Sprintf("%s/documents/%d", server.URL, i), nil)
			if err != nil {
				t.Error(err)
				return
			}
			response, err := server.Client().Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			var got event
			if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
				t.Error(err)
				return
			}
			if got.PathParameters["document_id"] != fmt.Sprint(i) {
				t.Errorf("request %d got the answer of %v", i, got.PathParameters)
			}
			ids[i] = got.RequestContext.RequestID
		})
	}
	wg.Wait()
	slices.Sort(ids)
	if got := len(slices.Compact(ids)); got != n {
		t.Errorf("got %d different request ids, want %d", got, n)
	}
}
