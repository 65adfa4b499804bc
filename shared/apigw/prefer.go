package apigw

import (
	"strconv"
	"strings"
	"time"
)

// A client's preferences (RFC 7240) are never an error: what cannot be obeyed is
// ignored. The answer says so, in the header Ragtime-Preference-Ignored.

// Prefers tells whether the request has the preference, such as "handling=strict".
func (r *Request) Prefers(name, value string) bool {
	values := r.call.preference(name)
	return len(values) > 0 && strings.EqualFold(values[0], value)
}

// wish is the time that the client is ready to wait: "Prefer: wait=10", in seconds.
// It is 0 for no wish, and for one that cannot be obeyed: why is told.
func (c call) wish() (wish time.Duration, ignored string) {
	values := c.preference("wait")
	if len(values) == 0 {
		return 0, ""
	}
	for _, other := range values[1:] {
		if other != values[0] {
			ignored = "wait: it was given twice, and the first counts"
		}
	}
	seconds, err := strconv.ParseUint(values[0], 10, 64)
	if err != nil && strings.Trim(values[0], "0123456789") != "" || seconds == 0 {
		return 0, "wait: it takes whole seconds, from 1"
	}
	return time.Duration(min(seconds, 3600)) * time.Second, ignored // longer is no other wish
}

// waitApplied is the Preference-Applied of a wish.
func waitApplied(wish time.Duration) string { return "wait=" + strconv.Itoa(int(wish/time.Second)) }

// preference gives the values of the preferences of a name. The first counts.
func (c call) preference(wanted string) (values []string) {
	for _, v := range c.headers["prefer"] {
		for p := range strings.SplitSeq(v, ",") {
			p, _, _ = strings.Cut(p, ";") // what follows are parameters of the preference
			name, value, _ := strings.Cut(p, "=")
			if strings.EqualFold(strings.TrimSpace(name), wanted) {
				values = append(values, strings.Trim(strings.TrimSpace(value), `"`))
			}
		}
	}
	return values
}
