// Package awsfault says what errors of AWS's SDK mean for another attempt.
//
// The SDK's own retries are off. So its lists of codes, and the header in which a
// service asks to wait, are read here.
package awsfault

import (
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"ragtime/shared/wire"
)

var (
	// throttles knows all codes by which AWS's services ask to slow down, and a 429
	// without such a code.
	throttles = retry.IsErrorThrottles(retry.DefaultThrottles)
	// retryable knows the codes of requests that did not reach the service in time.
	retryable = retry.RetryableErrorCode{Codes: retry.DefaultRetryableErrorCodes}
)

// Code is the service's own name for the error; empty where it gave none.
func Code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// Throttled tells whether the service asks to slow down.
func Throttled(err error) bool { return throttles.IsErrorThrottle(err) == aws.TrueTernary }

// Retryable tells whether another attempt may fare better, since the service throttles
// or fails. A 5xx counts whatever its body is: it may be a proxy's.
func Retryable(err error) bool {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorFault() == smithy.FaultServer {
		return true
	}
	resp, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if ok && resp.HTTPStatusCode() >= http.StatusInternalServerError {
		return true
	}
	return Throttled(err) || retryable.IsErrorRetryable(err) == aws.TrueTernary
}

// RetryAfter is how long the service asks to wait before another attempt; 0 where it
// does not ask. It is not limited to 5 s as in the SDK: attempt compares it with the
// time that is left.
func RetryAfter(err error) time.Duration {
	resp, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || resp.Response == nil || resp.Response.Response == nil {
		return 0
	}
	return wire.RetryAfter(resp.Response.Header)
}
