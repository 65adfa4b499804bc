package xray

import (
	"testing"
	"time"
)

// NewDaemonWith returns a daemon that has the documents, received at the zero time. It
// has no network.
func NewDaemonWith(t *testing.T, documents []string) *Daemon {
	t.Helper()
	d := &Daemon{traces: map[string][]storedDocument{}}
	for _, doc := range documents {
		d.store([]byte("{\"format\":\"json\",\"version\":1}\n"+doc), time.Time{})
	}
	return d
}
