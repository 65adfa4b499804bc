package trace

import (
	"encoding/json"
	"strconv"

	"ragtime/shared/fault"
)

// datagramHeader is the begin of each datagram to the daemon.
const datagramHeader = `{"format": "json", "version": 1}` + "\n"

// maxDatagram is the most that a datagram has, in bytes. X-Ray takes documents of 64 kB, and
// UDP datagrams of 65,507 bytes. A span without its children is always smaller, since its
// strings are truncated.
const maxDatagram = 60 << 10

// datagrams encodes a span and all below it. Children that do not fit into the span's
// document have documents of their own, which X-Ray puts in place by parent_id. The span's
// own comes first, so that it is most likely to arrive if the daemon is overloaded. The
// same span always makes the same documents.
func (t *Trace) datagrams(s *span) [][]byte {
	b := append(make([]byte, 0, 6<<10), datagramHeader...)
	b = appendString(append(b, `{"type":"subsegment","trace_id":`...), t.root)
	b = append(appendString(append(b, `,"parent_id":`...), s.parent), ',')
	b = appendMembers(b, s)
	var apart []*span
	between := `,"subsegments":[`
	for _, c := range s.children {
		before := len(b)
		if b = appendSpan(append(b, between...), c); len(b) > maxDatagram {
			b = b[:before]
			apart = append(apart, c)
			continue
		}
		between = ","
	}
	if len(apart) < len(s.children) {
		b = append(b, ']')
	}
	all := [][]byte{append(b, '}')}
	for _, c := range apart {
		all = append(all, t.datagrams(c)...)
	}
	return all
}

// appendSpan encodes a span within its parent's document, with all below it.
func appendSpan(b []byte, s *span) []byte {
	b = appendMembers(append(b, '{'), s)
	for i, c := range s.children {
		if i == 0 {
			b = append(b, `,"subsegments":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendSpan(b, c)
	}
	if len(s.children) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendMembers encodes a span without what is below it.
func appendMembers(b []byte, s *span) []byte {
	b = append(append(b, `"id":"`...), s.id...)
	b = appendString(append(b, `","name":`...), s.name)
	b = appendSeconds(append(b, `,"start_time":`...), s.start)
	if s.inProgress() {
		b = append(b, `,"in_progress":true`...)
	} else {
		b = appendSeconds(append(b, `,"end_time":`...), s.end)
	}
	if s.fault != nil {
		b = appendFault(b, s.id, s.fault)
	}
	if s.call != nil {
		b = appendCall(b, s.call)
	}
	if s.annotations != nil {
		b = appendAnnotations(b, s.annotations)
	}
	return b
}

// appendFault encodes a fault. X-Ray's flag "fault" means a status from 500 on, "error" one
// from 400 on, "throttle" 429. The exception has the span's id, since a span has at most
// one. An internal fault has only its title, since details are for the log.
func appendFault(b []byte, id string, f *fault.Error) []byte {
	switch status := f.Kind.Status(); {
	case status >= 500:
		b = append(b, `,"fault":true`...)
	case status == 429:
		b = append(b, `,"error":true,"throttle":true`...)
	default:
		b = append(b, `,"error":true`...)
	}
	message := truncate(f.Detail, maxMessage)
	if f.Kind == fault.Internal {
		message = f.Kind.Title()
	}
	b = append(append(b, `,"cause":{"exceptions":[{"id":"`...), id...)
	b = appendString(append(b, `","type":`...), f.Kind.String())
	b = appendMember(b, `,"message":`, message)
	return append(b, `}]}`...)
}

func appendAnnotations(b []byte, n *annotations) []byte {
	b = appendString(append(b, `,"annotations":{"operation_id":`...), n.operationID)
	if n.isFinal {
		b = appendString(append(b, `,"outcome":`...), string(n.outcome))
		b = appendMember(b, `,"step":`, string(n.step))
		b = appendMember(b, `,"phase":`, string(n.phase))
		b = strconv.AppendInt(append(b, `,"attempts":`...), int64(n.attempts), 10)
	}
	return append(b, '}')
}

// appendMember encodes a member, unless its value is empty.
func appendMember(b []byte, member, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, member...), value)
}

// appendSeconds encodes microseconds as seconds.
func appendSeconds(b []byte, micro int64) []byte {
	b = append(strconv.AppendInt(b, micro/1e6, 10), '.')
	for unit := int64(1e5); unit > 0; unit /= 10 {
		b = append(b, '0'+byte(micro/unit%10))
	}
	return b
}

// appendString encodes a string. Nearly all strings here have nothing to escape, and are
// copied.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil { // never, for a string
				quoted = []byte(`""`)
			}
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
