package wire_test

import (
	"net/http"
	"testing"
	"time"

	"ragtime/shared/wire"
)

func TestRetryAfter(t *testing.T) {
	const day = 24 * time.Hour
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	tests := []struct {
		name        string
		header      map[string]string
		least, most time.Duration
	}{
		{"none", nil, 0, 0},
		{"seconds", map[string]string{"Retry-After": "20"}, 20 * time.Second, 20 * time.Second},
		{"part of a second", map[string]string{"Retry-After": " 0.5 "}, time.Second / 2, time.Second / 2},
		{"a date", map[string]string{"Retry-After": in(time.Hour)}, time.Hour - 10*time.Second, time.Hour},
		{"a date that passed", map[string]string{"Retry-After": in(-time.Hour)}, 0, 0},
		{"a date far away", map[string]string{"Retry-After": in(1000 * day)}, day, day},
		{"OpenAI's milliseconds", map[string]string{"Retry-After-Ms": "250", "Retry-After": "1"}, 250 * time.Millisecond, 250 * time.Millisecond},
		{"AWS's milliseconds", map[string]string{"X-Amz-Retry-After": "1500"}, 1500 * time.Millisecond, 1500 * time.Millisecond},
		{"nonsense before a good one", map[string]string{"X-Amz-Retry-After": "x", "Retry-After": "2"}, 2 * time.Second, 2 * time.Second},
		{"zero", map[string]string{"Retry-After": "0"}, 0, 0},
		{"negative", map[string]string{"Retry-After": "-5"}, 0, 0},
		{"nonsense", map[string]string{"Retry-After": "soon"}, 0, 0},
		{"not a number", map[string]string{"Retry-After": "NaN"}, 0, 0},
		{"infinite", map[string]string{"Retry-After": "Inf"}, day, day},
		{"out of range", map[string]string{"Retry-After": "1e999"}, day, day},
		{"overflow", map[string]string{"X-Amz-Retry-After": "9223372036854775807"}, day, day},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			for name, value := range tt.header {
				h.Set(name, value)
			}
			if got := wire.RetryAfter(h); got < tt.least || got > tt.most {
				t.Errorf("got %v, want %v to %v", got, tt.least, tt.most)
			}
		})
	}
}
