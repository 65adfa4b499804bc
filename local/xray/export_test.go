package xray

import (
	"testing"
	"time"
)

// NewDaemonWith is a daemon that received the documents without a network, at no
// known time.
func NewDaemonWith(t *testing.T, documents []string) *Daemon {
	t.Helper()
	d := &Daemon{traces: map[string][]storedDocument{}}
	for _, doc := range documents {
		d.store([]byte("{\"format\":\"json\",\"version\":1}\n"+doc), time.Time{})
	}
	return d
}
