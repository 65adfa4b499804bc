package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// failure is a response of the gateway itself. Body and error type are those
// of the real service byte for byte, down to the space after the colon that
// some of its messages have and others do not.
type failure struct {
	status      int
	errorType   string // the x-amzn-ErrorType header; "" leaves it out
	contentType string // "" is application/json
	body        string
}

var (
	// Also what an unknown path or method gets: a caller without rights must
	// not learn what exists.
	missingToken = &failure{status: http.StatusForbidden, errorType: "MissingAuthenticationTokenException",
		body: `{"message":"Missing Authentication Token"}`}

	// Beyond the gateway's own 10 MB, its front end answers before the API is
	// known: plain text, no request id. The text is the documented default of
	// the gateway response REQUEST_TOO_LARGE.
	contentTooLong = &failure{status: http.StatusRequestEntityTooLarge, contentType: "text; charset=utf-8",
		body: "HTTP content length exceeded " + strconv.Itoa(maxBody) + " bytes."}

	// Within 10 MB, but the event is larger than Lambda takes.
	requestTooLong = &failure{status: http.StatusRequestEntityTooLarge, errorType: "BadRequestException",
		body: `{"message": "Request Too Long"}`}

	// The function failed, or its answer is not a proxy response.
	badGateway = &failure{status: http.StatusBadGateway, errorType: "InternalServerErrorException",
		body: `{"message": "Internal server error"}`}

	// Lambda refused to start the function: its 429 TooManyRequestsException
	// reaches the client as a 500. "How can I troubleshoot the internal server
	// error with status code 500 for API Gateway endpoints that integrate with
	// Lambda?" (AWS re:Post knowledge center) lists throttling as a cause, and
	// users of proxy integrations report the same.
	throttled = &failure{status: http.StatusInternalServerError, errorType: "InternalServerErrorException",
		body: `{"message": "Internal server error"}`}

	integrationTimeout = &failure{status: http.StatusGatewayTimeout, errorType: "InternalServerErrorException",
		body: `{"message": "Endpoint request timed out"}`}
)

func refuse(errorType, format string, args ...any) *failure {
	body, err := json.Marshal(map[string]string{"message": fmt.Sprintf(format, args...)})
	if err != nil {
		panic(err) // a map of strings always encodes
	}
	return &failure{status: http.StatusForbidden, errorType: errorType, body: string(body)}
}

func incompleteSignature(format string, args ...any) *failure {
	return refuse("IncompleteSignatureException", format, args...)
}

func invalidSignature(format string, args ...any) *failure {
	return refuse("InvalidSignatureException", format, args...)
}

func (f *failure) write(w http.ResponseWriter) {
	h := w.Header()
	contentType := f.contentType
	if contentType == "" {
		contentType = "application/json"
	}
	h.Set("Content-Type", contentType)
	if f.errorType != "" {
		h["x-amzn-ErrorType"] = []string{f.errorType}
	}
	w.WriteHeader(f.status)
	// An error means that the client has left. There is nobody to report it to.
	_, _ = w.Write([]byte(f.body))
}
