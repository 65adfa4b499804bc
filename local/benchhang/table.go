package main

import (
	"fmt"
	"math"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// table returns the Markdown that the command prints.
func table(d time.Duration, rows []row, clients []client, cells [][]cell) string {
	var s strings.Builder
	fmt.Fprintf(&s, "# Clients of the embeddings API under faults\n\n%s, %s/%s, %d CPUs; %s. D = %v.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), moduleVersions(), d)
	line := func(columns []string) { fmt.Fprintf(&s, "| %s |\n", strings.Join(columns, " | ")) }
	head := []string{"fault"}
	rule := []string{"---"}
	for _, c := range clients {
		head = append(head, c.name)
		rule = append(rule, "---")
	}
	line(head)
	line(rule)
	for i, r := range rows {
		columns := []string{r.name}
		for j := range clients {
			columns = append(columns, cells[i][j].format(r, d))
		}
		line(columns)
	}
	s.WriteString("\n" + legend + "\n")
	for _, c := range clients {
		fmt.Fprintf(&s, "- %s: %s.\n", c.name, c.how)
	}
	return s.String()
}

const legend = `A cell: whether an embedding came; the time until the call returned, as a share of D (in ms where the row names round trips) / the attempts,
as the client handed them to its transport, and in parentheses what the service saw of them where that is another
number (a lookup is two queries); whether the error's text names the phase that hung or the status that was answered;
what was left 1 s after the return, idle connections closed, in goroutines + sockets. Under load: of all calls, by 8 at once.
`

// moduleNames are the modules whose versions matter to the result.
var moduleNames = []string{"github.com/openai/openai-go/v3", "github.com/failsafe-go/failsafe-go"}

// moduleVersions returns these modules with the versions in this program.
func moduleVersions() string {
	var out []string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if slices.Contains(moduleNames, m.Path) {
				out = append(out, m.Path+" "+m.Version)
			}
		}
	}
	if len(out) < len(moduleNames) {
		return "module versions unknown"
	}
	return strings.Join(out, ", ")
}

// format returns a cell as text. d is D.
func (c cell) format(r row, d time.Duration) string {
	switch {
	case c.unavailable:
		return "not on this system"
	case r.load:
		return fmt.Sprintf("%s %% ok, p50 %s s, p99 %s s, %s; %s",
			formatNumber(100*float64(c.OK)/float64(len(c.Elapsed))),
			formatNumber(quantile(c.Elapsed, 0.50).Seconds()),
			formatNumber(quantile(c.Elapsed, 0.99).Seconds()),
			formatCount(c.seenByService, r.unit.name), c.leftovers)
	}
	s := "no"
	if c.OK == len(c.Elapsed) {
		s = "**ok**"
	}
	took := formatNumber(float64(c.Elapsed[0]) / float64(d))
	if r.roundTrip > 0 {
		took = fmt.Sprintf("%d ms", c.Elapsed[0].Milliseconds())
	}
	s += fmt.Sprintf(" %s / %d", took, c.Attempts)
	if c.seenByService != c.Attempts {
		s += fmt.Sprintf(" (%s)", formatCount(c.seenByService, r.unit.name))
	}
	if c.Error != "" {
		if namesTruth(c.Error, r.truth) {
			s += "; names " + r.truth
		} else {
			s += "; " + r.truth + " not named"
		}
	}
	if r.warm > 0 && !r.http1 && !c.http2 {
		s += "; HTTP/1.1"
	}
	return s + "; " + c.leftovers.String()
}

func (h resources) String() string {
	switch {
	case h.Sockets < 0:
		return "left " + formatCount(h.Goroutines, "goroutine")
	case h == resources{}:
		return "left nothing"
	}
	return fmt.Sprintf("left %d + %d", h.Goroutines, h.Sockets)
}

// formatCount returns a number of things. name is singular.
func formatCount(n int, name string) string {
	if n != 1 {
		name += "s"
	}
	return fmt.Sprintf("%d %s", n, name)
}

// formatNumber returns a number with about three significant digits.
func formatNumber(x float64) string {
	switch {
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 0.01:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}

// quantile returns the smallest duration that a share of all does not exceed.
func quantile(all []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// truthPatterns match the ways in which an error may name a truth: its own word or
// another word for the same thing.
var truthPatterns = map[string]*regexp.Regexp{
	"dns":     anyOf("dns", "lookup"),
	"connect": anyOf("connect", "connecting", "dial"),
	"tls":     anyOf("tls", "handshake"),
	"wait":    anyOf("wait", "awaiting", "waiting"),
	"receive": anyOf("receive", "receiving", "reading", "response body"),
	"429":     anyOf("429", "rate limit", "rate-limited"),
	"500":     anyOf("500", "internal server error"),
}

func anyOf(words ...string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(` + strings.Join(words, "|") + `)\b`)
}

// namesTruth reports whether an error's text names a truth.
func namesTruth(text, truth string) bool { return truthPatterns[truth].MatchString(text) }
