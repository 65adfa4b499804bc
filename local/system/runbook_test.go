package system_test

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The runbook has the template's queries, since its readers paste them.
func TestRunbookHasTheSavedQueries(t *testing.T) {
	template, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	runbook, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(template, &root); err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(*yaml.Node)
	walk = func(node *yaml.Node) {
		for i, c := range node.Content {
			if i > 0 && node.Content[i-1].Value == "QueryString" {
				n++
				if q := strings.TrimSpace(c.Value); !strings.Contains(string(runbook), q) {
					t.Errorf("docs/runbook.md does not have this query of the template:\n%s", q)
				}
			}
			walk(c)
		}
	}
	walk(&root)
	if n < 5 {
		t.Errorf("the template has %d queries, want several", n)
	}
}
