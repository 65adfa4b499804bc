package attempt

import (
	"context"
	"time"
)

const (
	// full is the most extra attempts that a tenant can make in a row, and earn what a
	// success adds: extra attempts are at most a tenth of the successes in the long run, and full
	// more in the short. common is the most for all tenants together, so that
	// one who has spent everything leaves as much to the others.
	full, common, earn = 20.0, 2 * full, 0.1
	// anyway is how often a tenant may make one although none is left, while calls
	// succeed: many at once may spend everything on answers that are slow, not hanging.
	anyway = 5 * time.Second
	// mostTenants is how many are remembered that have spent some.
	mostTenants = 64
)

// purse is the extra attempts that one tenant has left, or all of them together.
type purse struct {
	left    float64
	spent   time.Time // when the last one was made
	failing bool      // a call failed, and none has succeeded since
}

func (p purse) take() purse {
	return purse{left: max(0, p.left-1), spent: time.Now(), failing: p.failing}
}

func (p purse) succeed(most float64) purse {
	return purse{left: min(most, p.left+earn), spent: p.spent}
}

// fail is for a call that failed in spite of extra attempts. It may be an outage, which more
// attempts make worse, or bad luck: one more is left for the next hang. If that fails
// too there are none until successes have earned them.
func (p purse) fail() purse {
	out := purse{spent: p.spent, failing: true}
	if p.left >= 2 {
		out.left = 1
	}
	return out
}

// ration is the extra attempts that calls may make now. A Policy's lock guards it.
type ration struct {
	common  purse
	tenants map[string]purse // of those who have not all that they may have
	last    string           // whose call failed last
	failing bool             // and none has succeeded since
}

func newRation() ration { return ration{common: purse{left: common}, tenants: map[string]purse{}} }

// share is what one tenant may take of a ration.
type share struct {
	*ration
	tenant string
}

type tenantKey struct{}

// ForTenant makes the calls of ctx take their extra attempts from the tenant's share.
func ForTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

func (s share) own() purse {
	if p, spent := s.tenants[s.tenant]; spent {
		return p
	}
	return purse{left: full}
}

// available is how many extra attempts the tenant may make now.
func (s share) available() float64 {
	own := s.own()
	left := min(own.left, s.common.left)
	if left < 1 && !own.failing && !s.common.failing && time.Since(own.spent) >= anyway {
		return 1
	}
	return left
}

func (s share) take() {
	own := s.own()
	if min(own.left, s.common.left) >= 1 {
		s.common = s.common.take()
	}
	s.remember(own.take())
}

func (s share) succeeded() {
	s.common = s.common.succeed(common)
	s.remember(s.own().succeed(full))
	s.failing = false
}

// failed is for a call that did in spite of extra attempts. That is the tenant's affair,
// until the calls of two fail and none succeeds between.
func (s share) failed() {
	s.remember(s.own().fail())
	if s.failing && s.last != s.tenant {
		s.common = s.common.fail()
	}
	s.failing, s.last = true, s.tenant
}

// remember keeps what the tenant has left. Where there are too many, the one is
// forgotten who has spent least.
func (s share) remember(p purse) {
	s.tenants[s.tenant] = p
	richest := s.tenant
	for tenant, p := range s.tenants {
		if p.left > s.tenants[richest].left {
			richest = tenant
		}
	}
	if s.tenants[richest].left >= full || len(s.tenants) > mostTenants {
		delete(s.tenants, richest)
	}
}
