package dynamo

import (
	"cmp"
	"math/big"
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

// addNumbers is the canonical a+b, or a-b with subtract. A sum that a Number
// cannot hold exactly is an error, never rounded.
func addNumbers(a, b string, subtract bool) (string, error) {
	x, _ := parseDecimal(a)
	y, _ := parseDecimal(b)
	if subtract {
		y.negative = !y.negative
	}
	low := min(x.exp-len(x.digits), y.exp-len(y.digits))
	sum := new(big.Int).Add(x.scaled(low), y.scaled(low))
	digits := new(big.Int).Abs(sum).String()
	d, _ := parseDecimal(digits)
	if d.digits != "" {
		d.exp += low
		d.negative = sum.Sign() < 0
	}
	return d.format()
}

// scaled is d as a multiple of ten to the power of low.
func (d decimal) scaled(low int) *big.Int {
	n := new(big.Int)
	if d.digits == "" {
		return n
	}
	n.SetString(d.digits+strings.Repeat("0", d.exp-len(d.digits)-low), 10)
	if d.negative {
		n.Neg(n)
	}
	return n
}

// sortableNumber encodes a canonical number so that the order of the bytes is
// the order of the numbers: sign, exponent, digits; for negative numbers all
// inverted, with an end mark so that -0.12 comes before -0.1.
func sortableNumber(s string) []byte {
	d, _ := parseDecimal(s)
	if d.digits == "" {
		return []byte{1}
	}
	b := make([]byte, 0, 3+len(d.digits))
	b = append(b, 2, byte(d.exp-1-minExponent))
	b = append(b, d.digits...)
	if !d.negative {
		return b
	}
	b[0] = 0
	for i := range b[1:] {
		b[i+1] = ^b[i+1]
	}
	return append(b, 0xFF)
}
