package operation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/operation"
	"ragtime/shared/step"
	"ragtime/shared/trace"
)

// lines runs the work and returns what was logged, one map a line.
func lines(t *testing.T, work func(context.Context) error) (*operation.Operation, []map[string]any) {
	return linesOf(t, t.Context(), nil, work)
}

func linesOf(t *testing.T, ctx context.Context, tracer *trace.Tracer, work func(context.Context) error) (*operation.Operation, []map[string]any) {
	t.Helper()
	return linesOfWish(t, ctx, tracer, 0, work)
}

func linesOfWish(t *testing.T, ctx context.Context, tracer *trace.Tracer, wish time.Duration, work func(context.Context) error) (*operation.Operation, []map[string]any) {
	t.Helper()
	var log bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(old)
	op := operation.Run(ctx, tracer, "embed", wish, work)
	var out []map[string]any
	for d := json.NewDecoder(&log); d.More(); {
		var m map[string]any
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return op, out
}

func TestOneStartAndOneFinishWhateverHappens(t *testing.T) {
	canceled := func(t *testing.T) context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		return ctx
	}
	late := func(t *testing.T) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		t.Cleanup(cancel)
		return ctx
	}
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	tests := []struct {
		name string
		ctx  func(*testing.T) context.Context
		work func(context.Context) error
		want string
	}{
		{"success", nil, func(context.Context) error { return nil }, "ok"},
		{"fault", nil, func(context.Context) error { return fault.InvalidField("text", "must not be empty") }, "error"},
		{"bug", nil, func(context.Context) error { return errors.New("bug") }, "error"},
		{"panic", nil, func(context.Context) error { panic("boom") }, "error"},
		{"panic with nil", nil, func(context.Context) error { panic(nil) }, "error"}, //nolint:govet // what becomes of it is the test
		{"deadline", nil, wait, "timeout"},
		{"cancellation", canceled, wait, "error"},
		{"no time left", late, wait, "timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tt.ctx != nil {
					ctx = tt.ctx(t)
				}
				op, log := linesOf(t, ctx, nil, tt.work)
				count := map[any]int{}
				for _, l := range log {
					count[l["msg"]]++
				}
				if count["operation started"] != 1 || count["operation finished"] != 1 {
					t.Errorf("lines %v, want one start and one finish", count)
				}
				if log[0]["msg"] != "operation started" || log[len(log)-1]["msg"] != "operation finished" {
					t.Errorf("lines %v, want the start first and the finish last", log)
				}
				if got := log[len(log)-1]["outcome"]; got != tt.want || string(op.Outcome()) != tt.want {
					t.Errorf("outcome %v, want %s", got, tt.want)
				}
			})
		})
	}
}

func TestTellsWhereItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op, log := lines(t, func(ctx context.Context) error {
			_, err := step.Run(ctx, fault.StepEmbed, 0, func(ctx context.Context) (int, error) {
				return attempt.Do(ctx, attempt.New(attempt.Options{Max: 1}), func(ctx context.Context) (int, error) {
					evidence.Current(ctx).Phase(fault.PhaseTLS)
					<-ctx.Done()
					return 0, ctx.Err()
				})
			})
			return err
		})
		var at []float64
		for _, l := range log {
			if l["msg"] == "operation waiting" {
				at = append(at, l["elapsed_ms"].(float64))
				if l["step"] != "embed" || l["phase"] != "tls" {
					t.Errorf("waits in step %v, phase %v; want embed, tls", l["step"], l["phase"])
				}
			}
		}
		if want := []float64{1000, 2000, 4000, 8000, 16000}; len(at) != len(want) || at[4] != want[4] {
			t.Errorf("told at %v ms, want %v", at, want)
		}
		if f := op.Fault; f == nil ||
			f.Step != fault.StepEmbed ||
			f.Phase != fault.PhaseTLS ||
			op.Elapsed != 25*time.Second {
			t.Errorf("ended after %v with %+v, want a timeout in embed, tls after 25s", op.Elapsed, f)
		}
	})
}
