package system_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"ragtime/local/lambda"
	"ragtime/local/network"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
	"ragtime/shared/provider"
)

// The template's dashboard and alarms show exactly the metrics that the functions report.
func TestTemplateShowsWhatIsReported(t *testing.T) {
	reported := map[string]bool{}
	var mu sync.Mutex
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t), Log: func(l lambda.Line) {
		var line struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name string }
				}
			} `json:"_aws"`
		}
		if json.Unmarshal([]byte(l.Text), &line) != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, d := range line.AWS.CloudWatchMetrics {
			for _, m := range d.Metrics {
				for _, dimensions := range d.Dimensions {
					reported[d.Namespace+" "+m.Name+" "+strings.Join(dimensions, ",")] = true
				}
			}
		}
	}})
	for range 2 { // the second one reuses the first one's chunk
		if status := put(t, s.URL, "doc", "The vault opens at noon."); status != 200 {
			t.Fatalf("put answered %d", status)
		}
	}
	ask := func() {
		if resp, err := postQuestion(t.Context(), s, "When does the vault open?", false); err != nil || resp.StatusCode != 200 {
			t.Fatalf("got %v and %v, want an answer", resp, err)
		}
	}
	ask()
	if err := s.Network.Host("chat").Set(network.Fault{Name: "wait-silent"}); err != nil {
		t.Fatal(err)
	}
	ask() // a degraded answer
	if err := s.Network.Host("openai").Set(network.Fault{Name: "wait-silent"}); err != nil {
		t.Fatal(err)
	}
	do(t, "POST", s.URL+"/retrieve", `{"query":"x"}`, "Prefer", "wait=1")

	mu.Lock()
	defer mu.Unlock()
	// A timeout without Prefer: wait would take half a minute. It has the same
	// dimensions, which shared/operation tests.
	if reported["Ragtime wish_timeouts function,step,phase"] {
		reported["Ragtime timeouts function,step,phase"] = true
	}
	shown := templateMetrics(t)
	for m := range shown {
		if !reported[m] {
			t.Errorf("the template shows %q, which no function reports; they report %v", m, reported)
		}
	}
	for m := range reported {
		if !shown[m] {
			t.Errorf("the functions report %q, which the template does not show", m)
		}
	}
}

var (
	substitution = regexp.MustCompile(`\$\{[^}]*\}`)
	search       = regexp.MustCompile(`SEARCH\('\{Ragtime,([a-z,]+)\} MetricName=(?:"([a-z_]+)"|\(([^)]*)\))`)
)

// templateMetrics returns the metrics in the namespace Ragtime that dashboard and alarms
// name, each as namespace, name and dimensions.
func templateMetrics(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string `yaml:"Type"`
			Properties struct {
				DashboardBody string    `yaml:"DashboardBody"`
				Metrics       yaml.Node `yaml:"Metrics"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	alarms := 0
	for name, r := range template.Resources {
		switch r.Type {
		case "AWS::CloudWatch::Alarm":
			alarms++
			if r.Properties.Metrics.IsZero() { // the alarm is on a metric of AWS
				continue
			}
			var metrics []struct {
				MetricStat struct {
					Metric struct {
						Namespace  string `yaml:"Namespace"`
						MetricName string `yaml:"MetricName"`
						Dimensions []struct {
							Name string `yaml:"Name"`
						} `yaml:"Dimensions"`
					} `yaml:"Metric"`
				} `yaml:"MetricStat"`
			}
			if err := r.Properties.Metrics.Decode(&metrics); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, m := range metrics {
				if m := m.MetricStat.Metric; m.Namespace == "Ragtime" {
					shown[m.Namespace+" "+m.MetricName+" "+m.Dimensions[0].Name] = true
				}
			}
		case "AWS::CloudWatch::Dashboard":
			body := substitution.ReplaceAllString(r.Properties.DashboardBody, "x")
			var dashboard struct {
				Widgets []struct {
					Properties struct{ Metrics [][]any }
				}
			}
			if err := json.Unmarshal([]byte(body), &dashboard); err != nil {
				t.Fatalf("%s is no JSON: %v", name, err)
			}
			for _, w := range dashboard.Widgets {
				for _, m := range w.Properties.Metrics {
					if expression, ok := m[0].(map[string]any); ok {
						found := search.FindStringSubmatch(expression["expression"].(string))
						if found == nil {
							t.Fatalf("%s: %v is no search of ours", name, expression)
						}
						for name := range strings.SplitSeq(found[2]+strings.ReplaceAll(found[3], `"`, ""), " OR ") {
							shown["Ragtime "+name+" "+found[1]] = true
						}
					} else if m[0] == "Ragtime" {
						shown["Ragtime "+m[1].(string)+" "+m[2].(string)] = true
					}
				}
			}
		}
	}
	if alarms != 8 || len(shown) < 5 {
		t.Fatalf("found %d alarms and %v in the template", alarms, shown)
	}
	return shown
}

// The template allows exactly the known providers.
func TestTemplateHasTheProviders(t *testing.T) {
	raw, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Parameters map[string]struct {
			AllowedValues []string `yaml:"AllowedValues"`
		} `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(raw, &template); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(provider.Names(), template.Parameters["Provider"].AllowedValues); diff != "" {
		t.Errorf("providers (-known +allowed):\n%s", diff)
	}
	for _, name := range []string{"ChatProvider", "FallbackProvider"} {
		if diff := cmp.Diff(append([]string{""}, provider.Names()...), template.Parameters[name].AllowedValues); diff != "" {
			t.Errorf("%s (-known +allowed):\n%s", name, diff)
		}
	}
}
