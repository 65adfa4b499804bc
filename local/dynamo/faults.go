package dynamo

import (
	"io"
	"net/http"
	"strings"

	"ragtime/local/network"
)

// Faults are DynamoDB's own ways to fail, for the network that serves it.
func Faults() []network.Kind {
	return []network.Kind{
		refused("throttled", "400 ThrottlingException, as of an on-demand table that grows too fast", badRequest("ThrottlingException",
			throttledMessage)),
		refused("server-error", "500 InternalServerError", &apiError{
			status: http.StatusInternalServerError, kind: "InternalServerError", message: "Internal server error"}),
		{Name: "read-silent", Meaning: "BatchGetItem gets no answer, everything else does: a search finds chunks, and cannot read their documents", Wrap: readSilent},
		{Name: "partition-limited", Wrap: MaxPartition.Limit(),
			Meaning: "each partition key takes 1,000 write and 3,000 read units a second, as DynamoDB's do; what is over that is throttled"},
	}
}

// readSilent takes requests of BatchGetItem and says nothing.
func readSilent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".BatchGetItem") {
			next.ServeHTTP(w, r)
			return
		}
		// Only once the body is read does net/http notice that the client has left.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
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
