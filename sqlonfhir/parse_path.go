package sqlonfhir

import "fmt"

// maxNesting is how deep an expression may nest, and maxPath how long it may
// be in bytes.
const (
	maxNesting = 100
	maxPath    = 1 << 14
)

// parsePath parses a FHIRPath expression. Constants are what %name stands for.
// The error is a *pathError.
func parsePath(src string, constants map[string]item) (*syntax, error) {
	if len(src) > maxPath {
		return nil, &pathError{maxPath, "the expression is too long"}
	}
	p := &pathParser{lexer: lexer{src: src}, constants: constants}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokEnd {
		return nil, &pathError{0, "the expression is empty"}
	}
	x, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokEnd {
		return nil, p.unexpected()
	}
	return x, nil
}

type pathParser struct {
	lexer
	tok       token
	nesting   int
	constants map[string]item
}

func (p *pathParser) advance() (err error) {
	p.tok, err = p.next()
	return err
}

func (p *pathParser) is(symbol string) bool {
	return p.tok.kind == tokSymbol && p.tok.text == symbol
}

func (p *pathParser) expect(symbol string) error {
	if !p.is(symbol) {
		return &pathError{p.tok.at, fmt.Sprintf("%q expected", symbol)}
	}
	return p.advance()
}

func (p *pathParser) unexpected() error {
	switch {
	case p.tok.kind == tokEnd:
		return &pathError{p.tok.at, "the expression ends too early"}
	case unsupported[p.tok.text] && !p.tok.quoted:
		return &pathError{p.tok.at, fmt.Sprintf("the operator %q is not supported in views", p.tok.text)}
	}
	return &pathError{p.tok.at, fmt.Sprintf("unexpected %q", p.tok.text)}
}

// expression parses operators that bind at least as tight as floor.
func (p *pathParser) expression(floor int) (*syntax, error) {
	if p.nesting++; p.nesting > maxNesting {
		return nil, &pathError{p.tok.at, "the expression nests too deep"}
	}
	defer func() { p.nesting-- }()
	left, err := p.unary()
	for err == nil {
		op := p.tok
		binds := precedence[op.text]
		if op.kind != tokSymbol && op.kind != tokName || op.quoted || binds == 0 || binds < floor {
			return left, nil
		}
		if err = p.advance(); err != nil {
			break
		}
		var right *syntax
		if right, err = p.expression(binds + 1); err == nil {
			left = &syntax{op: opOperator, name: op.text, args: []*syntax{left, right}, at: op.at}
		}
	}
	return nil, err
}

func (p *pathParser) unary() (*syntax, error) {
	if !p.is("-") && !p.is("+") {
		return p.invocation()
	}
	if p.nesting++; p.nesting > maxNesting {
		return nil, &pathError{p.tok.at, "the expression nests too deep"}
	}
	defer func() { p.nesting-- }()
	sign := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	x, err := p.unary()
	if err != nil || sign.text == "+" {
		return x, err
	}
	return &syntax{op: opNegate, name: "-", args: []*syntax{x}, at: sign.at}, nil
}

// invocation parses a term and the members, calls and indexes behind it.
func (p *pathParser) invocation() (*syntax, error) {
	x, err := p.term()
	for err == nil {
		switch {
		case p.is("."):
			if err = p.advance(); err == nil {
				if p.tok.kind != tokName {
					return nil, p.unexpected()
				}
				x, err = p.named(x)
			}
		case p.is("["):
			at := p.tok.at
			var index *syntax
			if err = p.advance(); err == nil {
				index, err = p.expression(0)
			}
			if err == nil {
				err = p.expect("]")
			}
			x = &syntax{op: opIndex, src: x, args: []*syntax{index}, at: at}
		default:
			return x, nil
		}
	}
	return nil, err
}

