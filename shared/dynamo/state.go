package dynamo

import (
	"strconv"
	"strings"
	"time"
)

// The values of a document item's status.
const (
	ready   = "ready"
	deleted = "deleted" // a tombstone
	begun   = "begun"   // a first put is under way, or failed
)

// The names of a document item's marks end with the version that they are about.
const (
	putMark = "put#" // that version is being put, until the time given or until it is out
	outMark = "out#" // that version will never be current; late writes of it may come until the time given
)

const (
	// linger is how long a request that nobody waits for any more may still take
	// effect, at the very most: Lambda's longest invocation.
	linger = 15 * time.Minute
	// tombstone is how long a tombstone, or what a first put that never ended began, is kept.
	tombstone = 24 * time.Hour
	// skew is what the clocks of two functions may differ by.
	skew = 30 * time.Second
	// ancient is the age of a version of whose put nothing can come any more.
	ancient = time.Hour
)

// state is a document item as far as it says which chunks count. The zero value
// is that of no item.
type state struct{ item }

func (s state) version() string { return text(s.item, "version") }

// replaced is the version that was there before; "" for none.
func (s state) replaced() string { return text(s.item, "replaced") }

func (s state) status() string { return text(s.item, "status") }

// marks gives the versions that have a mark, and its time.
func (s state) marks(kind string) map[string]time.Time {
	out := map[string]time.Time{}
	for name := range s.item {
		if version, ok := strings.CutPrefix(name, kind); ok {
			out[version] = time.Unix(integer(s.item, name), 0)
		}
	}
	return out
}

// latest is the latest version that the item knows of, under way or not: what
// a next one must sort after.
func (s state) latest() string {
	out := s.version()
	for _, kind := range []string{putMark, outMark} {
		for v := range s.marks(kind) {
			out = max(out, v)
		}
	}
	return out
}

// verdict is what is known of a version's chunks.
type verdict int

const (
	current  verdict = iota // they are what the document says
	underWay                // a put writes them, or did not say that it failed
	dead                    // they never count again
)

// of judges the version of a chunk; a tombstone's has none. Only a put's own switch makes it current, under the
// condition that no later one is and that it has its mark: so what is earlier
// than the current version, or out, is dead for good. A version without a mark may
// have been begun after the item was read.
func (s state) of(version string, now time.Time) verdict {
	switch {
	case version == s.version():
		return current
	case version <= s.version() || s.item[outMark+version] != nil:
		return dead
	case s.item[putMark+version] == nil && ripe(version, now):
		return dead
	}
	return underWay
}

// lapsed are the versions whose put should have ended: it was killed, or could
// not say how it ended.
func (s state) lapsed(now time.Time) []string {
	var out []string
	for version, end := range s.marks(putMark) {
		if now.After(end) {
			out = append(out, version)
		}
	}
	return out
}

// lone tells whether no version has a mark.
func (s state) lone() bool { return len(s.marks(putMark))+len(s.marks(outMark)) == 0 }

// ripe tells whether a version is so old that nothing of its put can come any more.
func ripe(version string, now time.Time) bool { return now.Sub(born(version)) > ancient }

// born is when a version was made: see rag.NewVersion. One of another form is ancient.
func born(version string) time.Time {
	stamp, _, _ := strings.Cut(version, "-")
	ms, err := strconv.ParseInt(stamp, 16, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
