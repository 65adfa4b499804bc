package openai

import (
	"testing"
	"time"
)

// ShortenSilence sets maxSilence to d until the test ends.
func ShortenSilence(t *testing.T, d time.Duration) {
	was := maxSilence
	maxSilence = d
	t.Cleanup(func() { maxSilence = was })
}
