package gateway

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-lambda-go/events"
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

// The functions decode events with aws-lambda-go: what it cannot read is lost.
func TestSamplesDecode(t *testing.T) {
	samples, err := Samples(loadProject(t))
	if err != nil {
		t.Fatal(err)
	}
	accounts := map[string]bool{}
	for _, s := range samples {
		decoder := json.NewDecoder(bytes.NewReader(s.Event))
		var got events.APIGatewayProxyRequest
		if err := decoder.Decode(&got); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		if got.RequestContext.Identity.AccountID == "" || got.HTTPMethod == "" || s.Status < 200 {
			t.Errorf("%s: got %+v", s.Name, got)
		}
		accounts[got.RequestContext.Identity.AccountID] = true
	}
	if len(accounts) != 2 {
		t.Errorf("tenants: got %d, want 2", len(accounts))
	}
}

func TestSamplesNeedTheirRoutes(t *testing.T) {
	if _, err := Samples(&Template{API: API{Stage: "v1"}}); err == nil {
		t.Error("a template without routes: got no error")
	}
}
