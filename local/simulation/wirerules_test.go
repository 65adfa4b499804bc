package simulation

import (
	"fmt"
	"slices"
	"time"

	"ragtime/shared/fault"
)

// known is what a transport has met, as far as the model must know it. The network's mu guards it.
type known struct {
	disliked map[int]bool      // hosts where anything went wrong, ever
	failed   map[int]time.Time // hosts that gave no byte of an answer the last time, and when that was
	silent   map[int]time.Time // DNS servers that were asked in vain, and when that was plain
	hung     [][2]time.Time    // the start and the end of attempts that hung on a connection of the pool
}

// wrongly notes that an attempt broke a rule of the wire.
func (k *walk) wrongly(format string, args ...any) {
	k.call.wrong = append(k.call.wrong, fmt.Sprintf("%s (attempt %d)", fmt.Sprintf(format, args...), k.trial.number))
}

// dialed is asked when an attempt dials: one after the first goes elsewhere, where there
// is an address of which nothing bad is known.
func (k *walk) dialed(host int) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.call.mu.Lock()
	defer k.call.mu.Unlock()
	if k.trial.dialed = append(k.trial.dialed, host); len(k.trial.dialed) > 1 || len(k.wired.process.callers) > 1 {
		return
	}
	used := map[int]bool{}
	earlier := false
	for _, t := range k.call.trials {
		if t != k.trial && t.end.IsZero() && t.host >= 0 {
			used[t.host] = true
			for _, h := range t.dialed { // a connection beside its own may wait there
				used[h] = true
			}
			earlier = earlier || t.number < k.trial.number && t.host == host
		}
	}
	at, failed := k.known.failed[host]
	failed = failed && time.Since(at) > 0 && time.Since(at) < grudge
	if !earlier && !failed {
		return
	}
	for i := range k.hosts {
		if !used[i] && !k.known.disliked[i] {
			k.wrongly("same address: it goes to address %d, where another one waits (%t) or failed (%t), and not to %d", host+1, earlier, failed, i+1)
		}
	}
}

func (n *network) dislike(host int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known.disliked[host] = true
}

// asked is asked when an attempt asks a DNS server: one that was silent lately comes last.
func (k *walk) asked(server int) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.call.mu.Lock()
	defer k.call.mu.Unlock()
	if k.trial.asked = append(k.trial.asked, server); len(k.trial.asked) > 1 {
		return
	}
	lately := func(i int) bool {
		at, silent := k.known.silent[i]
		return silent && time.Since(at) > 0 && time.Since(at) < grudge
	}
	if !lately(server) || len(k.freezes) > 0 {
		return
	}
	for i := range k.servers {
		if at, silent := k.known.silent[i]; !lately(i) && !(silent && at.Equal(time.Now())) { // not that very moment
			k.wrongly("same server: it asks DNS server %d first, which was silent %v ago", server+1, time.Since(k.known.silent[server]))
		}
	}
}

// silence notes that a DNS server was asked in vain, or answered.
func (n *network) silence(server int, silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.known.silent, server)
	if silent {
		n.known.silent[server] = time.Now()
	}
}

// lent is asked when an attempt sends over a connection that rested.
func (k *walk) lent(since time.Time) {
	if since.IsZero() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.call.mu.Lock()
	defer k.call.mu.Unlock()
	k.trial.rested = time.Since(since)
	if k.trial.number > 1 {
		k.wrongly("used before: its connection rested for %v", k.trial.rested)
	}
	if k.trial.rested >= idleLimit {
		k.wrongly("too old: its connection rested for %v", k.trial.rested)
	}
	for _, h := range k.known.hung {
		if since.Before(h[0]) && h[1].Before(time.Now()) {
			k.wrongly("died together: its connection rested since before another hung")
		}
	}
}

// over notes how an attempt ended.
func (k *walk) over(lost, cut bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.call.mu.Lock()
	defer k.call.mu.Unlock()
	if t := k.trial; t.host >= 0 && !t.sent.IsZero() {
		if delete(k.known.failed, t.host); t.last().phase.Before(fault.PhaseReceive) {
			k.known.failed[t.host] = time.Now()
		}
	}
	if !lost {
		return
	}
	if k.trial.host >= 0 {
		k.known.disliked[k.trial.host] = true
	}
	if cut && k.trial.rested > 0 && !k.moved.Load() {
		k.known.hung = append(k.known.hung, [2]time.Time{k.trial.start, time.Now()})
	}
}

