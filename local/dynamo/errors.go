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

const (
	servicePrefix = "com.amazonaws.dynamodb.v20120810#"
	coralPrefix   = "com.amazon.coral.service#"
)

// typeName is the error's name as it stands in the answer's __type.
func (e *apiError) typeName() string {
	switch e.kind {
	case "SerializationException", "UnknownOperationException", "RequestEntityTooLargeException":
		return coralPrefix + e.kind
	}
	return servicePrefix + e.kind
}

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

func malformed(format string, args ...any) *apiError {
	return badRequest("SerializationException", format, args...)
}
