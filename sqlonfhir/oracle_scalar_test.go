package sqlonfhir

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// scalar evaluates the functions of one value; known is false when s is none
// of them.
func (o *oracle) scalar(s *syntax, in scope) (list []scope, known bool, err error) {
	if scalars[s.name] == nil {
		return nil, false, nil
	}
	x := &in
	if s.src != nil {
		x, err = o.single(s.src, in)
	} else if in.n.kind == kindNone {
		x = nil
	}
	if err != nil || x == nil {
		return nil, true, err
	}
	args := make([]*node, 3)
	for i, a := range s.args {
		arg, err := o.single(a, in)
		if err != nil {
			return nil, true, err
		}
		if arg != nil {
			args[i] = arg.n
		}
	}
	list, err = o.scalarOf(s.name, x.n, args, len(s.args))
	return list, true, err
}

func textList(text string) []scope { return []scope{{&node{kind: kindString, text: text}, ""}} }

func (o *oracle) scalarOf(name string, x *node, args []*node, given int) ([]scope, error) {
	if name == "toString" {
		if x.kind == kindObject {
			return nil, nil
		}
		return textList(x.text), nil
	}
	if name == "duration" || name == "difference" {
		return between(name, x, args)
	}
	if x.kind != kindString {
		return nil, errOracle
	}
	switch name {
	case "lower":
		return textList(strings.ToLower(x.text)), nil
	case "upper":
		return textList(strings.ToUpper(x.text)), nil
	case "trim":
		return textList(strings.Trim(x.text, " \t\r\n")), nil
	case "length":
		return numberList(fmt.Sprint(len([]rune(x.text)))), nil
	case "substring":
		return substringOf([]rune(x.text), args)
	}
	for _, a := range args[:given] {
		if a == nil {
			return nil, nil
		}
		if a.kind != kindString {
			return nil, errOracle
		}
	}
	arg := args[0].text
	switch name {
	case "indexOf":
		before, _, found := strings.Cut(x.text, arg)
		if !found {
			return numberList("-1"), nil
		}
		return numberList(fmt.Sprint(len([]rune(before)))), nil
	case "startsWith":
		return truthList(truthOf(strings.HasPrefix(x.text, arg))), nil
	case "endsWith":
		return truthList(truthOf(strings.HasSuffix(x.text, arg))), nil
	case "contains":
		return truthList(truthOf(strings.Contains(x.text, arg))), nil
	case "replace":
		return textList(strings.ReplaceAll(x.text, arg, args[1].text)), nil
	case "matches":
		return truthList(truthOf(expression(arg, args[1]).MatchString(x.text))), nil
	}
	return textList(expression(arg, args[2]).ReplaceAllString(x.text, args[1].text)), nil
}

func expression(text string, flags *node) *regexp.Regexp {
	if flags != nil {
		text = "(?s" + flags.text + ")" + text
	}
	return regexp.MustCompile("(?s)" + text)
}

func substringOf(x []rune, args []*node) ([]scope, error) {
	numbers := []int{0, len(x)}
	for i, a := range args[:2] {
		if a == nil {
			continue
		}
		if a.kind != kindNumber || strings.ContainsAny(a.text, ".eE") {
			return nil, errOracle
		}
		if _, err := fmt.Sscan(a.text, &numbers[i]); err != nil {
			return nil, err
		}
	}
	if args[0] == nil || numbers[0] < 0 || numbers[0] >= len(x) {
		return nil, nil
	}
	end := min(len(x), numbers[0]+max(numbers[1], 0))
	return textList(string(x[numbers[0]:end])), nil
}

// between shares the arithmetic of dates with the compiled form.
func between(name string, x *node, args []*node) ([]scope, error) {
	if args[0] == nil {
		return nil, nil
	}
	if x.kind != kindString || args[0].kind != kindString {
		return nil, errOracle
	}
	m := &machine{}
	c := &scalarCall{in: item{kind: kindString, node: -1, text: []byte(x.text)}}
	for i := range c.args {
		c.args[i] = item{kind: kindString, node: -1, text: []byte(args[i].text)}
	}
	count := (*span).whole
	if name == "difference" {
		count = (*span).crossed
	}
	if err := m.between(c, count); err != nil {
		return nil, errOracle
	}
	if len(m.stack) == 0 {
		return nil, nil
	}
	return numberList(string(m.stack[0].text)), nil
}

func (o *oracle) coalesce(s *syntax, in scope) ([]scope, error) {
	for _, a := range s.args {
		if list, err := o.eval(a, in); err != nil || len(list) > 0 {
			return list, err
		}
	}
	return nil, nil
}

func (o *oracle) project(s *syntax, src []scope) (all []scope, err error) {
	for _, x := range src {
		list, err := o.eval(s.args[0], x)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// boundary shares the arithmetic of dates with the compiled form.
func (o *oracle) boundary(s *syntax, in scope) ([]scope, error) {
	x := &in
	if s.src != nil {
		var err error
		if x, err = o.single(s.src, in); err != nil {
			return nil, err
		}
	}
	if x == nil || x.n.kind == kindNone {
		return nil, nil
	}
	if len(s.args) > 0 {
		return nil, errors.New("the oracle knows no precision")
	}
	n, high := *x.n, s.name == "highBoundary"
	if n.kind == kindObject {
		edge := n.members[map[bool]string{false: "start", true: "end"}[high]]
		if len(edge) != 1 || edge[0].kind != kindString {
			return nil, nil
		}
		n = node{kind: kindString, text: edge[0].text, typ: "dateTime"}
	}
	switch n.kind {
	case kindBoolean:
		return nil, errOracle
	case kindNumber:
		return boundaryOf(n.text, high), nil
	}
	text, ok := appendEdge(nil, []byte(n.text), typeIDs[n.typ], high)
	if !ok {
		return nil, nil
	}
	return []scope{{&node{kind: kindString, text: string(text), typ: n.typ}, ""}}, nil
}

// boundaryOf moves a number by half a unit of its last digit.
func boundaryOf(text string, high bool) []scope {
	digits := scaleOf(text) + 1
	half := rat(fmt.Sprintf("5e%d", -digits))
	if !high {
		half.Neg(half)
	}
	return numberList(half.Add(half, rat(text)).FloatString(max(digits, 0)))
}
