// Command mutate breaks the rules of the engine, one at a time, and tells what notices:
// the simulation, else a test of the package. It prints the table of docs/rules.md,
// and exits 1 when nothing noticed or when the code to break is not there any more.
//
//	go run ./local/simulation/mutate [-schedules 10000] [-only word]
//
// The tree stays as it is: go test gets the broken file as an overlay.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"ragtime/local/mutation"
)

var (
	schedules = flag.Int("schedules", 10000, "how many schedules a broken rule has to show in")
	only      = flag.String("only", "", "break only the rules with this word")
)

func main() {
	flag.Parse()
	missed := 0
	fmt.Println("| the rule | broken so | who notices |")
	fmt.Println("|---|---|---|")
	for _, m := range mutants {
		if !strings.Contains(m.rule+m.file, *only) {
			continue
		}
		by, err := m.noticed()
		if err != nil {
			by = "**" + err.Error() + "**"
			missed++
		}
		fmt.Printf("| %s | %s | %s |\n", m.rule, m.edit(), by)
	}
	if missed > 0 {
		fmt.Printf("%d of the rules can be broken without notice\n", missed)
		os.Exit(1)
	}
}

// edit tells what was changed, in a table's cell.
func (m mutant) edit() string {
	quote := func(s string) string {
		s = strings.Join(strings.Fields(s), " ")
		if s == "" {
			return "nothing"
		}
		return "`" + strings.ReplaceAll(s, "|", "\\|") + "`"
	}
	return fmt.Sprintf("%s: %s for %s", filepath.Base(m.file), quote(m.to), quote(m.from))
}

// noticed runs the simulation with the rule broken, then the package's own tests.
func (m mutant) noticed() (by string, err error) {
	pkg := filepath.Dir(m.file)
	broken, err := mutation.Break(m.file, m.from, m.to)
	if err != nil {
		return "", err
	}
	defer broken.Close()
	args := []string{"-run", "TestSimulate", "-schedules", fmt.Sprint(*schedules), "-seed", "1"}
	if pkg == "shared/wire" { // all of them over the wire, which is slower
		args = []string{"-run", "TestSimulate", "-schedules", fmt.Sprint(*schedules / 10), "-seed", "1", "-wire", "1"}
	}
	out, ok := broken.Test("./local/simulation", args...)
	if !ok {
		if rule := regexp.MustCompile(`BROKEN ([^:]+):`).FindStringSubmatch(out); rule != nil {
			return "the simulation: " + rule[1], nil
		}
		if what := regexp.MustCompile(`NOT KEPT (.*)`).FindStringSubmatch(out); what != nil {
			return "the simulation: " + what[1], nil
		}
		if strings.Contains(out, "panic: ") {
			return "the simulation: it crashes", nil
		}
		return "", fmt.Errorf("it does not run: %.300s", strings.Join(strings.Fields(out), " "))
	}
	if out, ok = broken.Test("./" + pkg); !ok {
		if name := regexp.MustCompile(`--- FAIL: (Test\w+)`).FindStringSubmatch(out); name != nil {
			return name[1], nil
		}
	}
	return "", fmt.Errorf("nobody")
}
