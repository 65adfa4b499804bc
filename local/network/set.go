package network

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Set replaces the faults that are on; without arguments it heals the service. First
// it lets go of what hangs because of the old ones. An unknown fault, or one that
// these numbers or this system do not allow, is an error and changes nothing. If the
// system refuses what a fault needs, that is an error and leaves the service healed.
//
// Of several faults of a layer (lookup, connection, request), the first that is met
// counts. slow goes with any other: it delays an answer, and the answer after a hang.
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
	// Old and new fault may need the same address, so the old one goes first.
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

// clearFaults switches off all faults and lets go of what hangs because of them.
func (h *Host) clearFaults() error {
	h.mu.Lock()
	if h.isClosed {
		h.mu.Unlock()
		return errors.New(h.name + ": closed")
	}
	old := h.faults
	h.faults = nil
	server := h.badServer
	h.badServer = nil
	h.mu.Unlock()
	for _, a := range old {
		close(a.off)
	}
	h.tcp.SetDeadline(time.Time{})
	for _, c := range h.connections() {
		c.resume()
	}
	if server != nil {
		return server.Close()
	}
	return nil
}

// prepare sets up the sockets that the named faults need.
func (h *Host) prepare(need map[string]bool) error {
	if stalls := need["send-stalls"]; stalls != h.smallBuffers {
		if err := limitBuffers(h.tcp, stalls); err != nil {
			return err
		}
		h.smallBuffers = stalls
	}
	var server io.Closer
	var err error
	switch {
	case need["connect-silent"], need["connect-first-silent"]:
		server, err = dropSYNs(silentAddress, h.port())
	case need["first-stopped"]:
		server, err = startStopped(h.port())
	case need["first-silent"] && h.plain:
		server, err = startMute(h.port(), nil)
	case need["first-silent"]:
		server, err = startMute(h.port(), h.tlsConfig)
	}
	if err != nil || server == nil {
		return err
	}
	h.mu.Lock()
	h.badServer = server
	h.mu.Unlock()
	return nil
}

// applyFault does what a fault does once, when it is switched on.
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
// that sends a POST on it in this time cannot know whether the server read it.
const noticeDelay = 250 * time.Millisecond

// Retire ends the present connections, each when it is idle, as servers do after a
// while. When it returns, the clients of all idle connections can see their end.
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