// limits: no phase that only waits for the network lasts longer than its limit.
func (c *call) limits() string {
	if c.wired == nil {
		return ""
	}
	most := map[fault.Phase]time.Duration{
		fault.PhaseDNS:     connectLimit,
		fault.PhaseConnect: connectLimit + time.Duration(len(c.hosts))*250*ms,
		fault.PhaseTLS:     connectLimit,
		fault.PhaseSend:    silenceLimit,
		fault.PhaseReceive: silenceLimit,
	}
	for _, t := range c.trials {
		for i, s := range t.spells {
			end := t.end
			if i+1 < len(t.spells) {
				end = t.spells[i+1].since
			}
			if limit, limited := most[s.phase]; limited && end.Sub(s.since) > limit {
				return fmt.Sprintf("attempt %d was in %s for %v", t.number, s.phase, end.Sub(s.since))
			}
			if most := time.Duration(len(c.hosts)-1)*250*ms + c.trip + ms; s.phase == fault.PhaseConnect && end.Sub(s.since) > most && len(c.freezes) == 0 &&
				c.stray == 0 && slices.ContainsFunc(c.hosts, func(h host) bool { return h.bad == nil }) {
				return fmt.Sprintf("attempt %d was in connect for %v, where an address is well", t.number, end.Sub(s.since))
			}
			if lasted := end.Sub(s.since); s.phase == fault.PhaseDNS && lasted > 1400*ms && c.lookups == 0 && len(c.freezes) == 0 &&
				slices.ContainsFunc(c.servers, func(h host) bool { return h.bad == nil }) {
				return fmt.Sprintf("attempt %d was in dns for %v, where a server is well", t.number, lasted)
			}
		}
	}
	return ""
}

// slowName: the answer to a call's first lookup is taken by every attempt that waits for one
// then, however slow the DNS server is.
func (c *call) slowName() string {
	if c.wired == nil || c.lookups == 0 || c.drops6 || len(c.freezes) > 0 || c.servers[0].bad != nil {
		return ""
	}
	const other = 53 * ms // the delay for the other family, and a little
	type wait struct {
		number      int
		since, over time.Time
	}
	var waits []wait
	var answered time.Time
	sooner := func(at time.Time) {
		if answered.IsZero() || at.Before(answered) {
			answered = at
		}
	}
	for _, t := range c.trials {
		for i, s := range t.spells {
			if s.phase != fault.PhaseDNS {
				continue
			}
			w := wait{t.number, s.since, t.end}
			if i+1 < len(t.spells) { // it may be a spare's lookup that was answered
				w.over = t.spells[i+1].since
				sooner(w.over)
			}
			sooner(s.since.Add(c.lookups + c.trip))
			waits = append(waits, w)
		}
	}
	for _, w := range waits {
		if w.since.Before(answered) && w.over.After(answered.Add(other)) {
			return fmt.Sprintf("attempt %d waits for its name until %v after the first lookup was answered", w.number, w.over.Sub(answered))
		}
	}
	return ""
}

// spare: where a connection that rested for long is dead, the second attempt has one ready.
func (c *call) spare() string {
	if c.wired == nil || len(c.trials) != 2 || len(c.wired.process.callers) > 1 || len(c.freezes) > 0 || c.stray > 0 {
		return ""
	}
	well := func(h host) bool { return h.bad != nil }
	first, second := c.trials[0], c.trials[1]
	if slices.ContainsFunc(c.servers, well) || slices.ContainsFunc(c.hosts, well) || c.lookups > 0 || c.wired.process.seed%8 == 0 {
		return ""
	}
	const open = 250 * ms // a lookup, with the delay for the other family, and a connection
	moved := func(t *trial) bool {
		return slices.ContainsFunc(t.spells[1:], func(s spell) bool { return s.phase == fault.PhaseBlocked })
	}
	// A spare that is two seconds old is no better than what rested.
	after := second.start.Sub(first.start)
	if after > open+2*c.trip && after < 2*time.Second && !moved(first) && !moved(second) && first.rested >= 2*time.Second && first.running(second.start) && len(second.dialed) > 0 {
		return fmt.Sprintf("attempt 2 had to connect, though the connection of attempt 1 had rested for %v", first.rested)
	}
	return ""
}
