// Command mutate breaks each rule of the store's protocol (docs/design.md, "The
// protocol of a put"), one at a time, and runs the tests that should see it:
//
//	go run ./local/dynamo/mutate [-run part of a name] [-schedules 4000]
//
// It changes no file: go test is given the broken one as an overlay. It exits 1
// when a broken rule is not seen, or is no longer in the code as it stands here.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"ragtime/local/mutation"
)

func main() {
	part := flag.String("run", "", "break only the rules whose name has this in it")
	schedules := flag.Int("schedules", 4000, "how many schedules TestModel runs at the most")
	flag.Parse()
	failed := false
	for _, b := range breaches {
		if !strings.Contains(b.rule, *part) {
			continue
		}
		begin := time.Now()
		seen, err := b.try(*schedules)
		fmt.Printf("%-7s %5.1f s  %s\n", map[bool]string{true: "seen", false: "NOT SEEN"}[seen && err == nil], time.Since(begin).Seconds(), b.rule)
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
func (b breach) try(schedules int) (seen bool, err error) {
	broken, err := mutation.Break(b.file, b.old, b.new)
	if err != nil {
		return false, err
	}
	defer broken.Close()
	if out, ok := broken.Test("./local/dynamo", "-run", "^$"); !ok {
		return false, fmt.Errorf("what is broken does not build:\n%s", out)
	}
	_, ok := broken.Test("./local/dynamo", "-run", "^(TestModel|TestMarkKeepsItem|TestLateSwitch|TestLostSwitch|TestDeletesAtOnce)$",
		"-schedules", fmt.Sprint(schedules), "-seed", "1")
	return !ok, nil
}
