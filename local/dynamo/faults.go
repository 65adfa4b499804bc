package dynamo

import (
	"net/http"

	"ragtime/local/network"
)

// Faults are DynamoDB's own ways to fail, for the network that serves it.
func Faults() []network.Kind {
	return []network.Kind{
		refused("throttled", "400 ThrottlingException, as of an on-demand table that grows too fast", badRequest("ThrottlingException",
			throttledMessage)),
		refused("server-error", "500 InternalServerError", &apiError{
			status: http.StatusInternalServerError, kind: "InternalServerError", message: "Internal server error"}),
		{Name: "partition-limited", Wrap: MaxPartition.Limit(),
			Meaning: "each partition key takes 1,000 write and 3,000 read units a second, as DynamoDB's do; what is over that is throttled"},
	}
}

// refused answers with an error in the endpoint's place.
func refused(name, meaning string, e *apiError) network.Kind {
	status, body := errorBody(e)
	return network.Kind{Name: name, Meaning: meaning, Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			reply(w, status, body)
		})
	}}
}
