package trace

import (
	"io"
	"testing"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// healthyTrace is the trace of a retrieve: an embedding, a search and a read.
func healthyTrace(b *testing.B) *Trace {
	ctx, tr, _ := begin(b)
	for _, name := range []fault.Step{fault.StepEmbed, fault.StepSearch, fault.StepSearch} {
		ctx, step := evidence.Enter(ctx, name)
		_, a := evidence.NewAttempt(ctx, 1)
		a.Connection(true)
		a.Exchange(func(x *evidence.Exchange) {
			*x = evidence.Exchange{
				Method:    "POST",
				URL:       "https://dynamodb.eu-west-1.amazonaws.com/",
				Target:    "DynamoDB_20120810.BatchGetItem",
				Address:   "10.0.0.1:443",
				Status:    200,
				RequestID: "4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG",
				Bytes:     4321,
			}
		})
		for _, p := range []fault.Phase{fault.PhaseBlocked, fault.PhaseSend, fault.PhaseWait, fault.PhaseReceive} {
			a.Phase(p)
		}
		a.End(nil)
		step.End(nil)
	}
	return tr
}

func BenchmarkEnd(b *testing.B) {
	tr := healthyTrace(b)
	tr.tracer.daemon = io.Discard
	b.ReportAllocs()
	for b.Loop() {
		tr.End(time.Second, nil)
	}
}
