package wire

import (
	"slices"
	"sync"
	"time"
)

const (
	// trusted is how long an unused connection is used without another one beside it,
	// and idle how long it is used at all, on the wall clock, which a frozen process's
	// timers do not follow. A NAT forgets connections after some minutes (AWS's after 350 s),
	// most servers close theirs after one or more.
	trusted = 2 * time.Second
	idle    = time.Minute
	// most is how many unused connections are kept of a host.
	most = 16
)

// pool keeps the connections that nobody uses, until they are not trusted any
// more. The zero value is empty.
type pool struct {
	mu    sync.Mutex
	idle  map[string][]*conn // by host, the last used one last
	timer *time.Timer        // runs sweep; nil while there is nothing to sweep
}

// lend gives the connection to the host that was used last, or none. For a call's
// later attempts it must be as good as new: opened a moment ago, and never used. rested
// allows one that may be dead, where another attempt can take this one's place.
func (p *pool) lend(host string, first, rested bool) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for i := len(p.idle[host]) - 1; i >= 0; i-- {
		c := p.idle[host][i]
		if !first && c.carried || !rested && c.rested(now) {
			continue
		}
		p.idle[host] = slices.Delete(p.idle[host], i, i+1)
		if c.fit(now) {
			c.pooled = true
			return c
		}
		c.close()
	}
	return nil
}

// put keeps a connection, if the HTTP client can use it again: it cannot if the
// server said that it closes it, or had not taken the whole request.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.client.Available() == 0 || len(p.idle[c.host]) >= most {
		c.close()
		return
	}
	if p.idle == nil {
		p.idle = map[string][]*conn{}
	}
	p.idle[c.host] = append(p.idle[c.host], c)
	if p.timer == nil {
		p.timer = time.AfterFunc(idle, p.sweep)
	}
}

// sweep closes what is not trusted any more.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.drop(func(c *conn) bool { return !c.kept(now) })
	if p.timer = nil; len(p.idle) > 0 {
		p.timer = time.AfterFunc(idle/4, p.sweep)
	}
}

// retire closes those of the connections that which picks.
func (p *pool) retire(which func(*conn) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(which)
	if p.timer != nil && len(p.idle) == 0 {
		p.timer.Stop()
		p.timer = nil
	}
}

func (p *pool) drop(which func(*conn) bool) {
	for host, conns := range p.idle {
		p.idle[host] = slices.DeleteFunc(conns, func(c *conn) bool {
			if which(c) {
				c.close()
				return true
			}
			return false
		})
		if len(p.idle[host]) == 0 {
			delete(p.idle, host)
		}
	}
}
