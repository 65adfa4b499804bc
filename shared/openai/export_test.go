package openai

import (
	"testing"
	"time"
)

// ShortenSilence makes a model's pause too long after d, while the test runs.
func ShortenSilence(t *testing.T, d time.Duration) {
	was := maxSilence
	maxSilence = d
	t.Cleanup(func() { maxSilence = was })
}
