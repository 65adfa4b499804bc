package dynamo

import (
	"cmp"
	"strconv"
	"strings"
)

// The limits of DynamoDB's Number type.
const (
	maxDigits   = 38
	maxExponent = 125 // of the first significant digit
	minExponent = -130
)

// decimal is an exact number: 0.digits times ten to the power of exp. Digits
// have no zeros at either end; zero has no digits.
type decimal struct {
	negative bool
	digits   string
	exp      int
}

// canonicalNumber checks a Number and gives it its one form: plain decimal
// notation without superfluous zeros. Equal numbers have equal forms.
func canonicalNumber(s string) (string, error) {
	if isCanonical(s) {
		return s, nil
	}
	d, ok := parseDecimal(s)
	if !ok {
		if s == "" {
			return "", invalid("The parameter cannot be converted to a numeric value")
		}
		return "", invalid("The parameter cannot be converted to a numeric value: %s", s)
	}
	return d.format()
}

// isCanonical knows canonical numbers of at most 38 digits in all. It exists
// for speed: nearly every number of an embedding passes it.
func isCanonical(s string) bool {
	unsigned := strings.TrimPrefix(s, "-")
	if len(unsigned) == 0 || len(unsigned) > maxDigits || unsigned[0] == '.' {
		return false
	}
	point := -1
	for i := 0; i < len(unsigned); i++ {
		c := unsigned[i]
		if c == '.' && point < 0 {
			point = i
		} else if c < '0' || c > '9' {
			return false
		}
	}
	if point < 0 {
		return unsigned[0] != '0' || s == "0"
	}
	return unsigned[len(unsigned)-1] > '0' && (unsigned[0] != '0' || point == 1)
}

func parseDecimal(s string) (decimal, bool) {
	var d decimal
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		s = s[1:]
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exp, err := strconv.Atoi(s[i+1:])
		// An exponent beyond int still means overflow, underflow or zero;
		// the bound keeps the sums below from wrapping.
		if err != nil && !strings.Contains(err.Error(), strconv.ErrRange.Error()) {
			return d, false
		}
		d.exp = max(-1<<30, min(1<<30, exp))
		s = s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return d, false
	}
	trimmed := strings.TrimLeft(digits, "0")
	d.exp += len(whole) - (len(digits) - len(trimmed))
	d.digits = strings.TrimRight(trimmed, "0")
	if d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

func (d decimal) format() (string, error) {
	switch {
	case d.digits == "":
		return "0", nil
	case d.exp-1 > maxExponent:
		return "", invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case d.exp-1 < minExponent:
		return "", invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	case len(d.digits) > maxDigits:
		return "", invalid("Attempting to store more than 38 significant digits in a Number")
	}
	var s string
	switch n := len(d.digits); {
	case d.exp <= 0:
		s = "0." + strings.Repeat("0", -d.exp) + d.digits
	case d.exp >= n:
		s = d.digits + strings.Repeat("0", d.exp-n)
	default:
		s = d.digits[:d.exp] + "." + d.digits[d.exp:]
	}
	if d.negative {
		s = "-" + s
	}
	return s, nil
}

// compareNumbers orders two canonical numbers by value.
func compareNumbers(a, b string) int {
	if a == b {
		return 0
	}
	x, _ := parseDecimal(a)
	y, _ := parseDecimal(b)
	if x.sign() != y.sign() {
		return cmp.Compare(x.sign(), y.sign())
	}
	c := cmp.Compare(x.exp, y.exp)
	if c == 0 {
		c = strings.Compare(x.digits, y.digits)
	}
	return c * x.sign()
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}
