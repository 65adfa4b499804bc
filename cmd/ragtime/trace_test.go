package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ragtime/local/system/systemtest"
)

// ragtime trace draws the latest operation, or the one that an id of it or of its
// trace names, and says what is wrong where it cannot.
func TestTrace(t *testing.T) {
	root := systemtest.Build(t)
	r := start(t, root, t.TempDir(), "--samples=false")
	trace := func(endpoint string, args ...string) (string, int) {
		c := exec.Command(filepath.Join(root, "build/ragtime"), append([]string{"trace"}, args...)...)
		c.Env = append(os.Environ(), "RAGTIME_ENDPOINT="+endpoint)
		out, _ := c.CombinedOutput()
		return string(out), c.ProcessState.ExitCode()
	}
	if out, code := trace(r.url); code == 0 || !strings.Contains(out, "There is no operation yet") {
		t.Errorf("before any operation trace exited %d:\n%s", code, out)
	}
	_, put := r.do(t, "PUT", "/documents/note", `{"text":"The front desk opens at nine."}`)
	r.first(t, "when does the front desk open?")

	latest, code := trace(r.url)
	for _, want := range []string{"retrieve succeeded", "├─ embed", "└─ search", "receive"} {
		if code != 0 || !strings.Contains(latest, want) {
			t.Errorf("the latest operation's trace exited %d without %q:\n%s", code, want, latest)
		}
	}
	out, code := trace(r.url, put["operation_id"].(string))
	if code != 0 || !strings.Contains(out, "embed succeeded") || !strings.Contains(out, "store") {
		t.Errorf("trace of an operation exited %d:\n%s", code, out)
	}
	id := regexp.MustCompile(`1-[0-9a-f]{8}-[0-9a-f]{24}`).FindString(out)
	if again, code := trace(r.url, id); code != 0 || again != out {
		t.Errorf("by its trace's id %q it exited %d:\n%s", id, code, again)
	}
	if out, code := trace(r.url, "../faults"); code == 0 || !strings.Contains(out, `There is no operation and no trace "../faults"`) {
		t.Errorf("trace of nothing exited %d:\n%s", code, out)
	}
	if out, code := trace("http://127.0.0.1:1"); code == 0 || !strings.Contains(out, "ragtime up") {
		t.Errorf("trace from nowhere exited %d:\n%s", code, out)
	}
}
