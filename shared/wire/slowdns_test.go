package wire_test

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/wire"
)

// A DNS server that needs longer than an attempt has for it is waited for by the call's next
// attempt, which does not begin anew.
func TestSlowNameServer(t *testing.T) {
	const limit = 600 * time.Millisecond
	names := map[string][][4]byte{"name.test": {{127, 0, 0, 1}}}
	port := portOf(t)
	late := func(after time.Duration, queries *atomic.Int32) string {
		return resolverWith(t, names, func(_ []byte, send func()) {
			queries.Add(1)
			time.AfterFunc(after, send)
		})
	}
	ask := func(tr *wire.Transport) (took time.Duration, err error) {
		start := time.Now()
		_, err = attempt.Do(t.Context(), attempt.New(attempt.Options{}), func(ctx context.Context) (int, error) {
			resp, err := tr.RoundTrip(request(t, ctx, "http://name.test:"+port, ""))
			if err != nil {
				return 0, wire.Classify("the service", err)
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			return resp.StatusCode, err
		})
		return time.Since(start), err
	}
	var queries atomic.Int32
	tr := transport(t, wire.Options{Limits: wire.Limits{DNS: limit}, Resolver: late(limit*3/2, &queries)})
	before := measure(t)
	if took, err := ask(tr); err != nil || took < limit*3/2 {
		t.Errorf("%v after %v, want the answer that comes after %v", err, took, limit*3/2)
	}
	tr.CloseIdleConnections()
	before.gone(t)

	// What nobody waits for any more ends with the call.
	tr = transport(t, wire.Options{Limits: wire.Limits{DNS: limit}, Resolver: late(time.Hour, &queries)})
	before = measure(t)
	if _, err := ask(tr); err == nil {
		t.Error("no error where no DNS server answers")
	}
	before.gone(t)

	// A query that was lost costs no more than before: a later attempt asks again.
	queries.Store(0)
	lossy := resolverWith(t, names, func(_ []byte, send func()) {
		if queries.Add(1) > 2 { // of both families
			send()
		}
	})
	tr = transport(t, wire.Options{Resolver: lossy})
	if took, err := ask(tr); err != nil || took > 2500*time.Millisecond {
		t.Errorf("%v after %v, want the second attempt's query answered", err, took)
	}
	tr.CloseIdleConnections()
}
