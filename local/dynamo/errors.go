package dynamo

import (
	"fmt"
	"net/http"
)

// apiError is an answer that DynamoDB's protocol knows: the client sees kind
// and message. Every other error becomes an InternalServerError.
type apiError struct {
	status  int
	kind    string
	message string
	old     item // with ReturnValuesOnConditionCheckFailure ALL_OLD

	throttled []throttlingReason
}

func (e *apiError) Error() string { return e.kind + ": " + e.message }

func badRequest(kind, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: kind, message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *apiError {
	return badRequest("ValidationException", format, args...)
}

// invalidParameter carries the prefix that DynamoDB gives to most complaints
// about a value.
func invalidParameter(format string, args ...any) *apiError {
	return invalid("One or more parameter values were invalid: "+format, args...)
}

// constraint is the error for a parameter that DynamoDB's model forbids.
func constraint(parameter, rule string) *apiError {
	return invalid("1 validation error detected: Value at '%s' failed to satisfy constraint: %s", parameter, rule)
}

// unsupported refuses what DynamoDB knows and this endpoint does not.
func unsupported(what string) *apiError { return invalid("this endpoint does not support %s", what) }

func malformed(format string, args ...any) *apiError {
	return badRequest("SerializationException", format, args...)
}
