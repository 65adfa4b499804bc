package sam_test

import (
	"os"
	"path/filepath"
	"testing"

	"ragtime/local/gateway"
)

// `sam local invoke` answers every file in events/ as the functions' processes do. The
// order is that of the samples: what is read was put before.
func testInvoke(t *testing.T, p project) {
	samples, err := gateway.Samples(p.template)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../events/*.json")
	if err != nil || len(files) != len(samples) {
		t.Fatalf("%d files in events/ and %d samples: %v", len(files), len(samples), err)
	}
	for _, s := range samples {
		file, err := filepath.Abs("../../events/" + s.Name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var log tail
		c := p.command(t, "sam-invoke", file)
		c.Stderr = &log
		answer, err := c.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", s.Name, err, &log)
		}
		if err := s.Check(answer); err != nil {
			t.Errorf("%s: %v\n%s", s.Name, err, &log)
		}
	}
	if left := p.containers(t); left != "" {
		t.Errorf("containers are left: %s", left)
	}
}

// A file that is not named for its function needs --function.
func testNeedsAFunction(t *testing.T, p project) {
	file := filepath.Join(t.TempDir(), "question.json")
	if err := os.WriteFile(file, []byte(`{"source": "serverless-plugin-warmup"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := p.command(t, "sam-invoke", file).CombinedOutput(); err == nil {
		t.Errorf("got %s, want an error that names --function", out)
	}
	if out, err := p.command(t, "sam-invoke", file, "--function", "retrieve").CombinedOutput(); err != nil {
		t.Errorf("with --function: %v\n%s", err, out)
	}
}
