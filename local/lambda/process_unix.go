//go:build unix && !linux

package lambda

import "syscall"

// attributes puts a process into a group of its own. Without a parent-death signal, what ends it when this
// program is killed is that its Runtime API is gone; a frozen one gets SIGHUP and SIGCONT from the kernel,
// since its group is then orphaned with a stopped member (POSIX, _exit).
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// peakMemoryMB returns 0: there is no cheap way to read it here.
func peakMemoryMB(int) int { return 0 }
