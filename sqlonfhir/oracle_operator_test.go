package sqlonfhir

import (
	"math/big"
	"strconv"
	"strings"
)

func (o *oracle) operator(s *syntax, in scope) ([]scope, error) {
	switch s.name {
	case "=", "!=":
		a, err := o.eval(s.args[0], in)
		if err != nil {
			return nil, err
		}
		b, err := o.eval(s.args[1], in)
		t := equalScopes(a, b)
		if s.name == "!=" {
			t = map[truth]truth{yes: no, no: yes}[t]
		}
		return truthList(t), err
	case "and", "or":
		decides := truthOf(s.name == "or")
		a, err := o.test(s.args[0], in)
		if err != nil || a == decides {
			return truthList(a), err
		}
		b, err := o.test(s.args[1], in)
		if b == decides || a == b {
			return truthList(b), err
		}
		return nil, err
	case "xor", "implies":
		return o.logic(s, in)
	case "<", ">", "<=", ">=":
		return o.order(s, in)
	}
	a, err := o.single(s.args[0], in)
	if err != nil {
		return nil, err
	}
	var left []scope
	if a != nil {
		left = []scope{*a}
	}
	return o.arithmetic(s.name, left, s.args[1], in)
}

// logic evaluates xor and implies by their tables.
func (o *oracle) logic(s *syntax, in scope) ([]scope, error) {
	a, err := o.test(s.args[0], in)
	if err != nil {
		return nil, err
	}
	if s.name == "implies" && a == no {
		return truthList(yes), nil
	}
	b, err := o.test(s.args[1], in)
	if err != nil {
		return nil, err
	}
	table := map[[2]truth]truth{{yes, yes}: no, {no, no}: no, {yes, no}: yes, {no, yes}: yes}
	if s.name == "implies" {
		table = map[[2]truth]truth{{yes, yes}: yes, {yes, no}: no, {empty, yes}: yes}
	}
	return truthList(table[[2]truth{a, b}]), nil
}

func equalScopes(a, b []scope) truth {
	if len(a) == 0 || len(b) == 0 {
		return empty
	}
	t := truthOf(len(a) == len(b))
	for i := 0; t != no && i < len(a); i++ {
		x, y := a[i].n, b[i].n
		switch {
		case isLong(x, y) || isLong(y, x):
			t = truthOf(rat(x.text).Cmp(rat(y.text)) == 0)
		case x.kind != y.kind:
			t = no
		case x.kind == kindNumber:
			if rat(x.text).Cmp(rat(y.text)) != 0 {
				t = no
			}
		case x.kind == kindObject && !equalJSON([]byte(x.text), []byte(y.text)), x.kind == kindBoolean && x.text != y.text:
			t = no
		case x.kind == kindString && x.text != y.text:
			temporal := isTemporal(typeIDs[x.typ]) || isTemporal(typeIDs[y.typ])
			c, ok := compareTemporal([]byte(x.text), []byte(y.text))
			switch {
			case temporal && ok == empty:
				t = empty
			case !temporal || ok == no || c != 0:
				t = no
			}
		}
	}
	return t
}

// isLong reports whether a is an integer64 and b one in a string.
func isLong(a, b *node) bool {
	return a.typ == "integer64" && b.kind == kindString && isInteger64([]byte(b.text))
}

func rat(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return r
}

func (o *oracle) order(s *syntax, in scope) ([]scope, error) {
	a, err := o.single(s.args[0], in)
	if err != nil {
		return nil, err
	}
	b, err := o.single(s.args[1], in)
	if err != nil || a == nil || b == nil {
		return nil, err
	}
	holds := func(c int) bool {
		return map[string]bool{"<": c < 0, ">": c > 0, "<=": c <= 0, ">=": c >= 0}[s.name]
	}
	switch {
	case isLong(a.n, b.n) || isLong(b.n, a.n):
		return truthList(truthOf(holds(rat(a.n.text).Cmp(rat(b.n.text))))), nil
	case a.n.kind != b.n.kind || a.n.kind == kindObject || a.n.kind == kindBoolean:
		return nil, errOracle
	case a.n.kind == kindNumber:
		return truthList(truthOf(holds(rat(a.n.text).Cmp(rat(b.n.text))))), nil
	}
	c, ok := compareTemporal([]byte(a.n.text), []byte(b.n.text))
	if ok == no {
		if isTemporal(typeIDs[a.n.typ]) || isTemporal(typeIDs[b.n.typ]) {
			return nil, errOracle
		}
		c, ok = strings.Compare(a.n.text, b.n.text), yes
	}
	if ok == empty {
		return nil, nil
	}
	return truthList(truthOf(holds(c))), nil
}

func (o *oracle) arithmetic(op string, left []scope, right *syntax, in scope) ([]scope, error) {
	y, err := o.single(right, in)
	if err != nil {
		return nil, err
	}
	if op == "&" {
		text := ""
		for _, x := range left {
			if x.n.kind != kindString {
				return nil, errOracle
			}
			text = x.n.text
		}
		if y != nil && y.n.kind != kindString {
			return nil, errOracle
		}
		if y != nil {
			text += y.n.text
		}
		return []scope{{&node{kind: kindString, text: text}, ""}}, nil
	}
	if len(left) == 0 || y == nil {
		return nil, nil
	}
	x := left[0]
	if op == "+" && x.n.kind == kindString && y.n.kind == kindString {
		return []scope{{&node{kind: kindString, text: x.n.text + y.n.text}, ""}}, nil
	}
	if x.n.kind != kindNumber || y.n.kind != kindNumber {
		return nil, errOracle
	}
	return calculate(op, x.n.text, y.n.text), nil
}

// calculate writes what a op b is with as many digits as its operands show.
func calculate(op, x, y string) []scope {
	a, b := rat(x), rat(y)
	digits := max(scaleOf(x), scaleOf(y))
	if b.Sign() == 0 && op != "+" && op != "-" && op != "*" {
		return nil
	}
	switch op {
	case "+":
		a.Add(a, b)
	case "-":
		a.Sub(a, b)
	case "*":
		digits = scaleOf(x) + scaleOf(y)
		a.Mul(a, b)
	case "/":
		text := a.Quo(a, b).FloatString(quotientDigits)
		return numberList(strings.TrimSuffix(strings.TrimRight(text, "0"), "."))
	case "div", "mod":
		quotient := new(big.Rat).Quo(a, b)
		whole := new(big.Rat).SetInt(new(big.Int).Quo(quotient.Num(), quotient.Denom()))
		if op == "div" {
			return numberList(whole.FloatString(0))
		}
		a.Sub(a, whole.Mul(whole, b))
	}
	return numberList(a.FloatString(max(digits, 0)))
}

// scaleOf is the number of digits behind the point, and less than none where
// an exponent says so.
func scaleOf(text string) int {
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	_, fraction, _ := strings.Cut(mantissa, ".")
	exponent, _ := strconv.Atoi(power)
	return len(fraction) - exponent
}
