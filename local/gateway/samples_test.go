package gateway

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite events/ from the samples")

const eventsFolder = "../../events"

func TestSamplesAreInEvents(t *testing.T) {
	samples, err := Samples(loadProject(t))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, s := range samples {
		want[s.Name+".json"] = string(s.Event)
	}
	files, err := filepath.Glob(filepath.Join(eventsFolder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		for _, file := range files {
			if _, ok := want[filepath.Base(file)]; !ok {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
		}
		for name, event := range want {
			if err := os.WriteFile(filepath.Join(eventsFolder, name), []byte(event), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	got := map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(file)] = string(data)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("events/ differs from the samples; run go test ./local/gateway -update (-got +want):\n%s", diff)
	}
}

// A sample says which function takes it by its name, which `make sam-invoke` reads.
func TestSamplesAreNamedForTheirFunction(t *testing.T) {
	samples, err := Samples(loadProject(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if function, _, _ := strings.Cut(s.Name, "-"); function != s.Function || s.Status < 200 {
			t.Errorf("%s is for function %s and answered %d", s.Name, s.Function, s.Status)
		}
	}
}

func TestSamplesNeedTheirRoutes(t *testing.T) {
	if _, err := Samples(&Template{API: API{Stage: "v1"}}); err == nil {
		t.Error("a template without routes: got no error")
	}
}
