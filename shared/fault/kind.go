package fault

import "net/http"

// Kind is the kind of a fault, as the caller sees it.
type Kind int

// The kinds. The zero value is Internal, so that a fault without a kind tells the caller
// nothing.
const (
	Internal         Kind = iota
	Invalid               // the request breaks the contract
	Unauthorized          // no identity
	Forbidden             // an identity without the right
	NotFound              // no such document or route
	Conflict              // a later write won
	TooLarge              // the body is over the limit
	UnsupportedMedia      // the content type is not accepted
	NotAcceptable         // the answer cannot have the media type that was asked for
	RateLimited           // a remote service asks to slow down
	QuotaExhausted        // the account at a remote service has no quota or money left
	Upstream              // a remote service answered wrongly or refused us
	Unavailable           // a remote service cannot be reached or is failing
	Timeout               // the budget was spent
	Canceled              // the caller went away
)

var kinds = [...]struct {
	name   string // in the problem's type: urn:ragtime:problem:<name>
	title  string
	status int
	retry  bool // see Retryable
}{
	Internal:         {"internal", "Internal error", http.StatusInternalServerError, false},
	Invalid:          {"invalid", "Invalid request", http.StatusBadRequest, false},
	Unauthorized:     {"unauthorized", "Unauthorized", http.StatusUnauthorized, false},
	Forbidden:        {"forbidden", "Forbidden", http.StatusForbidden, false},
	NotFound:         {"not-found", "Not found", http.StatusNotFound, false},
	Conflict:         {"conflict", "Conflict", http.StatusConflict, false},
	TooLarge:         {"too-large", "Too large", http.StatusRequestEntityTooLarge, false},
	UnsupportedMedia: {"unsupported-media-type", "Unsupported media type", http.StatusUnsupportedMediaType, false},
	NotAcceptable:    {"not-acceptable", "Not acceptable", http.StatusNotAcceptable, false},
	RateLimited:      {"rate-limited", "Rate limited", http.StatusTooManyRequests, true},
	QuotaExhausted:   {"quota-exhausted", "Quota exhausted", http.StatusTooManyRequests, false},
	Upstream:         {"upstream", "Upstream error", http.StatusBadGateway, false},
	Unavailable:      {"unavailable", "Unavailable", http.StatusServiceUnavailable, true},
	Timeout:          {"timeout", "Timed out", http.StatusGatewayTimeout, true},
	Canceled:         {"canceled", "Canceled", 499, false}, // nginx's status for a client that went away
}

// String is the kind's name in problem types and logs, such as "rate-limited".
func (k Kind) String() string { return kinds[k].name }

// Title is the kind's short name for people.
func (k Kind) Title() string { return kinds[k].title }

// Status is the HTTP status of an answer that reports the kind.
func (k Kind) Status() int { return kinds[k].status }

// Retryable tells whether another attempt may fare better.
func (k Kind) Retryable() bool { return kinds[k].retry }
