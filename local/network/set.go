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
	h.setMu.Lock()
	defer h.setMu.Unlock()
	on := make([]*activeFault, len(faults))
	need := map[string]bool{}
	for i, f := range faults {
		var err error
		if on[i], err = h.newActiveFault(f); err != nil {
			return fmt.Errorf("%s: %w", h.name, err)
		}
		need[f.Name] = true
	}
	// The address of SYNs that are dropped is one for all: let the old one go first.
	if err := h.clearFaults(); err != nil {
		return err
	}
	if err := h.prepare(need); err != nil {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	h.mu.Lock()
	h.faults = on
	h.mu.Unlock()
	for _, a := range on {
		h.applyFault(a)
	}
	return nil
}

// clearFaults takes the faults off that are on.
func (h *Host) clearFaults() error {
	h.mu.Lock()
	if h.isClosed {
		h.mu.Unlock()
		return errors.New(h.name + ": closed")
	}
	old, silent := h.faults, h.badServer
	h.faults, h.badServer = nil, nil
	h.mu.Unlock()
	for _, a := range old {
		close(a.off)
	}
	h.tcp.SetDeadline(time.Time{})
	for _, c := range h.connections() {
		c.resume()
	}
	if silent != nil {
		return silent.Close()
	}
	return nil
}

// prepare makes what faults need that are about to be on.
func (h *Host) prepare(need map[string]bool) error {
	if stalls := need["send-stalls"]; stalls != h.smallBuffers {
		if err := limitBuffers(h.tcp, stalls); err != nil {
			return err
		}
		h.smallBuffers = stalls
	}
	var silent io.Closer
	var err error
	switch {
	case need["connect-silent"], need["connect-first-silent"]:
		silent, err = dropSYNs(silentAddress, h.port())
	case need["first-stopped"]:
		silent, err = startStopped(h.port())
	case need["first-silent"] && h.plain:
		silent, err = startMute(h.port(), nil)
	case need["first-silent"]:
		silent, err = startMute(h.port(), h.tlsConfig)
	}
	if err != nil || silent == nil {
		return err
	}
	h.mu.Lock()
	h.badServer = silent
	h.mu.Unlock()
	return nil
}

// applyFault does what a fault does at the moment it is switched on.
func (h *Host) applyFault(a *activeFault) {
	if a.kind.Name == "server-stopped" {
		h.tcp.SetDeadline(longAgo) // wakes accept
	}
	switch a.kind.layer {
	case atOnce:
		for _, c := range h.connections() {
			if a.meet() {
				c.stop()
			}
		}
	case atLookup, atAccept:
		h.retire()
	}
}

// noticeDelay is how long clients have to notice that a connection ends. A client
// that sends a POST in this moment cannot know whether it was read.
const noticeDelay = 250 * time.Millisecond

// Retire ends the connections that are there, each when it is idle, as servers do
// after a while. When it returns, the clients can see that, unless they have a request under way.
func (h *Host) Retire() {
	h.setMu.Lock()
	defer h.setMu.Unlock()
	h.retire()
}

func (h *Host) retire() {
	old := h.connections()
	for _, c := range old {
		c.retire()
	}
	late := time.NewTimer(noticeDelay)
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
		c.closeNow()
	}
}
