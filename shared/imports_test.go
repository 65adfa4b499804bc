package shared_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed says what each package may import of this module. Imports point down, as the
// picture in docs/design.md shows. A package that is not in here fails the test, so that
// someone decides on its place.
var allowed = map[string][]string{
	"shared/fault":     {},
	"shared/chunk":     {},
	"shared/words":     {},
	"shared/settings":  {},
	"shared/provider":  {"shared/settings"},
	"shared/price":     {},
	"shared/config":    {"shared/price", "shared/provider", "shared/settings"},
	"shared/deadline":  {"shared/fault"},
	"shared/evidence":  {"shared/fault"},
	"shared/step":      {"shared/deadline", "shared/evidence", "shared/fault"},
	"shared/attempt":   {"shared/deadline", "shared/evidence", "shared/fault"},
	"shared/wire":      {"shared/evidence", "shared/fault"},
	"shared/metadata":  {"shared/exact", "shared/fault"},
	"shared/filter":    {"shared/exact", "shared/fault", "shared/metadata"},
	"shared/rag":       {"shared/chunk", "shared/fault", "shared/filter", "shared/metadata", "shared/step", "shared/words"},
	"shared/trace":     {"shared/evidence", "shared/fault"},
	"shared/operation": {"shared/deadline", "shared/evidence", "shared/fault", "shared/trace"},
	"shared/diagnose":  {"shared/config", "shared/evidence", "shared/fault", "shared/provider", "shared/step", "shared/wire"},
	"shared/exact":     {"shared/fault"},
	"shared/apigw":     {"shared/attempt", "shared/config", "shared/deadline", "shared/exact", "shared/fault", "shared/operation", "shared/trace"},
	"shared/query":     {"shared/filter", "shared/metadata", "shared/rag"},
	"shared/openai":    {"shared/attempt", "shared/chunk", "shared/evidence", "shared/fault", "shared/provider", "shared/rag", "shared/wire"},
	"shared/dynamo":    {"shared/attempt", "shared/awsfault", "shared/fault", "shared/filter", "shared/metadata", "shared/rag", "shared/wire"},
	"shared/secret":    {"shared/attempt", "shared/awsfault", "shared/evidence", "shared/fault", "shared/step", "shared/wire"},
	"shared/awsfault":  {"shared/wire"},
	"shared/bounded":   {"shared/fault", "shared/wire"},
	"shared/clients":   {"shared/bounded", "shared/config", "shared/deadline", "shared/dynamo", "shared/openai", "shared/secret", "shared/wire"},

	"shared/filter/filtertest": {},
	"shared/apigw/apigwtest":   {"shared/apigw", "shared/config", "shared/fault"},
	"shared/rag/ragtest":       {"shared/fault", "shared/filter/filtertest", "shared/metadata", "shared/rag"},

	"functions/": {"shared/"},
	"local/":     {"local/", "shared/"},
	"cmd/":       {"local/", "shared/"},
}

// forbidden has prefixes of other modules' packages, and who may import them.
var forbidden = map[string][]string{
	"github.com/aws/smithy-go":             {"shared/awsfault"},
	"github.com/aws/aws-sdk-go-v2":         {"shared/awsfault", "shared/dynamo", "shared/secret", "shared/clients", "local/", "cmd/"},
	"github.com/openai/openai-go":          {"shared/openai", "local/benchhang"},
	"github.com/aws/aws-xray-sdk-go":       {"shared/trace"},
	"github.com/failsafe-go/failsafe-go":   {"local/benchhang"},
	"github.com/aws/aws-lambda-go/lambda$": {"functions/"},
	"go.etcd.io/bbolt":                     {"local/dynamo"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "ragtime/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, "ragtime/")
		all = append(all, p)
	}
	if len(all) < 15 {
		t.Fatalf("go list named %d packages", len(all))
	}
	return all
}

// within tells whether one of the names is the path or a folder above it.
func within(path string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return path == n || strings.HasSuffix(n, "/") && strings.HasPrefix(path, n)
	})
}

func rule(path string) ([]string, bool) {
	if r, ok := allowed[path]; ok {
		return r, true
	}
	top, _, _ := strings.Cut(path, "/")
	r, ok := allowed[top+"/"]
	return r, ok
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		may, ok := rule(p.ImportPath)
		if !ok && p.ImportPath != "shared" {
			t.Errorf("%s has no import rule", p.ImportPath)
		}
		for _, i := range p.Imports {
			if ours, ok := strings.CutPrefix(i, "ragtime/"); ok && !within(ours, may) {
				t.Errorf("%s must not import %s", p.ImportPath, ours)
			}
			for f, by := range forbidden {
				exact := strings.HasSuffix(f, "$")
				f = strings.TrimSuffix(f, "$")
				if (i == f || !exact && strings.HasPrefix(i, f)) && !within(p.ImportPath, by) {
					t.Errorf("%s must not import %s", p.ImportPath, i)
				}
			}
			if p.ImportPath == "shared/rag" && i == "net/http" {
				t.Errorf("the domain must not import %s", i)
			}
			// wire reads how many DNS servers the system has, from a file.
			if i == "os" &&
				p.ImportPath != "shared/wire" &&
				strings.HasPrefix(p.ImportPath, "shared/") &&
				!strings.HasSuffix(p.ImportPath, "test") {
				t.Errorf("%s must not import os: the environment is main's and config's to read", p.ImportPath)
			}
		}
	}
}
