package system_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"ragtime/local/lambda"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// Prices of CloudWatch and X-Ray, us-east-1, in US dollars. docs/deploy.md has the source.
const (
	pricePerGBLogged       = 0.50 // of the access log; functions' logs have logPriceTiers
	pricePerMillionTraces  = 5.00
	pricePerMetricMonth    = 0.30
	pricePerAlarmedMetric  = 0.10
	pricePerDashboardMonth = 3.00
)

const (
	secondsPerMonth  = 30 * 24 * 3600
	bytesPerLogEvent = 26 // what CloudWatch Logs adds to each line
)

// logPriceTiers are the prices of functions' logs: the first 10 TB of a month cost 0.50 dollars a GB, and so on. The
// last price is for the rest.
var logPriceTiers = []struct{ tb, dollars float64 }{
	{10, 0.50},
	{20, 0.25},
	{20, 0.10},
	{0, 0.05},
}

// functionLogPrice returns the price of a month's functions' logs.
func functionLogPrice(gb float64) (dollars float64) {
	for _, t := range logPriceTiers {
		part := gb
		if t.tb > 0 {
			part = min(gb, t.tb*1000)
		}
		dollars += part * t.dollars
		gb -= part
	}
	return dollars
}

// accessLine returns a line of the access log with values of usual length.
func accessLine(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(raw), "          Format: >-\n")
	format, _, ends := strings.Cut(after, "        - !Ref")
	if !found || !ends {
		t.Fatal("the template has no format of the access log")
	}
	values := map[string]string{
		"requestId":                     "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
		"extendedRequestId":             "JKJaXmPLvHcESHA=",
		"integration.requestId":         "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
		"requestTime":                   "25/Nov/2026:22:15:00 +0000",
		"httpMethod":                    "POST",
		"resourcePath":                  "/retrieve",
		"status":                        "200",
		"integration.integrationStatus": "200",
		"integrationErrorMessage":       "-",
		"error.responseType":            "-",
		"responseLatency":               "148",
		"integration.latency":           "131",
		"responseLength":                "2048",
		"identity.accountId":            "000000000000",
		"identity.userArn":              "arn:aws:sts::000000000000:assumed-role/backend/i-0123456789abcdef0",
		"authorizer.principalId":        "-",
		"authorizer.claims.sub":         "-",
		"identity.sourceIp":             "203.0.113.10",
		"xrayTraceId":                   "1-58337262-36228ad5164bc372ff4b3fb5",
	}
	variable := regexp.MustCompile(`\$context\.([A-Za-z.]+)`)
	line := variable.ReplaceAllStringFunc(strings.Join(strings.Fields(format), " "), func(s string) string {
		v, ok := values[strings.TrimPrefix(s, "$context.")]
		if !ok {
			t.Errorf("the access log has %s, whose usual length is not known here", s)
		}
		return v
	})
	if !json.Valid([]byte(line)) {
		t.Fatalf("the access log's line is no JSON: %s", line)
	}
	return line
}

