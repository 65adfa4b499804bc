package lambda

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// refusals is how the Invoke API words what Invoke refuses.
var refusals = []struct {
	err    error
	status int
	kind   string // X-Amzn-ErrorType, which the SDKs turn into an error of that name
}{
	{ErrNotFound, http.StatusNotFound, "ResourceNotFoundException"},
	{ErrThrottled, http.StatusTooManyRequests, "TooManyRequestsException"},
	{ErrTooLarge, http.StatusRequestEntityTooLarge, "RequestTooLargeException"},
	{ErrInvalid, http.StatusBadRequest, "InvalidRequestContentException"},
	{ErrClosed, http.StatusServiceUnavailable, "ServiceException"},
}

func (s *Service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{function}/invocations", s.invocations)
	return mux
}

// ServeHTTP serves Lambda's Invoke API (2015-03-31), so that `aws lambda invoke --endpoint-url` works. Requests
// need no signature. The function may be named by its name or ARN, with or without $LATEST. Of the invocation
// types, RequestResponse and DryRun are served; Event is refused, since its queue and retries are not there.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.api.ServeHTTP(w, r) }

func (s *Service) invocations(w http.ResponseWriter, r *http.Request) {
	requestID := newUUID()
	w.Header().Set("X-Amzn-RequestId", requestID)
	w.Header().Set("Content-Type", "application/json")
	function := functionName(r.PathValue("function"))
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
	case "DryRun":
		if s.pools[function] == nil {
			refuseInvoke(w, ErrNotFound)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		w.Header().Set("X-Amzn-ErrorType", "InvalidParameterValueException")
		writeMessage(w, http.StatusBadRequest, "invocation type "+kind+" is not served here: use RequestResponse or DryRun")
		return
	}
	payload, whole, err := readAtMost(r.Body, maxRequest)
	if err != nil {
		return // the client is gone
	}
	if !whole {
		refuseInvoke(w, ErrTooLarge)
		return
	}
	result, err := s.Invoke(r.Context(), function, Invocation{
		Payload: payload, TraceID: r.Header.Get("X-Amzn-Trace-Id"), RequestID: requestID,
	})
	if failed, ok := errors.AsType[*Error](err); ok {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		result.Payload = failed.Payload
	} else if err != nil {
		refuseInvoke(w, err)
		return
	}
	w.Header().Set("X-Amz-Executed-Version", version)
	w.Header().Set("X-Amzn-Trace-Id", result.TraceID)
	w.Write(result.Payload)
}

// functionName returns the name in a name, a partial ARN (account:function:name) or an ARN, each with or
// without the $LATEST qualifier.
func functionName(s string) string {
	if _, name, ok := strings.Cut(s, "function:"); ok {
		s = name
	}
	return strings.TrimSuffix(s, ":"+version)
}

func refuseInvoke(w http.ResponseWriter, err error) {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			w.Header().Set("X-Amzn-ErrorType", r.kind)
			writeMessage(w, r.status, err.Error())
			return
		}
	}
	// The caller left: nobody reads this.
	writeMessage(w, http.StatusInternalServerError, err.Error())
}

func writeMessage(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"Type": "User", "Message": message})
}
