// Package awsfault says what the errors of AWS's SDK mean for another attempt.
package awsfault

import (
	"errors"
	"net/http"
	"slices"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// throttles are the codes by which AWS services ask to slow down.
var throttles = []string{"LimitExceededException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}

// Code is the service's own name for the error; empty where it gave none.
func Code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// Throttled tells whether the service asks to slow down.
func Throttled(err error) bool { return slices.Contains(throttles, Code(err)) }

// Passing tells whether another attempt may fare better: the service is
// throttling or failing. A proxy's 5xx counts, whose body the SDK cannot read.
func Passing(err error) bool {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorFault() == smithy.FaultServer {
		return true
	}
	resp, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return Throttled(err) || ok && resp.HTTPStatusCode() >= http.StatusInternalServerError
}
