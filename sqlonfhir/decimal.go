package sqlonfhir

import (
	"bytes"
	"cmp"
	"math/big"
	"strconv"
)

// Decimals are JSON numbers as text. They are never made into floats.

// number is a decimal taken apart: its value is digits, read with the point
// left out, times 10^-scale.
type number struct {
	negative  bool
	whole     []byte
	fraction  []byte
	scale     int64 // len(fraction) - exponent
	magnitude int64 // the power of ten of the first digit that is not 0
	zero      bool
}

// maxExponent bounds exponents, so that sums with them cannot overflow.
const maxExponent = 1 << 40

func splitNumber(text []byte) number {
	var n number
	if len(text) > 0 && text[0] == '-' {
		n.negative, text = true, text[1:]
	}
	var exponent int64
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		e, err := strconv.ParseInt(string(text[i+1:]), 10, 64)
		if err != nil && text[i+1] == '-' {
			e = -maxExponent
		} else if err != nil {
			e = maxExponent
		}
		exponent, text = min(max(e, -maxExponent), maxExponent), text[:i]
	}
	n.whole = text
	if before, after, ok := bytes.Cut(text, []byte{'.'}); ok {
		n.whole, n.fraction = before, after
	}
	n.scale = int64(len(n.fraction)) - exponent
	total := len(n.whole) + len(n.fraction)
	first := 0
	for first < total && n.digit(first) == '0' {
		first++
	}
	n.zero = first == total
	n.magnitude = int64(total-first) - n.scale
	return n
}

// digit returns the i-th digit, and 0 behind the last one.
func (n *number) digit(i int) byte {
	switch {
	case i < len(n.whole):
		return n.whole[i]
	case i < len(n.whole)+len(n.fraction):
		return n.fraction[i-len(n.whole)]
	}
	return '0'
}

// compareDecimals compares two JSON numbers exactly.
func compareDecimals(a, b []byte) int {
	x, y := splitNumber(a), splitNumber(b)
	if c := cmp.Compare(x.sign(), y.sign()); c != 0 || x.zero {
		return c
	}
	c := cmp.Compare(x.magnitude, y.magnitude)
	if c == 0 {
		i, j := x.first(), y.first()
		n := max(len(x.whole)+len(x.fraction)-i, len(y.whole)+len(y.fraction)-j)
		for k := 0; k < n && c == 0; k++ {
			c = cmp.Compare(x.digit(i+k), y.digit(j+k))
		}
	}
	return c * x.sign()
}

func (n *number) sign() int {
	switch {
	case n.zero:
		return 0
	case n.negative:
		return -1
	}
	return 1
}

// first returns the index of the first digit that is not 0.
func (n *number) first() int {
	return len(n.whole) + len(n.fraction) - int(n.magnitude+n.scale)
}

// maxDigits bounds the digits that arithmetic makes of a number; beyond it the
// result is empty, as FHIRPath has it of an overflow.
const maxDigits = 1000

// big returns coefficient and scale of a number.
func (n *number) big() (c *big.Int, ok bool) {
	if n.scale > maxDigits || n.scale < -maxDigits || len(n.whole)+len(n.fraction) > maxDigits {
		return nil, false
	}
	c, ok = new(big.Int).SetString(string(n.whole)+string(n.fraction), 10)
	if ok && n.negative {
		c.Neg(c)
	}
	return c, ok
}

func powerOfTen(n int64) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil)
}

// quotientDigits is how many digits behind the point a quotient has at most.
const quotientDigits = 28

// appendArithmetic appends a op b, exactly but for quotients; not ok means
// that there is no result.
func appendArithmetic(dst []byte, op byte, a, b []byte) (_ []byte, ok bool) {
	x, y := splitNumber(a), splitNumber(b)
	p, ok1 := x.big()
	q, ok2 := y.big()
	if !ok1 || !ok2 {
		return dst, false
	}
	if op == '*' {
		return appendDecimal(dst, p.Mul(p, q), x.scale+y.scale), true
	}
	scale := max(x.scale, y.scale)
	p.Mul(p, powerOfTen(scale-x.scale))
	q.Mul(q, powerOfTen(scale-y.scale))
	switch op {
	case '+':
		return appendDecimal(dst, p.Add(p, q), scale), true
	case '-':
		return appendDecimal(dst, p.Sub(p, q), scale), true
	}
	if q.Sign() == 0 {
		return dst, false
	}
	switch op {
	case 'd':
		return appendDecimal(dst, p.Quo(p, q), 0), true
	case 'm':
		return appendDecimal(dst, p.Rem(p, q), scale), true
	}
	p.Mul(p, powerOfTen(quotientDigits))
	return appendTrimmed(dst, roundQuotient(p, q)), true
}

// roundQuotient returns p / q, rounded half away from zero.
func roundQuotient(p, q *big.Int) *big.Int {
	rest := new(big.Int)
	p.QuoRem(p, q, rest)
	if rest.Abs(rest).Lsh(rest, 1).CmpAbs(q) >= 0 {
		p.Add(p, big.NewInt(int64(rest.Sign()*signOf(p, q))))
	}
	return p
}

func signOf(p, q *big.Int) int {
	if p.Sign()*q.Sign() < 0 {
		return -1
	}
	return 1
}

// appendTrimmed appends c times 10^-quotientDigits without needless zeros.
func appendTrimmed(dst []byte, c *big.Int) []byte {
	from := len(dst)
	dst = appendDecimal(dst, c, quotientDigits)
	if bytes.IndexByte(dst[from:], '.') >= 0 {
		dst = append(dst[:from], bytes.TrimRight(dst[from:], "0")...)
		dst = append(dst[:from], bytes.TrimSuffix(dst[from:], []byte{'.'})...)
	}
	return dst
}

// appendDecimal appends c times 10^-scale, with scale digits behind the point.
func appendDecimal(dst []byte, c *big.Int, scale int64) []byte {
	if scale <= 0 {
		return new(big.Int).Mul(c, powerOfTen(-scale)).Append(dst, 10)
	}
	if c.Sign() < 0 {
		dst = append(dst, '-')
	}
	digits := new(big.Int).Abs(c).Append(nil, 10)
	for int64(len(digits)) <= scale {
		digits = append([]byte{'0'}, digits...)
	}
	point := len(digits) - int(scale)
	dst = append(append(dst, digits[:point]...), '.')
	return append(dst, digits[point:]...)
}

// appendBoundary appends the least or the greatest value that a number stands
// for: half a unit of its last digit below or above it, rounded away from the
// number to some digits behind the point when they are not negative.
func appendBoundary(dst, text []byte, high bool, digits int) (_ []byte, ok bool) {
	n := splitNumber(text)
	c, ok := n.big()
	if !ok {
		return dst, false
	}
	half := big.NewInt(-5)
	if high {
		half.Neg(half)
	}
	c.Add(c.Mul(c, big.NewInt(10)), half)
	scale := n.scale + 1
	if digits < 0 {
		return appendDecimal(dst, c, scale), true
	}
	if more := int64(digits) - scale; more >= 0 {
		c.Mul(c, powerOfTen(more))
	} else {
		unit := powerOfTen(-more)
		if high {
			c.Add(c, unit).Sub(c, big.NewInt(1))
		}
		c.Div(c, unit) // rounds down, for units are positive
	}
	return appendDecimal(dst, c, int64(digits)), true
}
