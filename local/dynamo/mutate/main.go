// Command mutate breaks each rule of the store's protocol (docs/design.md, "The
// protocol of a put"), one at a time, and runs the tests that should see it:
//
//	go run ./local/dynamo/mutate [-run part of a name] [-schedules 4000]
//
// It changes no file: go test is given the broken one as an overlay. It exits 1
// when a broken rule is not seen, or is no longer in the code as it stands here.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	part := flag.String("run", "", "break only the rules whose name has this in it")
	schedules := flag.Int("schedules", 4000, "how many schedules TestModel runs at the most")
	flag.Parse()
	failed := false
	for _, m := range mutations {
		if !strings.Contains(m.rule, *part) {
			continue
		}
		begin := time.Now()
		seen, err := m.try(*schedules)
		fmt.Printf("%-7s %5.1f s  %s\n", map[bool]string{true: "seen", false: "NOT SEEN"}[seen && err == nil], time.Since(begin).Seconds(), m.rule)
		if err != nil {
			fmt.Println("       ", err)
		}
		failed = failed || !seen || err != nil
	}
	if failed {
		os.Exit(1)
	}
}

// try breaks the rule, and tells whether the tests fail for it.
func (m mutation) try(schedules int) (seen bool, err error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return false, err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return false, fmt.Errorf("%s has %q %d times, want once", m.file, m.old, n)
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	broken, overlay := filepath.Join(dir, "broken.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(broken, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600); err != nil {
		return false, err
	}
	whole, err := filepath.Abs(m.file)
	if err != nil {
		return false, err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{whole: broken}})
	if err != nil {
		return false, err
	}
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		return false, err
	}
	tests := "^(TestModel|TestMarkKeepsItem|TestLateSwitch|TestLostSwitch|TestDeletesAtOnce)$"
	if out, err := exec.Command("go", "test", "-overlay", overlay, "-vet=off", "-count=1", "-run", "^$", "./local/dynamo").CombinedOutput(); err != nil {
		return false, fmt.Errorf("what is broken does not build: %w\n%s", err, out)
	}
	err = exec.Command("go", "test", "-overlay", overlay, "-vet=off", "-count=1", "-run", tests, "./local/dynamo",
		"-schedules", fmt.Sprint(schedules), "-seed", "1").Run()
	return err != nil, nil
}
