package dynamo

import (
	"strconv"
	"strings"

	"ragtime/shared/metadata"
)

// canonicalNumber checks a Number and gives it its one form: plain decimal
// notation without superfluous zeros. Equal numbers have equal forms.
func canonicalNumber(s string) (string, error) {
	if isCanonical(s) {
		return s, nil
	}
	v, ok := metadata.Decimal(s)
	if !ok {
		return "", invalid("The parameter cannot be converted to a numeric value, or has over 38 digits, or is too large or too small: %s", s)
	}
	return plain(v.Decimal()), nil
}

// isCanonical knows canonical numbers of at most 38 digits in all. It exists
// for speed: nearly every number of an embedding passes it.
func isCanonical(s string) bool {
	unsigned := strings.TrimPrefix(s, "-")
	if len(unsigned) == 0 || len(unsigned) > 38 || unsigned[0] == '.' {
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

// plain writes out a number that may have an exponent.
func plain(s string) string {
	mantissa, power, scientific := strings.Cut(s, "e")
	if !scientific {
		return s
	}
	exp, _ := strconv.Atoi(power) // was read before
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, negative := strings.CutPrefix(whole, "-")
	digits += fraction
	if exp < 0 {
		digits = "0." + strings.Repeat("0", -exp-1) + digits
	} else {
		digits += strings.Repeat("0", exp-len(fraction))
	}
	if negative {
		return "-" + digits
	}
	return digits
}
