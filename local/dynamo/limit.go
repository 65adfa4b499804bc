package dynamo

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Limits is what each partition key takes; what is over it is throttled as
// DynamoDB does it.
//
// Each partition key has a bucket for reads and one for writes. A bucket fills
// at the rate and holds what Burst brings. A call is let through while its
// bucket is not empty, and takes what it costs, so that a bucket may be in debt:
// what a read costs is known only afterwards, and DynamoDB lets a large one
// through too. In the long run no more than the rate gets through.
//
// DynamoDB's own figures are MaxPartition. It saves up to 300 s of what a table
// left unused, but no saving lifts a partition above 1,000 and 3,000 units a
// second ("Burst and adaptive capacity" in the developer guide), and on a table
// that is in use nothing may be saved. So a bucket holds one second.
type Limits struct {
	Read, Write float64 // units a second
	Burst       time.Duration
}

// MaxPartition is the most that DynamoDB gives to one partition key.
var MaxPartition = Limits{Read: 3000, Write: 1000, Burst: time.Second}

// Limit gives what stands before a DB and throttles what comes through it.
func (l Limits) Limit() func(http.Handler) http.Handler {
	return (&limiter{Limits: l, buckets: map[bucketKey]*bucket{}}).wrap
}

// limiter is a Limits in use.
type limiter struct {
	Limits

	mu      sync.Mutex
	buckets map[bucketKey]*bucket
}

type bucketKey struct {
	table   string
	hash    string
	writing bool
}

type bucket struct {
	level float64
	at    time.Time // when the level was right
}

type limiterKey struct{}

func (l *limiter) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), limiterKey{}, l)))
	})
}

// account is one table's part of a call: what it costs, and whether the limiter
// that the call came through lets it pass.
type account struct {
	consumption
	writing bool
	limiter *limiter // nil for no limit
	meter   *Meter   // nil for none
}

func (t *table) account(ctx context.Context, writing bool) *account {
	l, _ := ctx.Value(limiterKey{}).(*limiter)
	return &account{consumption{table: t}, writing, l, meterOf(ctx)}
}

// admit tells whether the partition key's bucket lets something through now,
// and takes the units that it is known to cost. spend takes the rest.
func (a *account) admit(key itemKey, units float64) bool {
	if a.limiter != nil && !a.limiter.take(bucketKey{a.table.TableName, key.hash, a.writing}, units, false) {
		a.meter.add(func(u *Usage) { u.Throttled++ })
		return false
	}
	a.count(units)
	return true
}

func (a *account) spend(key itemKey, units float64) {
	if a.limiter != nil {
		a.limiter.take(bucketKey{a.table.TableName, key.hash, a.writing}, units, true)
	}
	a.count(units)
}

func (a *account) count(units float64) {
	a.units += units
	a.meter.add(func(u *Usage) {
		if a.writing {
			u.Writes += units
		} else {
			u.Reads += units
		}
	})
}

// index counts bytes written to the vector index.
func (a *account) index(bytes float64) {
	a.indexed += bytes
	a.meter.add(func(u *Usage) { u.Indexed += bytes })
}

// take takes units out of a bucket; unless forced, only if there are any in it.
func (l *limiter) take(key bucketKey, units float64, forced bool) bool {
	rate := l.Read
	if key.writing {
		rate = l.Write
	}
	full := rate * l.Burst.Seconds()
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		b = &bucket{full, now}
		l.buckets[key] = b
	}
	b.level = min(full, b.level+rate*now.Sub(b.at).Seconds())
	b.at = now
	if b.level <= 0 && !forced {
		return false
	}
	b.level -= units
	return true
}

// throttled is the refusal of a whole call. A table on demand refuses a write
// to a hot partition with one exception, and a read with the other.
func (a *account) throttled() *apiError {
	kind, operation := "ProvisionedThroughputExceededException", "Read"
	message := "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."
	if a.writing {
		kind, operation = "ThrottlingException", "Write"
		message = throttledMessage
	}
	e := badRequest(kind, "%s", message)
	e.throttled = []throttlingReason{{"Table" + operation + "KeyRangeThroughputExceeded", tableARN + a.table.TableName}}
	return e
}

const throttledMessage = "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or index so please try again shortly. " +
	"If exceptions persist, check if you have a hot key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"

// throttlingReason tells why, and of which table.
type throttlingReason struct {
	Reason   string `json:"reason"`
	Resource string `json:"resource"`
}
