package sqlonfhir

import "slices"

// An opcode says what a syntax node does.
type opcode uint8

const (
	opLiteral  opcode = iota // value
	opThis                   // $this
	opResource               // %resource
	opRowIndex               // %rowIndex
	opMember                 // name of src
	opIndex                  // src[args[0]]
	opCall                   // function name on src with args
	opType                   // the argument of ofType and getReferenceKey; name
	opNegate                 // - args[0]
	opOperator               // args[0] name args[1]
	opEmpty                  // {}
)

// A syntax node is one step of an expression. A nil src means the focus. It is
// immutable once parsed.
type syntax struct {
	op    opcode
	name  string
	src   *syntax
	args  []*syntax
	value item
	at    int

	pattern *pattern // of matches and replaceMatches
}

// A function describes a function of the language: how many arguments it
// takes, and what they are.
type function struct {
	min, max int
	types    bool                // the argument is the name of a type
	check    func(*syntax) error // of a call; its error is a *pathError; nil when there is nothing to check
}

var functions = map[string]function{
	"where": {min: 1, max: 1}, "select": {min: 1, max: 1}, "exists": {max: 1}, "empty": {}, "not": {}, "count": {},
	"first": {}, "last": {}, "ofType": {min: 1, max: 1, types: true}, "extension": {min: 1, max: 1}, "join": {max: 1},
	"iif": {min: 2, max: 3}, "coalesce": {min: 1, max: 16},
	"toString": {}, "lower": {}, "upper": {}, "trim": {}, "length": {}, "substring": {min: 1, max: 2},
	"indexOf": {min: 1, max: 1}, "startsWith": {min: 1, max: 1}, "endsWith": {min: 1, max: 1}, "contains": {min: 1, max: 1},
	"replace": {min: 2, max: 2}, "matches": {min: 1, max: 2, check: checkPattern}, "replaceMatches": {min: 2, max: 3, check: checkPattern},
	"duration": {min: 2, max: 2, check: checkUnit}, "difference": {min: 2, max: 2, check: checkUnit},
	"lowBoundary": {max: 1}, "highBoundary": {max: 1}, "getResourceKey": {}, "getReferenceKey": {max: 1, types: true},
}

// precedence of the binary operators; higher binds tighter.
var precedence = map[string]int{
	"implies": 1, "or": 2, "xor": 2, "and": 3, "=": 5, "!=": 5, "<": 6, "<=": 6, ">": 6, ">=": 6,
	"+": 9, "-": 9, "&": 9, "*": 10, "/": 10, "div": 10, "mod": 10,
}

// unsupported are the operators of FHIRPath that views do not have.
var unsupported = map[string]bool{"|": true, "~": true, "!~": true, "in": true, "contains": true, "is": true, "as": true}

// usesRowIndex reports whether an expression reads %rowIndex, and readsFocus
// whether it reads the focus.
func (s *syntax) usesRowIndex() bool {
	return s.any(func(x *syntax) bool { return x.op == opRowIndex })
}

func (s *syntax) readsFocus() bool {
	return s.any(func(x *syntax) bool {
		switch x.op {
		case opThis, opResource:
			return true
		case opMember:
			return x.src == nil
		case opCall:
			return x.src == nil && x.name != "iif" && x.name != "coalesce"
		}
		return false
	})
}

func (s *syntax) any(is func(*syntax) bool) bool {
	if is(s) || s.src != nil && s.src.any(is) {
		return true
	}
	for _, a := range s.args {
		if a.any(is) {
			return true
		}
	}
	return false
}

// givesVaryingKeys reports whether the values may be keys by getReferenceKey()
// without a type, as far as the end of the expression tells.
func (s *syntax) givesVaryingKeys() bool {
	if s == nil || s.op != opIndex && s.op != opCall {
		return false
	}
	switch {
	case s.op == opIndex || s.name == "first" || s.name == "last" || s.name == "where":
		return s.src.givesVaryingKeys()
	case s.name == "getReferenceKey":
		return len(s.args) == 0
	case s.name == "select" || s.name == "coalesce":
		return slices.ContainsFunc(s.args, (*syntax).givesVaryingKeys)
	case s.name == "iif":
		return slices.ContainsFunc(s.args[1:], (*syntax).givesVaryingKeys)
	}
	return false
}

// besides returns the element of a primitive whose extensions s may be, and
// the member that has them but for the underscore in front. The element is nil
// when s is no extension of such.
// https://hl7.org/fhir/R4/json.html#primitive
func (s *syntax) besides() (element *syntax, name string) {
	src := s.src
	switch {
	case s.name != "extension" || src == nil:
		return nil, ""
	case src.op == opMember && src.name != "extension":
		return src, src.name
	case src.op == opCall && src.name == "ofType" && src.src != nil && src.src.op == opMember:
		return src.src, src.src.name + title(src.args[0].name)
	}
	return nil, ""
}
