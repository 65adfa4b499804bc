// Package sam runs the functions in containers, with `sam local`, against the
// services of a local system (package system).
package sam

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"

	"ragtime/local/system"
)

// Tools are the programs that sam needs beside this repository: sam itself and Docker.
type Tools struct {
	sam string // path of the program
	// bridge is this machine's address on Docker's network. It is invalid where
	// Docker runs in a virtual machine, which knows this machine as hostName.
	bridge netip.Addr
}

const hostName = "host.docker.internal"

// Find looks for sam and a running Docker. The error is one line, and says what
// to install or to start.
func Find(ctx context.Context) (Tools, error) {
	var t Tools
	var err error
	if t.sam, err = exec.LookPath("sam"); err != nil {
		return t, errors.New("sam is not installed: install aws-sam-cli 1.170 or newer, for example with pipx install aws-sam-cli")
	}
	if _, err := exec.LookPath("docker"); err != nil {
		return t, errors.New("docker is not installed: install Docker, for example with apt-get install docker.io, or Docker Desktop")
	}
	out, err := exec.CommandContext(ctx, "docker", "network", "inspect", "bridge",
		"--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}").Output()
	if err != nil {
		return t, fmt.Errorf("no Docker answers: start it, for example with systemctl start docker (%s)", failureReason(err))
	}
	t.bridge = ownAddress(strings.Fields(string(out)))
	return t, nil
}

// failureReason returns the last line that a failed command wrote to stderr.
func failureReason(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		lines := strings.Split(strings.TrimSpace(string(exit.Stderr)), "\n")
		return lines[len(lines)-1]
	}
	return err.Error()
}

// ownAddress returns the first of addresses that is an IPv4 address of this machine; else an invalid one.
func ownAddress(addresses []string) netip.Addr {
	own, _ := net.InterfaceAddrs() // after an error, containers try hostName
	for _, text := range addresses {
		address, err := netip.ParseAddr(text)
		if err != nil || !address.Is4() {
			continue
		}
		for _, o := range own {
			if prefix, ok := o.(*net.IPNet); ok && prefix.IP.Equal(address.AsSlice()) {
				return address
			}
		}
	}
	return netip.Addr{}
}

// System returns the options of a system whose services containers can reach. Where
// they reach this machine by a name, no service has a certificate for it, so the
// services speak without TLS.
func (t Tools) System(o system.Options) system.Options {
	o.SecretKey = true // as in the deployed stack
	if t.bridge.IsValid() {
		o.Address = t.bridge
	} else {
		o.Plain = true
	}
	return o
}

// Architecture returns this machine's architecture in the template's words.
func Architecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}
