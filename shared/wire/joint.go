package wire

import (
	"context"
	"net/netip"
	"sync"

	"ragtime/shared/evidence"
)

// lookups are those under way. A lookup outlives the attempt that began it: a later
// attempt of the same call begins one of its own, since a query may be lost, and takes
// whichever answer comes first. So a slow DNS server need not answer within one attempt's
// time. All of them end with the call. The zero value has none.
type lookups struct {
	mu  sync.Mutex
	all map[question]*joint
}

// question is what a call asks.
type question struct {
	call context.Context
	host string
}

// joint is the lookups of one question, until the first answer.
type joint struct {
	ctx      context.Context // ends with the answer, or with the call
	end      context.CancelFunc
	answered chan struct{}
	once     sync.Once
	ips      []netip.Addr
}

// join returns the lookups of the call of ctx for a host.
func (l *lookups) join(ctx context.Context, host string) *joint {
	q := question{evidence.CallContext(ctx), host}
	l.mu.Lock()
	defer l.mu.Unlock()
	if j := l.all[q]; j != nil && j.ctx.Err() == nil {
		return j
	}
	if l.all == nil {
		l.all = map[question]*joint{}
	}
	j := &joint{answered: make(chan struct{})}
	j.ctx, j.end = context.WithCancel(q.call)
	l.all[q] = j
	context.AfterFunc(j.ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.all[q] == j {
			delete(l.all, q)
		}
	})
	return j
}

// resolve finds the addresses of a host, for an attempt whose context ctx is.
func (l *lookups) resolve(ctx context.Context, n names, host string) ([]netip.Addr, error) {
	j := l.join(ctx, host)
	own := make(chan error, 1)
	go func() {
		// The resolver's sockets are the attempt's, and end with the call.
		ctx, end := context.WithCancel(context.WithoutCancel(ctx))
		defer end()
		defer context.AfterFunc(j.ctx, end)()
		ips, _, err := lookUp(ctx, n, host)
		if err == nil {
			j.answer(ips)
		}
		own <- err
	}()
	var err error
	select {
	case err = <-own:
	case <-j.answered:
	case <-ctx.Done():
		err = ctx.Err()
		if j.ctx.Err() != nil {
			<-own //nolint:errcheck // it is waited for, since nothing outlives the call
		}
	}
	select {
	case <-j.answered: // which may have ended its own
		return j.ips, nil
	default:
		return nil, err
	}
}

// answer gives the addresses to all who wait, and ends the other lookups.
func (j *joint) answer(ips []netip.Addr) {
	j.once.Do(func() {
		j.ips = ips
		close(j.answered)
		j.end()
	})
}
