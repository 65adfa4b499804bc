package network

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Set puts faults in the place of those that are on; none heals the service.
// What hangs because of the old ones is let go first. A fault that there is not,
// or not with these numbers, or not on this system, is an error and changes
// nothing; if the system refuses what a fault needs, the service is left healed.
//
// Of the faults of a layer (lookup, connection, request) the first that hits
// counts. slow goes with any: before an answer, after a hang.
func (h *Host) Set(faults ...Fault) error {
	h.setting.Lock()
	defer h.setting.Unlock()
	on := make([]*active, len(faults))
	need := map[string]bool{}
	for i, f := range faults {
		var err error
		if on[i], err = h.activate(f); err != nil {
			return fmt.Errorf("%s: %w", h.name, err)
		}
		need[f.Name] = true
	}
	// The address of SYNs that are dropped is one for all: let the old one go first.
	if err := h.heal(); err != nil {
		return err
	}
	if err := h.prepare(need); err != nil {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	h.mu.Lock()
	h.on = on
	h.mu.Unlock()
	for _, a := range on {
		h.begin(a)
	}
	return nil
}

// heal takes the faults off that are on.
func (h *Host) heal() error {
	h.mu.Lock()
	if h.over {
		h.mu.Unlock()
		return errors.New(h.name + ": closed")
	}
	old, silent := h.on, h.silent
	h.on, h.silent = nil, nil
	h.mu.Unlock()
	for _, a := range old {
		close(a.off)
	}
	h.tcp.SetDeadline(time.Time{})
	for _, c := range h.connections() {
		c.run()
	}
	if silent != nil {
		return silent.Close()
	}
	return nil
}

// prepare makes what faults need that are about to be on.
func (h *Host) prepare(need map[string]bool) error {
	if stalls := need["send-stalls"]; stalls != h.narrow {
		if err := limitBuffers(h.tcp, stalls); err != nil {
			return err
		}
		h.narrow = stalls
	}
	var silent io.Closer
	var err error
	switch {
	case need["connect-silent"], need["connect-first-silent"]:
		silent, err = dropSYNs(silentAddress, h.port())
	case need["first-stopped"]:
		silent, err = stop(h.port())
	case need["first-silent"] && h.plain:
		silent, err = mute(h.port(), nil)
	case need["first-silent"]:
		silent, err = mute(h.port(), h.right)
	}
	if err != nil || silent == nil {
		return err
	}
	h.mu.Lock()
	h.silent = silent
	h.mu.Unlock()
	return nil
}

// begin does what a fault does at the moment it is switched on.
func (h *Host) begin(a *active) {
	if a.kind.Name == "server-stopped" {
		h.tcp.SetDeadline(longAgo) // wakes accept
	}
	switch a.kind.layer {
	case atOnce:
		for _, c := range h.connections() {
			if a.meets() {
				c.stop()
			}
		}
	case atLookup, atAccept:
		h.retire()
	}
}

// notice is how long clients have to notice that a connection ends. A client
// that sends a POST in this moment cannot know whether it was read.
const notice = 250 * time.Millisecond

// Retire ends the connections that are there, each when it is idle, as servers do
// after a while. When it returns, the clients can see that, unless they have a request under way.
func (h *Host) Retire() {
	h.setting.Lock()
	defer h.setting.Unlock()
	h.retire()
}

func (h *Host) retire() {
	old := h.connections()
	for _, c := range old {
		c.retire()
	}
	late := time.NewTimer(notice)
	defer late.Stop()
	for _, c := range old {
		select {
		case <-c.gone:
			continue
		case <-late.C:
		}
		break
	}
	for _, c := range old {
		c.expel()
	}
}
