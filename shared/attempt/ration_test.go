package attempt_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/fault"
)

// ask makes a call of a tenant's.
func ask(t *testing.T, p *attempt.Policy, tenant string, f func(context.Context) (int, error)) (time.Duration, error) {
	_, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) {
		return attempt.Do(attempt.ForTenant(ctx, tenant), p, f)
	})
	return elapsed, err
}

// survives fails the test unless the tenant survives a hang, soon.
func survives(t *testing.T, p *attempt.Policy, tenant string) {
	t.Helper()
	f, _ := script(hang, after(50*time.Millisecond))
	if elapsed, err := ask(t, p, tenant, f); err != nil || elapsed > 3*time.Second {
		t.Errorf("the hang of %s was not survived: %v after %v", tenant, err, elapsed)
	}
}

// Whatever one tenant does, another one's hang is survived.
func TestTenantsSpendTheirOwn(t *testing.T) {
	poison := fails(fault.New(fault.Unavailable, "this document breaks it"))
	for name, before := range map[string]func(t *testing.T, p *attempt.Policy){
		"every call fails": func(t *testing.T, p *attempt.Policy) {
			for range 50 {
				ask(t, p, "greedy", poison)
			}
		},
		"every call hangs twice": func(t *testing.T, p *attempt.Policy) {
			for range 50 {
				f, _ := script(hang, hang, after(50*time.Millisecond))
				ask(t, p, "greedy", f)
			}
		},
		"calls fail beside one another": func(t *testing.T, p *attempt.Policy) {
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() { ask(t, p, "greedy", poison) })
			}
			all.Wait()
		},
		"calls fail while others do well": func(t *testing.T, p *attempt.Policy) {
			for range 50 {
				ask(t, p, "greedy", poison)
				ask(t, p, "modest", after(50*time.Millisecond))
				ask(t, p, "greedy too", poison)
				ask(t, p, "modest", after(50*time.Millisecond))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := attempt.New(attempt.Options{})
				before(t, p)
				survives(t, p, "modest")
				survives(t, p, "new")
			})
		})
	}
}

// A ration that a crowd spent on slow answers has one for a hang every five seconds, for each tenant,
// and none while calls fail.
func TestOneAnyway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := attempt.New(attempt.Options{})
		crowd := func(tenant string) {
			var all sync.WaitGroup
			for range 64 {
				all.Go(func() { ask(t, p, tenant, after(1500*time.Millisecond)) })
			}
			all.Wait()
			for range 3 { // what was earned meanwhile
				f, _ := script(hang, hang, hang, after(0))
				ask(t, p, tenant, f)
			}
		}
		crowd("a")
		crowd("b")
		for range 3 {
			for _, tenant := range []string{"a", "b"} {
				f, _ := script(hang, after(50*time.Millisecond))
				if elapsed, err := ask(t, p, tenant, f); err != nil || elapsed > 7*time.Second {
					t.Errorf("tenant %s: %v after %v, want the hang survived", tenant, err, elapsed)
				}
			}
		}
		f, attempts := script(hang)
		const requests = 20
		for range requests {
			ask(t, p, "a", f)
		}
		if extra := attempts.Load() - requests; extra > 4 {
			t.Errorf("%d extra attempts over %d requests of an outage, want 4 at most", extra, requests)
		}
	})
}

// An outage that many tenants meet is no worse than one that one does, but for the calls
// that show that it is everybody's.
func TestOutageOfManyTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := attempt.New(attempt.Options{})
		f, attempts := script(hang)
		const requests = 100
		for i := range requests {
			ask(t, p, fmt.Sprint("tenant ", i%20), f)
		}
		if extra := attempts.Load() - requests; extra > 7 {
			t.Errorf("%d extra attempts over %d requests of 20 tenants, want 7 at most", extra, requests)
		}
		for range 11 {
			ask(t, p, "tenant 1", after(50*time.Millisecond))
		}
		survives(t, p, "tenant 1")
	})
}

// However many tenants there are: all together they make one extra attempt for ten successes, and
// the reserve more, and a policy remembers few of them.
func TestManyTenants(t *testing.T) {
	const tenants, others = 1000, 10
	var p *attempt.Policy
	synctest.Test(t, func(t *testing.T) {
		p = attempt.New(attempt.Options{})
		extra := 0
		for i := range tenants {
			f, attempts := script(fails(fault.New(fault.Unavailable, "broken")), after(0))
			ask(t, p, fmt.Sprintf("tenant:%0100d", i), f)
			extra += int(attempts.Load()) - 1
			for range others {
				ask(t, p, "busy", after(0))
			}
		}
		if most := tenants*(others+1)/10 + 40; extra < tenants || extra > most {
			t.Errorf("%d extra attempts, want one for each of %d", extra, tenants)
		}
	})
	held := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	with := held()
	runtime.KeepAlive(p)
	p = nil
	if kept := with - held(); kept > 64<<10 {
		t.Errorf("the policy keeps %d bytes after %d tenants", kept, tenants)
	}
}