func (p *pathParser) term() (*syntax, error) {
	t := p.tok
	switch {
	case p.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		x, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return x, p.expect(")")
	case p.is("{"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		return &syntax{op: opEmpty, at: t.at}, p.expect("}")
	case t.kind == tokName && !t.quoted && (t.text == "true" || t.text == "false"):
		return p.literal(boolItem(t.text == "true"))
	case t.kind == tokName && (t.quoted || precedence[t.text] == 0):
		return p.named(nil)
	case t.kind == tokString:
		return p.literal(item{kind: kindString, node: -1, text: []byte(t.text)})
	case t.kind == tokNumber:
		return p.literal(numberItem([]byte(t.text)))
	case t.kind == tokTemporal:
		v, ok := temporalLiteral(t.text)
		if !ok {
			return nil, &pathError{t.at, "not a date, dateTime or time"}
		}
		return p.literal(v)
	case t.kind == tokExternal:
		return p.external()
	case t.kind == tokThis && t.text == "$this":
		return &syntax{op: opThis, at: t.at}, p.advance()
	}
	return nil, p.unexpected()
}

func (p *pathParser) literal(v item) (*syntax, error) {
	x := &syntax{op: opLiteral, value: v, at: p.tok.at}
	return x, p.advance()
}

func (p *pathParser) external() (*syntax, error) {
	t := p.tok
	if v, ok := p.constants[t.text]; ok {
		return p.literal(v)
	}
	switch t.text {
	case "rowIndex":
		return &syntax{op: opRowIndex, at: t.at}, p.advance()
	case "resource", "rootResource":
		return &syntax{op: opResource, at: t.at}, p.advance()
	}
	if url, ok := systems[t.text]; ok {
		return p.literal(item{kind: kindString, node: -1, text: []byte(url)})
	}
	return nil, &pathError{t.at, fmt.Sprintf("the constant %%%s is not defined", t.text)}
}

// systems are the code systems that FHIR names in every expression.
// https://hl7.org/fhir/R4/fhirpath.html#vars
var systems = map[string]string{"sct": "http://snomed.info/sct", "loinc": "http://loinc.org", "ucum": "http://unitsofmeasure.org"}

// named parses a member or a function call on src.
func (p *pathParser) named(src *syntax) (*syntax, error) {
	t := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	if !p.is("(") {
		return &syntax{op: opMember, name: t.text, src: src, at: t.at}, nil
	}
	f, ok := functions[t.text]
	if !ok {
		return nil, &pathError{t.at, fmt.Sprintf("the function %q is not supported in views", t.text)}
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	x := &syntax{op: opCall, name: t.text, src: src, at: t.at}
	for !p.is(")") {
		if len(x.args) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		arg, err := p.argument(f)
		if err != nil {
			return nil, err
		}
		x.args = append(x.args, arg)
	}
	if n := len(x.args); n < f.min || n > f.max {
		return nil, &pathError{t.at, fmt.Sprintf("%s() takes %s, not %d", t.text, arity(f), n)}
	}
	if f.check != nil {
		if err := f.check(x); err != nil {
			return nil, err
		}
	}
	return x, p.advance()
}

func arity(f function) string {
	switch {
	case f.max == 1 && f.min == 1:
		return "1 argument"
	case f.min == f.max:
		return fmt.Sprintf("%d arguments", f.min)
	}
	return fmt.Sprintf("%d to %d arguments", f.min, f.max)
}

func (p *pathParser) argument(f function) (*syntax, error) {
	if !f.types {
		return p.expression(0)
	}
	t := p.tok
	if t.kind != tokName || t.text == "" {
		return nil, &pathError{t.at, "the name of a type expected"}
	}
	err := p.advance()
	if err == nil && p.is(".") && (t.text == "FHIR" || t.text == "System") {
		if err = p.advance(); err == nil && (p.tok.kind != tokName || p.tok.text == "") {
			return nil, p.unexpected()
		}
		if err == nil {
			t.text = p.tok.text
			err = p.advance()
		}
	}
	return &syntax{op: opType, name: t.text, at: t.at}, err
}
