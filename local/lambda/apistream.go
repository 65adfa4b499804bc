package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream/eventstreamapi"
)

// invokeComplete is the last event of a response. ErrorCode is empty for a success, "Unhandled" for an error of the
// function's own, and otherwise Lambda's name for the failure.
type invokeComplete struct {
	ErrorCode    string `json:",omitempty"`
	ErrorDetails string `json:",omitempty"` // the payload that Invoke gives for the error
	LogResult    string `json:",omitempty"` // base64
}

// handleInvokeStream serves InvokeWithResponseStream: an event PayloadChunk for each piece, and InvokeComplete.
func (s *Service) handleInvokeStream(w http.ResponseWriter, r *http.Request) {
	function, in, ok := s.readInvocation(w, r, "RequestResponse")
	if !ok {
		return
	}
	tail := s.logTail(r, in.RequestID)
	stream, err := s.InvokeStream(r.Context(), function, in)
	failed, _ := errors.AsType[*Error](err)
	if err != nil && failed == nil {
		tail()
		refuseInvoke(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
	w.Header().Set("X-Amz-Executed-Version", version)
	if stream != nil {
		defer stream.Close()
		w.Header().Set("X-Amzn-Trace-Id", stream.TraceID)
		failed, err = sendChunks(w, stream)
	}
	complete := invokeComplete{LogResult: tail()}
	if failed != nil {
		complete.ErrorCode = errorCode(failed)
		complete.ErrorDetails = string(failed.Payload)
	} else if err != nil {
		panic(http.ErrAbortHandler) // the service was closed, or the client left
	}
	text, _ := json.Marshal(complete) // strings: cannot fail
	sendEvent(w, "InvokeComplete", "application/json", text)
}

// sendChunks sends a response as it comes, to its end. failed is the function's failure; with err alone, something
// else failed.
func sendChunks(w http.ResponseWriter, stream *Stream) (failed *Error, err error) {
	control := http.NewResponseController(w)
	control.Flush()
	buf := make([]byte, 32<<10)
	for {
		n, err := stream.Read(buf)
		if n > 0 {
			if err := sendEvent(w, "PayloadChunk", "application/octet-stream", buf[:n]); err != nil {
				return nil, err
			}
			control.Flush()
		}
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			failed, _ := errors.AsType[*Error](err)
			return failed, err
		}
	}
}

// errorCode returns the type of an error of Lambda's own, and "Unhandled" for one of the function's.
func errorCode(e *Error) string {
	for _, own := range []string{"Runtime.", "Sandbox.", "Function."} {
		if strings.HasPrefix(e.Type, own) {
			return e.Type
		}
	}
	return "Unhandled"
}

func sendEvent(w io.Writer, kind, contentType string, payload []byte) error {
	m := eventstream.Message{Payload: payload}
	m.Headers.Set(eventstreamapi.MessageTypeHeader, eventstream.StringValue(eventstreamapi.EventMessageType))
	m.Headers.Set(eventstreamapi.EventTypeHeader, eventstream.StringValue(kind))
	m.Headers.Set(eventstreamapi.ContentTypeHeader, eventstream.StringValue(contentType))
	var b bytes.Buffer // one write, so that no event is cut where a client is slow
	if err := eventstream.NewEncoder().Encode(&b, m); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// logTail records the log of an invocation that is about to begin. The function that it returns gives the log's end in
// base64, once; "" if the request does not want it.
func (s *Service) logTail(r *http.Request, requestID string) func() string {
	if r.Header.Get("X-Amz-Log-Type") != "Tail" {
		return func() string { return "" }
	}
	text := s.recordTail(requestID)
	return func() string { return base64.StdEncoding.EncodeToString([]byte(text())) }
}
