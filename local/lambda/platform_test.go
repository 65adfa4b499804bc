package lambda

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLogText(t *testing.T) {
	log := new(logRecorder)
	s := start(t, Function{MemoryMB: 256}, Options{Log: log.add})
	r, err := invoke(t, s, event{Do: "print", Text: "one\ntwo\nunfinished"})
	if err != nil {
		t.Fatal(err)
	}
	log.waitForReport(t, r.RequestID)
	var got []Line
	for _, l := range log.lines {
		if l.Time.IsZero() || l.Function != "f" || l.LogStream != r.LogStream {
			t.Errorf("line %+v: want a time, function f, log stream %s", l, r.LogStream)
		}
		got = append(got, Line{RequestID: l.RequestID, Platform: l.Platform, Text: measures.ReplaceAllString(l.Text, "$1: <n>")})
	}
	id := r.RequestID
	report := "REPORT RequestId: " + id + "\tDuration: <n> ms\tBilled Duration: <n> ms\tMemory Size: 256 MB"
	if peakMemoryMB(s.Environments("f")[0].PID) > 0 {
		report += "\tMax Memory Used: <n> MB"
	}
	want := []Line{
		{Platform: true, Text: "INIT_START Runtime Version: local"},
		{Platform: true, RequestID: id, Text: "START RequestId: " + id + " Version: $LATEST"},
		{RequestID: id, Text: "one"},
		{RequestID: id, Text: "two"},
		{RequestID: id, Text: "unfinished"},
		{Platform: true, RequestID: id, Text: "END RequestId: " + id},
		{Platform: true, RequestID: id, Text: report + "\tInit Duration: <n> ms"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// measures matches the figures of a REPORT line that vary.
var measures = regexp.MustCompile(`(Duration|Used): [\d.]+`)

func TestLogJSON(t *testing.T) {
	tests := []struct {
		name                string
		event               event
		status, kind, fault string
	}{
		{"answer", event{Do: "echo"}, "success", "", ""},
		{"error", event{Do: "error", Text: "no luck"}, "error", "errorString", ""},
		{"exit", event{Do: "exit", N: 2}, "failure", "Runtime.ExitError", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := new(logRecorder)
			s := start(t, Function{JSONLogs: true}, Options{Log: log.add})
			r, _ := invoke(t, s, tt.event)
			log.waitForReport(t, r.RequestID)
			var types []string
			for _, l := range log.lines {
				if !l.Platform {
					continue
				}
				var e struct {
					Time, Type string
					Record     struct {
						RequestID, Status, ErrorType string
						Metrics                      map[string]float64
					}
				}
				if err := json.Unmarshal([]byte(l.Text), &e); err != nil {
					t.Fatalf("line %q: %v", l.Text, err)
				}
				types = append(types, e.Type)
				if e.Type != "platform.report" {
					continue
				}
				if e.Record.RequestID != r.RequestID || e.Record.Status != tt.status || e.Record.ErrorType != tt.kind {
					t.Errorf("report %s, want request %s, status %q, error type %q", l.Text, r.RequestID, tt.status, tt.kind)
				}
				m := e.Record.Metrics
				if m["durationMs"] <= 0 || m["initDurationMs"] <= 0 || m["billedDurationMs"] < m["durationMs"]+m["initDurationMs"] {
					t.Errorf("metrics %v, want durations, and both billed", m)
				}
			}
			want := []string{"platform.initStart", "platform.start", "platform.runtimeDone", "platform.report"}
			if diff := cmp.Diff(want, types); diff != "" {
				t.Errorf("platform events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogOfACrash(t *testing.T) {
	log := new(logRecorder)
	s := start(t, Function{}, Options{Log: log.add})
	r, _ := invoke(t, s, event{Do: "panic"})
	log.waitForReport(t, r.RequestID)
	texts := log.texts()
	last := slices.IndexFunc(texts, func(s string) bool { return strings.HasSuffix(s, "\nRuntime.ExitError") })
	if last != len(texts)-3 { // END and REPORT follow
		t.Errorf("log %q, want Runtime.ExitError, then END and REPORT, at its end", texts)
	}
	if !slices.ContainsFunc(texts[:last], func(s string) bool { return strings.Contains(s, "at the disco") }) {
		t.Errorf("log %q lacks what the process wrote before it died", texts)
	}
}
