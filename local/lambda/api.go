package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// apiErrors maps the errors of Invoke to the Invoke API's status and error type.
var apiErrors = []struct {
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
	mux.HandleFunc("POST /2015-03-31/functions/{function}/invocations", s.handleInvoke)
	mux.HandleFunc("POST /2021-11-15/functions/{function}/response-streaming-invocations", s.handleInvokeStream)
	return mux
}

// ServeHTTP serves Lambda's Invoke (2015-03-31) and InvokeWithResponseStream (2021-11-15), so that
// `aws lambda invoke --endpoint-url` and the SDKs work. Requests need no signature. They may name a function by its
// name, its alias or its ARN, with or without $LATEST. An asynchronous invocation (Event) runs once: there is neither
// a queue nor a retry, so one that finds no room is refused.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.api.ServeHTTP(w, r) }

func (s *Service) handleInvoke(w http.ResponseWriter, r *http.Request) {
	function, in, ok := s.readInvocation(w, r, "RequestResponse", "Event")
	if !ok {
		return
	}
	if r.Header.Get("X-Amz-Invocation-Type") == "Event" {
		s.invokeAsync(w, function, in)
		return
	}
	tail := s.logTail(r, in.RequestID)
	result, err := s.Invoke(r.Context(), function, in)
	log := tail()
	if failed, ok := errors.AsType[*Error](err); ok {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		result.Payload = failed.Payload
	} else if err != nil {
		refuseInvoke(w, err)
		return
	}
	if log != "" {
		w.Header().Set("X-Amz-Log-Result", log)
	}
	w.Header().Set("X-Amz-Executed-Version", version)
	w.Header().Set("X-Amzn-Trace-Id", result.TraceID)
	w.Write(result.Payload)
}

// readInvocation reads a request to invoke a function. kinds are the invocation types that the route takes. With ok
// false it has answered the request.
func (s *Service) readInvocation(
	w http.ResponseWriter, r *http.Request, kinds ...string,
) (function string, in Invocation, ok bool) {
	requestID := newUUID()
	w.Header().Set("X-Amzn-RequestId", requestID)
	w.Header().Set("Content-Type", "application/json")
	function, known := s.resolveName(r.PathValue("function"), r.URL.Query().Get("Qualifier"))
	if !known {
		names := strings.Join(slices.Sorted(maps.Keys(s.pools)), ", ")
		refuseInvoke(w, fmt.Errorf("%w: %s; there are %s", ErrNotFound, function, names))
		return "", in, false
	}
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); {
	case kind == "", slices.Contains(kinds, kind):
	case kind == "DryRun":
		w.WriteHeader(http.StatusNoContent)
		return "", in, false
	default:
		w.Header().Set("X-Amzn-ErrorType", "InvalidParameterValueException")
		writeMessage(w, http.StatusBadRequest, "there is no invocation type "+kind+": use "+strings.Join(kinds, ", ")+" or DryRun")
		return "", in, false
	}
	payload, whole, err := readAtMost(r.Body, maxRequest)
	if err != nil {
		return "", in, false // the client is gone
	}
	if !whole {
		refuseInvoke(w, ErrTooLarge)
		return "", in, false
	}
	in = Invocation{
		Payload:   payload,
		TraceID:   r.Header.Get("X-Amzn-Trace-Id"),
		RequestID: requestID,
	}
	return function, in, true
}

// invokeAsync starts an asynchronous invocation and answers without waiting for it.
func (s *Service) invokeAsync(w http.ResponseWriter, function string, in Invocation) {
	j, err := newJob(in)
	if err == nil {
		s.mu.Lock()
		err = s.dispatch(function, j)
		s.mu.Unlock()
	}
	if err != nil {
		refuseInvoke(w, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// resolveName returns the name of the function that a request means by a name, an alias, a partial ARN
// (account:function:name) or an ARN, each with or without $LATEST, the only version. known is false where there is none.
func (s *Service) resolveName(given, qualifier string) (name string, known bool) {
	name = given
	if _, after, ok := strings.Cut(given, "function:"); ok {
		name = after
	}
	name = strings.TrimSuffix(name, ":"+version)
	for _, p := range s.pools {
		if p.function.Alias == name {
			name = p.function.Name
		}
	}
	return name, s.pools[name] != nil && (qualifier == "" || qualifier == version)
}

func refuseInvoke(w http.ResponseWriter, err error) {
	for _, r := range apiErrors {
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
