package xray

import (
	"testing"
	"time"
)

// The ticks of an axis are round numbers, as many as fit.
func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		total time.Duration
		most  int
		want  time.Duration
		last  string
	}{
		{3008 * time.Millisecond, 6, time.Second, "3 s"},
		{3008 * time.Millisecond, 4, time.Second, "3 s"},
		{48 * time.Millisecond, 6, 10 * time.Millisecond, "40 ms"},
		{25 * time.Second, 6, 5 * time.Second, "25 s"},
		{1240 * time.Millisecond, 4, 500 * time.Millisecond, "1 s"},
		{1900 * time.Millisecond, 4, 500 * time.Millisecond, "1.5 s"},
		{1300 * time.Microsecond, 6, 500 * time.Microsecond, "1 ms"},
		{0, 6, time.Microsecond, "0"},
	} {
		got := tickInterval(tt.total, tt.most)
		if last := formatTick(tt.total / got * got); got != tt.want || last != tt.last {
			t.Errorf("%v: a tick each %v, the last at %s; want %v, %s", tt.total, got, last, tt.want, tt.last)
		}
	}
}
