package xray

import (
	"testing"
	"time"
)

// NewDaemonOf is a daemon that received the documents without a network, at no
// known time.
func NewDaemonOf(t *testing.T, documents []string) *Daemon {
	t.Helper()
	d := &Daemon{traces: map[string][]received{}}
	for _, doc := range documents {
		d.take([]byte("{\"format\":\"json\",\"version\":1}\n"+doc), time.Time{})
	}
	return d
}
