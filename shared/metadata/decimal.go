package metadata

import (
	"strconv"
	"strings"
)

// The limits of DynamoDB's Number type.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
const (
	maxDigits = 38
	minPower  = -130 // of ten, of the first significant digit
	maxPower  = 125
)

// decimal is the exact number 0.digits * 10^exp. digits has no zeros at either end, and
// zero is the zero value, so that equal numbers are equal by ==.
type decimal struct {
	negative bool
	digits   string
	exp      int16
}

// parseDecimal reads decimal notation, with or without a fraction and an exponent. It
// returns false where the text is none, or the number is over DynamoDB's limits.
func parseDecimal(s string) (decimal, bool) {
	unsigned, negative := strings.CutPrefix(s, "-")
	mantissa, power, scientific := strings.Cut(strings.ToLower(unsigned), "e")
	whole, fraction, pointed := strings.Cut(mantissa, ".")
	if !isDigits(whole) || pointed && !isDigits(fraction) {
		return decimal{}, false
	}
	significant := strings.TrimLeft(whole+fraction, "0")
	exp := len(whole) - (len(whole) + len(fraction) - len(significant))
	significant = strings.TrimRight(significant, "0")
	if scientific {
		sign := strings.TrimLeft(power, "+-")
		if len(power)-len(sign) > 1 || !isDigits(sign) {
			return decimal{}, false
		}
		n, err := strconv.Atoi(power)
		if significant != "" && (err != nil || n < -1<<30 || n > 1<<30) {
			return decimal{}, false
		}
		exp += n
	}
	if significant == "" {
		return decimal{}, true
	}
	if len(significant) > maxDigits || exp-1 < minPower || exp-1 > maxPower {
		return decimal{}, false
	}
	return decimal{negative, significant, int16(exp)}, true
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// String is the number in plain notation where that is short, otherwise in scientific
// notation. JSON and DynamoDB take both.
func (d decimal) String() string {
	if d.digits == "" {
		return "0"
	}
	sign := ""
	if d.negative {
		sign = "-"
	}
	n := len(d.digits)
	exp := int(d.exp)
	switch {
	case exp > 21 || exp < -5:
		mantissa := d.digits[:1]
		if n > 1 {
			mantissa += "." + d.digits[1:]
		}
		return sign + mantissa + "e" + strconv.Itoa(exp-1)
	case exp <= 0:
		return sign + "0." + strings.Repeat("0", -exp) + d.digits
	case exp >= n:
		return sign + d.digits + strings.Repeat("0", exp-n)
	}
	return sign + d.digits[:exp] + "." + d.digits[exp:]
}
