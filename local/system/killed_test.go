package system_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/local/lambda"
	"ragtime/local/network"
	"ragtime/local/xray"
	"ragtime/local/xray/xraytest"
	"ragtime/shared/attempt"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/operation"
	"ragtime/shared/trace"
	"ragtime/shared/wire"
)

// runDeafFunction is the program of a function that ignores its context, so that its call
// of url may hang for ever. The test binary runs it when TEST_DEAF is set.
func runDeafFunction(url string) {
	slog.SetDefault(lambdacontext.NewLogger())
	tracer := trace.New(netip.MustParseAddrPort(os.Getenv("AWS_XRAY_DAEMON_ADDRESS")), trace.AWS{})
	transport := wire.New(wire.Options{Resolver: os.Getenv("RAGTIME_RESOLVER"), Limits: wire.Limits{TLS: time.Hour}})
	awslambda.Start(func(ctx context.Context) error {
		op := operation.Run(ctx, tracer, "retrieve", 0, func(ctx context.Context) error {
			ctx, s := evidence.Enter(context.WithoutCancel(ctx), fault.StepEmbed)
			_, err := attempt.Do(ctx, attempt.New(attempt.Options{Max: 1}), func(ctx context.Context) (struct{}, error) {
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
				if err == nil {
					_, err = transport.RoundTrip(r)
				}
				return struct{}{}, err
			})
			s.End(err)
			return err
		})
		return op.Fault
	})
}

// A process that Lambda kills at its timeout has left the place where it hung: in its
// last log line, and in a document in progress at X-Ray.
func TestKilledAtTheTimeout(t *testing.T) {
	n, err := network.New()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	host, err := n.Serve("openai", http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Set(network.Fault{Name: "tls-silent"}); err != nil {
		t.Fatal(err)
	}
	daemon, err := xray.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var log []map[string]any
	function := lambda.Function{
		Name:     "deaf",
		Binary:   binary,
		Timeout:  3 * time.Second,
		JSONLogs: true,
		Env: map[string]string{
			"TEST_DEAF":        host.URL(),
			"RAGTIME_RESOLVER": n.Resolver(),
		},
	}
	record := func(l lambda.Line) {
		var m map[string]any
		if strings.Contains(l.Text, "operation ") && json.Unmarshal([]byte(l.Text), &m) == nil {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, m)
		}
	}
	service, err := lambda.New([]lambda.Function{function}, lambda.Options{XRayDaemon: daemon.Addr(), Log: record})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	r, err := service.Invoke(t.Context(), "deaf", lambda.Invocation{TraceID: "Sampled=1"})
	if failure, ok := errors.AsType[*lambda.Error](err); !ok || failure.Type != "Sandbox.Timedout" {
		t.Fatalf("the invocation ended with %v, want Lambda's timeout", err)
	}
	mu.Lock()
	defer mu.Unlock()
	last := log[len(log)-1]
	if log[0]["message"] != "operation started" || last["message"] != "operation waiting" ||
		last["step"] != "embed" || last["phase"] != "tls" {
		t.Errorf("the log began with %v and ended with %v, want a start and a wait in step embed, phase tls", log[0], last)
	}
	id, _ := last["trace_id"].(string)
	roots, err := daemon.Tree(id)
	if err != nil || len(roots) != 1 || roots[0].State != xray.InProgress {
		t.Fatalf("trace %s of %s: %d roots, %v; want one in progress", id, r.TraceID, len(roots), err)
	}
	path := ""
	for at := roots[0]; at != nil; {
		path += "/" + at.Name
		if len(at.Children) == 0 {
			if at.State != xray.InProgress {
				t.Errorf("%s is %s, want in progress", path, at.State)
			}
			break
		}
		at = at.Children[len(at.Children)-1]
	}
	if !strings.HasPrefix(path, "/retrieve/embed/") || !strings.HasSuffix(path, "/tls") {
		t.Errorf("what is in progress is %s, want retrieve, embed, an attempt, tls", path)
	}
	for _, d := range daemon.Trace(id) {
		if err := xraytest.Validate(d); err != nil {
			t.Errorf("a document breaks X-Ray's schema: %v\n%s", err, d)
		}
	}
}
