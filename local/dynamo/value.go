package dynamo

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// kind is an attribute's data type, spelt as in the protocol. NULL, binary values and
// sets are refused: nothing here has any.
type kind string

const (
	kindS    kind = "S"
	kindN    kind = "N"
	kindBool kind = "BOOL"
	kindL    kind = "L"
	kindM    kind = "M"
)

// value is one attribute value. Values are immutable: updates build new ones.
type value struct {
	kind kind
	yes  bool    // BOOL
	text string  // S, N in canonical form
	list []value // L
	attr item    // M
}

// item maps attribute names to values.
type item map[string]value

// maxLevels is DynamoDB's limit to the nesting of lists and maps.
const maxLevels = 32

// attributes reads a map of names to attribute values.
func (r *reader) attributes() item { return r.attributesAt(1) }

func (r *reader) attributesAt(level int) item {
	it := item{}
	r.object(func(name string) { it[name] = r.valueAt(level) })
	return it
}

func (r *reader) value() value { return r.valueAt(1) }

func (r *reader) valueAt(level int) value {
	var v value
	if level > maxLevels {
		r.fail(invalid("Nesting Levels have exceeded supported limits"))
		return v
	}
	r.object(func(name string) {
		if v.kind != "" {
			r.fail(invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"))
			return
		}
		v = r.typed(kind(name), level)
	})
	if v.kind == "" {
		r.fail(invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"))
	}
	return v
}

func (r *reader) typed(k kind, level int) value {
	v := value{kind: k}
	switch k {
	case kindS:
		v.text = r.str()
	case kindN:
		var err error
		if v.text, err = canonicalNumber(r.str()); err != nil {
			r.fail(err)
		}
	case kindBool:
		v.yes = r.boolean()
	case kindL:
		r.array(func() { v.list = append(v.list, r.valueAt(level+1)) })
	case kindM:
		v.attr = r.attributesAt(level + 1)
	case "B", "BS", "NS", "SS", "NULL":
		r.fail(unsupported("the data type " + string(k)))
	default:
		r.fail(invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"))
	}
	return v
}

// appendItem writes it as JSON with its names in order, so that equal items
// have equal texts.
func appendItem(b []byte, it item) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(it)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		b = appendValue(b, it[name])
	}
	return append(b, '}')
}

func appendValue(b []byte, v value) []byte {
	b = append(b, '{', '"')
	b = append(b, v.kind...)
	b = append(b, '"', ':')
	switch v.kind {
	case kindBool:
		b = strconv.AppendBool(b, v.yes)
	case kindM:
		b = appendItem(b, v.attr)
	case kindL:
		b = append(b, '[')
		for i, m := range v.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, m)
		}
		b = append(b, ']')
	default:
		b = appendString(b, v.text)
	}
	return append(b, '}')
}

func (v value) equal(w value) bool {
	return v.kind == w.kind && v.yes == w.yes && v.text == w.text &&
		maps.EqualFunc(v.attr, w.attr, value.equal) && slices.EqualFunc(v.list, w.list, value.equal)
}

func describe(v value) string { return "{" + string(v.kind) + ":" + v.text + "}" }

// size is the item's size in bytes by the rules of the developer guide
// ("DynamoDB item sizes and formats"), and a number's, which the guide gives
// roughly, as dynoxide measured it.
func (it item) size() int {
	n := 0
	for name, v := range it {
		n += len(name) + v.size()
	}
	return n
}

func (v value) size() int {
	switch v.kind {
	case kindS:
		return len(v.text)
	case kindN:
		return numberSize(v.text)
	case kindBool:
		return 1
	case kindM:
		return 3 + len(v.attr) + v.attr.size()
	}
	n := 3 + len(v.list)
	for _, m := range v.list {
		n += m.size()
	}
	return n
}

// numberSize of a canonical number: a byte, one for the sign, and one for two
// significant digits, counted from the decimal point both ways.
func numberSize(s string) int {
	n := 1
	if s[0] == '-' {
		n++
		s = s[1:]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	switch {
	case whole == "0":
		whole, fraction = "", strings.TrimLeft(fraction, "0")
	case fraction == "":
		whole = strings.TrimRight(whole, "0")
	}
	return n + (len(whole)+1)/2 + (len(fraction)+1)/2
}
