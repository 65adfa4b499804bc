package operation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"ragtime/shared/attempt"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/operation"
	"ragtime/shared/step"
	"ragtime/shared/trace"
)

// headerKey is the context key of the trace header in aws-lambda-go, which is a string.
var headerKey any = "x-amzn-trace-id"

// hangIn is work whose only attempt, of step embed, waits in the phase until its context ends.
func hangIn(phase fault.Phase) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := step.Run(ctx, fault.StepEmbed, 0, func(ctx context.Context) (int, error) {
			return attempt.Do(ctx, attempt.New(attempt.Options{Max: 1}), func(ctx context.Context) (int, error) {
				evidence.Current(ctx).Phase(phase)
				<-ctx.Done()
				return 0, ctx.Err()
			})
		})
		return err
	}
}

// The finish line is in embedded metric format. It has all members that _aws names: metrics
// are numbers, dimensions are strings.
func TestFinishLineIsMetrics(t *testing.T) {
	base := []string{"attempts", "budget_used", "duration", "errors", "hangs_survived", "hedges", "operations", "timeouts", "wish_timeouts"}
	tests := []struct {
		name string
		work func(context.Context) error
		want map[string]float64 // beside operations 1
		sets [][]string
	}{
		{"success", func(ctx context.Context) error {
			time.Sleep(5 * time.Second)
			operation.Count(ctx, operation.EmbeddingTokens, 3)
			operation.Count(ctx, operation.EmbeddingTokens, 4)
			operation.Count(ctx, operation.ChunksReused, 0)
			return nil
		}, map[string]float64{"duration": 5000, "budget_used": 20, "embedding_tokens": 7, "chunks_reused": 0}, [][]string{{"function"}}},
		{"hang", hangIn(fault.PhaseWait), map[string]float64{"timeouts": 1, "attempts": 1, "duration": 25000, "budget_used": 100},
			[][]string{{"function"}, {"function", "step", "phase"}}},
		{"timeout outside of a step", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			map[string]float64{"timeouts": 1, "duration": 25000, "budget_used": 100}, [][]string{{"function"}}},
		{"caller's mistake", func(context.Context) error { return fault.InvalidField("text", "must not be empty") }, nil, [][]string{{"function"}}},
		{"bug", func(context.Context) error { return errors.New("bug") }, map[string]float64{"errors": 1}, [][]string{{"function"}}},
		{"quota", func(context.Context) error { return fault.New(fault.QuotaExhausted, "pay") }, map[string]float64{"errors": 1}, [][]string{{"function"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, log := lines(t, tt.work)
				line := log[len(log)-1]
				var aws struct {
					Timestamp         int64
					CloudWatchMetrics []struct {
						Namespace  string
						Dimensions [][]string
						Metrics    []struct{ Name, Unit string }
					}
				}
				raw, _ := json.Marshal(line["_aws"])
				d := json.NewDecoder(bytes.NewReader(raw))
				d.DisallowUnknownFields()
				if err := d.Decode(&aws); err != nil {
					t.Fatalf("%s: %v", raw, err)
				}
				if aws.Timestamp != time.Now().UnixMilli() {
					t.Errorf("timestamp %d, want now: %d", aws.Timestamp, time.Now().UnixMilli())
				}
				want := map[string]float64{"operations": 1}
				for _, name := range base {
					want[name] += tt.want[name]
				}
				for name, v := range tt.want {
					want[name] = v
				}
				var sets [][]string
				got := map[string]float64{}
				for _, c := range aws.CloudWatchMetrics {
					sets = append(sets, c.Dimensions...)
					for _, name := range c.Dimensions[0] {
						if v, _ := line[name].(string); v == "" {
							t.Errorf("dimension %s is %v, want a text", name, line[name])
						}
					}
					for _, m := range c.Metrics {
						v, ok := line[m.Name].(float64)
						if !ok {
							t.Errorf("metric %s is %v, want a number", m.Name, line[m.Name])
						}
						got[m.Name] = v
					}
					if c.Namespace != "Ragtime" {
						t.Errorf("namespace %q", c.Namespace)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("metrics (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.sets, sets); diff != "" {
					t.Errorf("dimensions (-want +got):\n%s", diff)
				}
				if n, _ := line["goroutines"].(float64); n < 1 {
					t.Errorf("goroutines %v, want how many there are", line["goroutines"])
				}
			})
		})
	}
}

// Count may be called outside of an operation.
func TestCountOutsideOfAnOperation(t *testing.T) {
	operation.Count(t.Context(), operation.EmbeddingTokens, 1)
}

// Trace and log of a hang have the same id, step and phase. The trace is sent in progress
// after a second, and complete before Run returns.
func TestLogAndTraceAgree(t *testing.T) {
	for _, phase := range []fault.Phase{fault.PhaseBlocked, fault.PhaseDNS, fault.PhaseConnect, fault.PhaseTLS, fault.PhaseSend, fault.PhaseWait, fault.PhaseReceive} {
		socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		var log []map[string]any
		synctest.Test(t, func(t *testing.T) {
			ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "op-1"})
			ctx = context.WithValue(ctx, headerKey, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
			tracer := trace.New(socket.LocalAddr().(*net.UDPAddr).AddrPort(), trace.AWS{})
			_, log = linesOf(t, ctx, tracer, hangIn(phase))
		})
		finish := log[len(log)-1]
		type span struct {
			ID, Name    string
			InProgress  bool `json:"in_progress"`
			Fault       bool
			Annotations map[string]any
			Subsegments []span
		}
		var docs [2]span
		for i := range docs { // both are here already: Run returned
			b := make([]byte, 64<<10)
			socket.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, err := socket.Read(b)
			if err != nil {
				t.Fatalf("%s: document %d: %v", phase, i, err)
			}
			_, body, _ := bytes.Cut(b[:n], []byte("\n"))
			if err := json.Unmarshal(body, &docs[i]); err != nil {
				t.Fatal(err)
			}
		}
		socket.SetReadDeadline(time.Now())
		if n, err := socket.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: another %d bytes were sent", phase, n)
		}
		socket.Close()
		waiting, done := docs[0], docs[1]
		leaf := func(s span) span { // the last phase of the only attempt
			phases := s.Subsegments[0].Subsegments[0].Subsegments
			return phases[len(phases)-1]
		}
		if !waiting.InProgress || leaf(waiting).Name != string(phase) || !leaf(waiting).InProgress {
			t.Errorf("%s: in progress %+v", phase, waiting)
		}
		if waiting.ID != done.ID ||
			done.InProgress ||
			!leaf(done).Fault ||
			leaf(done).Name != string(phase) ||
			leaf(done).ID != leaf(waiting).ID {
			t.Errorf("%s: complete %+v", phase, done)
		}
		for name, want := range map[string]any{
			"step":         finish["step"],
			"phase":        finish["phase"],
			"outcome":      finish["outcome"],
			"operation_id": finish["operation_id"],
			"attempts":     1.0,
		} {
			if done.Annotations[name] != want || want == nil {
				t.Errorf("%s: annotation %s is %v, the log says %v", phase, name, done.Annotations[name], want)
			}
		}
	}
}