// alarmedMetrics returns the number of metrics that the template's alarms watch.
func alarmedMetrics(t *testing.T) (n int) {
	t.Helper()
	raw, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string `yaml:"Type"`
			Properties struct {
				Metrics yaml.Node `yaml:"Metrics"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(raw, &template); err != nil {
		t.Fatal(err)
	}
	for _, r := range template.Resources {
		if r.Type == "AWS::CloudWatch::Alarm" {
			// The first of several metrics is the expression over the others.
			n += max(1, len(r.Properties.Metrics.Content)-1)
		}
	}
	return n
}

// logMeter counts the bytes of log lines, and the metrics in them.
type logMeter struct {
	mu      sync.Mutex
	bytes   map[string]int  // by function
	metrics map[string]bool // by function, dimensions and name
}

func (l *logMeter) add(line lambda.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes[line.Function] += len(line.Text) + bytesPerLogEvent
	var emf struct {
		AWS struct {
			CloudWatchMetrics []struct {
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	if json.Unmarshal([]byte(line.Text), &emf) != nil {
		return
	}
	for _, set := range emf.AWS.CloudWatchMetrics {
		for _, d := range set.Dimensions {
			for _, m := range set.Metrics {
				l.metrics[line.Function+" "+strings.Join(d, ",")+" "+m.Name] = true
			}
		}
	}
}

// TestLogCost measures what a retrieval logs, and compares that with the table in
// docs/deploy.md of what logs, traces and metrics cost a month.
func TestLogCost(t *testing.T) {
	l := logMeter{bytes: map[string]int{}, metrics: map[string]bool{}}
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t), SecretKey: true, Log: l.add})
	defer http.DefaultClient.CloseIdleConnections()
	ask := func(method, path, body string) {
		if status, answer := send(t, s, apiRequest{"", method, path, body}); status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
	}
	ask("PUT", "/documents/short", `{"text": "The front desk opens at half past seven."}`)
	ask("POST", "/diagnose", "")
	ask("POST", "/answer", `{"question": "When does the front desk open?"}`)
	ask("POST", "/retrieve", `{"query": "When does the front desk open?"}`) // a process's first, which logs more
	const requests = 20
	l.mu.Lock()
	l.bytes = map[string]int{}
	l.mu.Unlock()
	for range requests {
		ask("POST", "/retrieve", `{"query": "When does the front desk open?"}`)
	}
	l.mu.Lock()
	function := l.bytes["retrieve"] / requests
	access := len(accessLine(t)) + bytesPerLogEvent
	metrics := len(l.metrics) + 2 // of the access log's filters
	l.mu.Unlock()

	file := "../../docs/deploy.md"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), costsBegin)
	table, after, ends := strings.Cut(rest, costsEnd)
	if !found || !ends {
		t.Fatalf("%s has no place for the table", file)
	}
	if *updateCosts {
		table = observationTable(function, access, metrics, alarmedMetrics(t))
		if err := os.WriteFile(file, []byte(before+costsBegin+table+costsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The measured figures may differ a little. The prices must follow from the figures in the text.
	said := observationFigures.FindStringSubmatch(table)
	if said == nil {
		t.Fatalf("%s does not say how much a request logs, and how many metrics there are", file)
	}
	var of [4]int
	for i, measured := range []int{function, access, alarmedMetrics(t), metrics} {
		of[i], _ = strconv.Atoi(said[i+1])
		if measured < of[i]*85/100 || measured > of[i]*150/100 { // a slow machine logs more, since requests wait
			t.Errorf("%s says %d, measured are %d; run go test ./local/system -run LogCost -update-costs",
				file, of[i], measured)
		}
	}
	if want := observationTable(of[0], of[1], of[3], of[2]); table != want {
		t.Errorf("%s has\n%s\nwant\n%s\nrun go test ./local/system -run LogCost -update-costs", file, table, want)
	}
}

// observationFigures matches the figures in the text of observationTable: function, access, alarmed and metrics.
var observationFigures = regexp.MustCompile(`(?s)writes (\d+) bytes of a function's log and (\d+) of the access log` +
	`.* for the (\d+) metrics that alarms watch, and \S+ for the (\d+) metrics`)

// observationTable returns the table, in dollars a month of 30 days. function and access are the bytes that a request
// logs; metrics and alarmed count the metrics of a stack and those that alarms watch.
func observationTable(function, access, metrics, alarmed int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "A retrieval writes %d bytes of a function's log and %d of the access log. "+
		"That is a month, in dollars:\n\n", function, access)
	out.WriteString("| requests a second | GB logged | functions' logs | access log " +
		"| X-Ray, `TraceRate` 0.1 | X-Ray, `TraceRate` 1 |\n" +
		"|---|---|---|---|---|---|\n")
	for _, rate := range []float64{1, 100, 10_000} {
		gb := func(size int) float64 { return rate * secondsPerMonth * float64(size) / 1e9 }
		traces := func(share float64) float64 {
			sampled := 1 + max(0, rate-1)*share // one a second, and a share of the rest
			return sampled * secondsPerMonth / 1e6 * pricePerMillionTraces
		}
		fmt.Fprintf(&out, "| %.0f | %.1f | %.2f | %.2f | %.2f | %.2f |\n", rate, gb(function)+gb(access),
			functionLogPrice(gb(function)), gb(access)*pricePerGBLogged, traces(0.1), traces(1))
	}
	fmt.Fprintf(&out, "\nWhatever the rate: $%.2f for the dashboard, $%.2f for the %d metrics that alarms watch, "+
		"and $%.2f for the %d metrics that the four functions and the access log report; "+
		"each function, step and phase in which something hung is one more, at $%.2f.\n",
		pricePerDashboardMonth, pricePerAlarmedMetric*float64(alarmed), alarmed,
		pricePerMetricMonth*float64(metrics), metrics, pricePerMetricMonth)
	return out.String()
}
