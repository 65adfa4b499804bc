// Command mutate breaks each rule of the store's protocol (docs/design.md, "The
// protocol of a put"), one at a time, and tells what notices: a test of one race,
// else the model. It prints the table of docs/store.md, and exits 1 when nothing
// noticed or when the code to break is not there any more.
//
//	go run ./local/dynamo/mutate [-run part of a name] [-schedules 4000]
//
// The tree stays as it is: go test gets the broken file as an overlay.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"ragtime/local/mutation"
)

// races are the tests of one race each.
const races = "^Test(NothingIsDue|Overtaken|PutAgain|SettledBeside|EverythingArrivesAgain|Unanswered|FailedPut|SwitchDrops|Killed|PutUnderWay|LapsedPut|Late|" +
	"DeleteBeside|SettlesAgain|Sweep|ItemExpires|Tenant|Lost|DeletesAtOnce|Repairs|MarkKeeps)"

var (
	part      = flag.String("run", "", "break only the rules whose name has this in it")
	schedules = flag.Int("schedules", 4000, "how many schedules the model runs for what no other test notices")
)

func main() {
	flag.Parse()
	begin := time.Now()
	chosen := slices.DeleteFunc(breaches, func(b breach) bool { return !strings.Contains(b.rule, *part) })
	rows := make([]string, len(chosen))
	missed := make([]bool, len(chosen))
	var tries errgroup.Group
	tries.SetLimit(runtime.GOMAXPROCS(0))
	for i, b := range chosen {
		tries.Go(func() error {
			by, err := b.noticed()
			if missed[i] = err != nil; err != nil {
				by = "**" + err.Error() + "**"
			}
			rows[i] = fmt.Sprintf("| %s | %s |", b.rule, by)
			return nil
		})
	}
	tries.Wait()
	fmt.Printf("| the rule | who notices |\n|---|---|\n%s\n", strings.Join(rows, "\n"))
	fmt.Printf("\n%d rules broken in %.0f s\n", len(rows), time.Since(begin).Seconds())
	if slices.Contains(missed, true) {
		fmt.Println("some were not noticed")
		os.Exit(1)
	}
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// noticed names the test that fails where the rule is broken.
func (b breach) noticed() (test string, err error) {
	code, err := mutation.Break(b.file, b.old, b.new)
	if err != nil {
		return "", err
	}
	defer code.Close()
	tests, err := code.Build("./local/dynamo")
	if err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"-test.run", races},
		{"-test.run", "^TestStoreWithUnprocessedItems$"},
		{"-test.run", "^TestModel$", "-schedules", fmt.Sprint(*schedules), "-seed", "1"},
	} {
		out, ok := tests.Run(append(args, "-test.failfast", "-test.timeout=5m")...)
		if ok {
			continue
		}
		if test := failed.FindStringSubmatch(out); test != nil {
			return test[1], nil
		}
		return "", fmt.Errorf("%s does not run: %.300s", filepath.Base(b.file), strings.Join(strings.Fields(out), " "))
	}
	return "", errors.New("nobody")
}