// The log has of private causes only what cannot quote a request.
func TestCauses(t *testing.T) {
	const marker = "xyzzymarker"
	dial := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 443}, Err: syscall.ECONNREFUSED}
	tests := []struct {
		name string
		work func(context.Context) error
		want string // in the cause
	}{
		{"a text", func(context.Context) error { return errors.New(marker) }, "*errors.errorString"},
		{"wrapped", func(context.Context) error { return fmt.Errorf(marker+": %w", dial) }, "*fmt.wrapError: dial tcp 10.0.0.1:443: connection refused"},
		{"behind a fault", func(context.Context) error {
			inner := &fault.Error{Kind: fault.Unavailable, Detail: "openai: it cannot be connected to", Cause: dial}
			return &fault.Error{Kind: fault.Upstream, Detail: "failed", Cause: inner}
		}, "unavailable: openai: it cannot be connected to: dial tcp"},
		{"a parser's", func(context.Context) error {
			var n struct{ A int }
			return &fault.Error{Kind: fault.Upstream, Cause: json.Unmarshal([]byte(`{"A":"`+marker+`"}`), &n)}
		}, "*json.UnmarshalTypeError"},
		{"panic with a text", func(context.Context) error { panic(marker) }, "panic of a string\ngoroutine "},
		{"the runtime's panic", func(ctx context.Context) error { _ = ctx.Value(0).(fmt.Stringer); return nil }, "interface conversion"},
		{"panic in an attempt", func(ctx context.Context) error {
			_, err := attempt.Do(ctx, attempt.New(attempt.Options{}), func(context.Context) (int, error) { return explode(marker), nil })
			return err
		}, "operation_test.explode"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, log := lines(t, tt.work)
			raw, _ := json.Marshal(log)
			if strings.Contains(string(raw), marker) {
				t.Errorf("the log quotes the request: %s", raw)
			}
			cause, _ := log[len(log)-1]["cause"].(string)
			if !strings.Contains(cause, tt.want) {
				t.Errorf("cause %q, want %q in it", cause, tt.want)
			}
		})
	}
}

func explode(s string) int { panic(s) }

// An operation that the client's wish cut short counts as wish_timeouts. A wish for more than
// the budget does not matter.
func TestWishesAreNoTimeouts(t *testing.T) {
	for wish, want := range map[time.Duration][2]float64{0: {1, 0}, time.Second: {0, 1}, time.Hour: {1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			_, log := linesOfWish(t, t.Context(), nil, wish, hangIn(fault.PhaseWait))
			line := log[len(log)-1]
			if line["timeouts"] != want[0] || line["wish_timeouts"] != want[1] {
				t.Errorf("wish %v: timeouts %v, wish_timeouts %v; want %v", wish, line["timeouts"], line["wish_timeouts"], want)
			}
		})
	}
}
