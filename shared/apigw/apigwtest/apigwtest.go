// Package apigwtest sends events to a function's handler as Lambda does: well
// formed ones, forged ones, and ones at random.
package apigwtest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/shared/apigw"
)

// Event is a REST API's.
type Event = events.APIGatewayProxyRequest

// Account is the AWS account of the function, and of the callers that nobody forged.
const Account = "123456789012"

// OperationID is the request id that Lambda gives every event sent here.
const OperationID = "op-1"

// Invoke hands the event to the handler, and gives its answer as Lambda passes it on.
func Invoke(t testing.TB, ctx context.Context, h apigw.Func, event []byte) []byte {
	t.Helper()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: OperationID,
		InvokedFunctionArn: "arn:aws:lambda:eu-west-1:" + Account + ":function:ragtime"})
	out, err := h(ctx, event)
	if err != nil {
		t.Fatalf("got error %v, want every failure as an answer", err)
	}
	answer, err := json.Marshal(out)
	if err != nil {
		t.Fatalf("the answer is no JSON: %v", err)
	}
	return answer
}

// Send invokes the handler with an event of a gateway, anything that marshals to one.
func Send(t testing.TB, ctx context.Context, h apigw.Func, event any) apigw.Reply {
	t.Helper()
	raw, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	var reply apigw.Reply
	answer := Invoke(t, ctx, h, raw)
	if err := json.Unmarshal(answer, &reply); err != nil || reply.StatusCode == 0 {
		t.Fatalf("got answer %s, want one for a gateway", answer)
	}
	return reply
}
