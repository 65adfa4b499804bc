package apigw

import (
	"math"
	"strconv"

	"ragtime/shared/fault"
	"ragtime/shared/operation"
)

// Problem is the body of every answer to a failed request (RFC 9457).
type Problem struct {
	Type      string          `json:"type"`
	Title     string          `json:"title"`
	Status    int             `json:"status"`
	Detail    string          `json:"detail"`
	Instance  string          `json:"instance"` // the operation's id
	Operation string          `json:"operation"`
	Field     string          `json:"field,omitempty"`
	Step      fault.Step      `json:"step,omitempty"`
	Phase     fault.Phase     `json:"phase,omitempty"`
	ElapsedMS int64           `json:"elapsed_ms"`
	BudgetMS  int64           `json:"budget_ms"`
	Attempts  []fault.Attempt `json:"attempts,omitempty"`
	TraceID   string          `json:"trace_id,omitempty"`
}

// problem is the reply to an operation that failed. challenge is the WWW-Authenticate
// header of a 401.
func problem(op *operation.Operation, challenge string) Reply {
	f := op.Fault
	p := Problem{
		Type:      "urn:ragtime:problem:" + f.Kind.String(),
		Title:     f.Kind.Title(),
		Status:    f.Kind.Status(),
		Detail:    f.Detail,
		Instance:  op.ID,
		Operation: op.Name,
		Field:     f.Field,
		Step:      f.Step,
		Phase:     f.Phase,
		ElapsedMS: op.Elapsed.Milliseconds(),
		BudgetMS:  op.Budget.Milliseconds(),
		Attempts:  f.Attempts,
		TraceID:   op.TraceID,
	}
	reply := Reply{StatusCode: p.Status, Headers: map[string]string{"Content-Type": "application/problem+json"}}
	if f.Kind == fault.Internal { // the log has the rest
		p.Detail = "internal error"
		p.Step = ""
		p.Phase = ""
		p.Attempts = nil
	}
	if f.RetryAfter > 0 {
		reply.Headers["Retry-After"] = strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds())))
	}
	if f.Kind == fault.Unauthorized {
		reply.Headers["WWW-Authenticate"] = challenge
	}
	reply.Body = marshal(p)
	return reply
}
