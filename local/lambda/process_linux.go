package lambda

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// attributes puts a process into a group of its own, and has it killed when this program dies, even by
// SIGKILL. Pdeathsig reaches the process alone, not what it started. See starter for the thread it is tied to.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// peakMemoryMB returns the most memory that process pid has had resident, rounded up; 0 if it cannot be read.
func peakMemoryMB(pid int) int {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kB int
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			fmt.Sscan(rest, &kB)
			return (kB + 1023) / 1024
		}
	}
	return 0
}
