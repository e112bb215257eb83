package views

import (
	"slices"
	"strings"
)

// Elements returns the elements that an expression reads its values from, by
// the names that JSON has, below the elements of its focus: of
// value.ofType(Quantity).unit in an Observation "Observation.valueQuantity.unit".
// Criteria of where and exists do not count, values of extensions stand below
// "extension". The expression is one that a view may have.
func elementsOf(expression string, root string, focus []string) []string {
	p := &pathReader{text: expression, root: root}
	var out []string
	for _, e := range p.expression(focus) {
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// A pathReader reads what an expression of a checked view leads to. It knows
// no precedence: both sides of an operator count.
type pathReader struct {
	text string
	at   int
	root string
}

// expression reads terms with operators between them, up to a closing bracket,
// a comma or the end.
func (p *pathReader) expression(focus []string) []string {
	var all []string
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == ')' || c == ',' || c == ']':
			return all
		case c == '(':
			p.at++
			inner := p.expression(focus)
			p.skip(')')
			all = append(all, p.steps(inner, focus)...)
		case c == '\'':
			p.quoted('\'')
			all = append(all, p.steps(nil, focus)...)
		case c == '%' || c == '$' || c == '`' || letter(c):
			all = append(all, p.term(focus)...)
		case c == '@' || c-'0' <= 9:
			p.literal()
			all = append(all, p.steps(nil, focus)...)
		default: // white space and operators
			p.at++
		}
	}
	return all
}

// term reads a name or a call, and the steps behind it.
func (p *pathReader) term(focus []string) []string {
	start := p.text[p.at]
	name := p.name()
	switch {
	case start == '%' && name == "%resource":
		return p.steps([]string{p.root}, focus)
	case start == '%':
		return p.steps(nil, focus)
	case name == "$this":
		return p.steps(focus, focus)
	case start != '`' && (name == "and" || name == "or" || name == "xor" || name == "implies" || name == "div" || name == "mod" || name == "true" || name == "false"):
		return nil
	}
	return p.steps(p.step(name, focus, focus), focus)
}

// steps reads the members, calls and indexes behind a value.
func (p *pathReader) steps(value, focus []string) []string {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case '.':
			p.at++
			value = p.step(p.name(), value, focus)
		case '[':
			p.at++
			p.expression(focus)
			p.skip(']')
		default:
			return value
		}
	}
	return value
}

// step reads one member or call on a value.
func (p *pathReader) step(name string, value, focus []string) []string {
	if p.at >= len(p.text) || p.text[p.at] != '(' {
		return below(value, "."+name)
	}
	p.at++
	inside := focus
	if name == "select" || name == "where" || name == "exists" {
		inside = value
	}
	from := p.at
	var args []string
	for {
		args = append(args, p.expression(inside)...)
		if p.at >= len(p.text) || p.text[p.at] != ',' {
			break
		}
		p.at++
	}
	argument := p.text[from:min(p.at, len(p.text))]
	p.skip(')')
	switch name {
	case "ofType":
		argument = argument[strings.LastIndexByte(argument, '.')+1:]
		return below(value, strings.ToUpper(argument[:min(1, len(argument))])+argument[min(1, len(argument)):])
	case "extension":
		return below(value, ".extension")
	case "getResourceKey":
		return below(value, ".id")
	case "select", "iif", "coalesce":
		return args
	case "duration", "difference":
		return append(slices.Clone(value), args...)
	}
	return value
}

// name reads a name, perhaps quoted or with a mark before it.
func (p *pathReader) name() string {
	from := p.at
	if p.at < len(p.text) && p.text[p.at] == '`' {
		p.quoted('`')
		return strings.Trim(p.text[from:min(p.at, len(p.text))], "`")
	}
	for p.at < len(p.text) && (letter(p.text[p.at]) || p.text[p.at] == '%' || p.text[p.at] == '$' || p.text[p.at]-'0' <= 9) {
		p.at++
	}
	return p.text[from:p.at]
}

// literal reads a number, date or time.
func (p *pathReader) literal() {
	for p.at++; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		point := c == '.' && p.at+1 < len(p.text) && p.text[p.at+1]-'0' <= 9
		if c-'0' > 9 && !point && !strings.ContainsRune("TZ:+-", rune(c)) {
			return
		}
	}
}

// quoted reads a text in quotation marks.
func (p *pathReader) quoted(mark byte) {
	for p.at++; p.at < len(p.text) && p.text[p.at] != mark; p.at++ {
		if p.text[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
}

func (p *pathReader) skip(c byte) {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
	}
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

// below returns what lies below each of some elements.
func below(elements []string, suffix string) []string {
	out := make([]string, len(elements))
	for i, e := range elements {
		out[i] = e + suffix
	}
	return out
}

// Supports reports whether one of the elements is, or is part of, an element
// that a profile marks as must-support. ids are those of the marked elements
// of the type, such as "Observation.value[x]:valueQuantity.unit" or
// "Patient.name.family": where parts of an element are marked too, its other
// parts do not count, but the text of a marked concept does.
func Supports(ids, elements []string) bool {
	return slices.ContainsFunc(elements, func(e string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return marks(ids, id, e) })
	})
}

// marks reports whether the marked element id is e, or has e below it and no
// marked parts.
func marks(ids []string, id, e string) bool {
	rest, found := cutElement(e, id)
	if !found {
		return false
	}
	return rest == "" || !slices.ContainsFunc(ids, func(other string) bool {
		part, isPart := strings.CutPrefix(other, id+".")
		return isPart && !strings.Contains(part, ":") && !strings.HasPrefix(part, "coding")
	})
}

// cutElement cuts the marked element id from the front of e. Slices count as
// what they are a slice of; of value[x], with the type that the slice says.
func cutElement(e, id string) (rest string, found bool) {
	for part := range strings.SplitSeq(id, ".") {
		name, slice, _ := strings.Cut(part, ":")
		head, tail, _ := strings.Cut(e, ".")
		choice, isChoice := strings.CutSuffix(name, "[x]")
		switch {
		case isChoice && strings.HasPrefix(slice, choice) && slice != head:
			return "", false
		case isChoice && !strings.HasPrefix(head, choice), !isChoice && head != name:
			return "", false
		}
		e = tail
	}
	return e, true
}
