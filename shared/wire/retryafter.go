package wire

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestWait bounds what RetryAfter gives: more than anyone waits, and far from overflow.
const longestWait = 24 * time.Hour

// RetryAfter is how long the answer's sender asks to wait before another
// attempt; 0 where it does not say, or says it wrongly. The headers, in the order
// in which they count:
//
//	Retry-After-Ms       milliseconds, OpenAI's
//	X-Amz-Retry-After    milliseconds, AWS's (Retry Behavior 2.1 of its SDKs)
//	Retry-After          seconds or a date (RFC 9110, section 10.2.3)
func RetryAfter(h http.Header) time.Duration {
	for _, name := range []string{"Retry-After-Ms", "X-Amz-Retry-After"} {
		if d, ok := wait(h.Get(name), time.Millisecond); ok {
			return d
		}
	}
	value := h.Get("Retry-After")
	if d, ok := wait(value, time.Second); ok {
		return d
	}
	if at, err := http.ParseTime(strings.TrimSpace(value)); err == nil {
		return min(max(0, time.Until(at)), longestWait)
	}
	return 0
}

// wait reads a positive number of units.
func wait(value string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil && n == 0 || !(n > 0) { // NaN is not above 0; a number out of range is infinite
		return 0, false
	}
	return time.Duration(min(n*float64(unit), float64(longestWait))), true
}
