package sqlonfhir

import (
	"slices"
	"strconv"
	"strings"
)

// constantTypes are the types that a constant may have.
var constantTypes = strings.Fields(`base64Binary boolean canonical code date dateTime decimal id instant integer
	integer64 markdown oid positiveInt string time unsignedInt uri url uuid`)

// typeInteger64 is the type of constants that in FHIR's JSON are strings, as
// the values are that they are compared with. R4 has none.
// https://hl7.org/fhir/R5/json.html#primitive
const typeInteger64 typeID = 255

// isInteger64 reports whether a string is an integer of 64 bits.
func isInteger64(text []byte) bool {
	_, err := strconv.ParseInt(string(text), 10, 64)
	return err == nil && text[0] != '+'
}

// readConstants reads the constants of a view.
func readConstants(view element) (map[string]item, error) {
	list, err := view.list("constant")
	if err != nil {
		return nil, err
	}
	known := []string{"name"}
	for _, t := range constantTypes {
		known = append(known, "value"+title(t))
	}
	constants := map[string]item{}
	for _, c := range list {
		e, err := readElement(c.raw, c.place, known)
		if err != nil {
			return nil, err
		}
		name, err := e.text("name")
		switch {
		case err != nil:
			return nil, err
		case !isSQLName(name):
			return nil, &DefinitionError{e.at("name"), "a name of letters, digits and underscores expected"}
		}
		if _, ok := constants[name]; ok {
			return nil, &DefinitionError{e.at("name"), "the constant is defined twice"}
		}
		if constants[name], err = readConstant(e); err != nil {
			return nil, err
		}
	}
	return constants, nil
}

func readConstant(e element) (item, error) {
	var found []string
	for _, t := range constantTypes {
		if e.has("value" + title(t)) {
			found = append(found, t)
		}
	}
	if len(found) != 1 {
		return item{}, &DefinitionError{e.place, "a constant has exactly one value"}
	}
	typ := found[0]
	name := "value" + title(typ)
	raw := e.members[name]
	it := item{node: -1, typ: typeIDs[typ], text: []byte(raw)}
	if typ == "integer64" {
		it.typ = typeInteger64
	}
	switch raw.Kind() {
	case 't', 'f':
		it.kind = kindBoolean
	case '0':
		it.kind = kindNumber
	default:
		s, err := e.text(name)
		if err != nil {
			return item{}, err
		}
		it.kind, it.text = kindString, []byte(s)
		if typ == "integer64" && isInteger64(it.text) {
			it.kind = kindNumber
		}
	}
	if !fits(&it, typ) {
		return item{}, &DefinitionError{e.at(name), "not a value of its type"}
	}
	return it, nil
}

// fits reports whether a value can be of a type.
func fits(it *item, typ string) bool {
	switch typ {
	case "boolean":
		return it.kind == kindBoolean
	case "decimal":
		return it.kind == kindNumber
	case "integer", "integer64", "positiveInt", "unsignedInt":
		bits := 32
		if typ == "integer64" {
			bits = 64
		}
		n, err := strconv.ParseInt(string(it.text), 10, bits)
		least := int64(-1 << 63)
		if i := slices.Index([]string{"unsignedInt", "positiveInt"}, typ); i >= 0 {
			least = int64(i)
		}
		return it.kind == kindNumber && err == nil && n >= least
	case "date", "dateTime", "instant", "time":
		m, ok := parseMoment(it.text)
		return it.kind == kindString && ok && m.isTime == (typ == "time") && (typ != "date" || m.until <= toDay)
	}
	return it.kind == kindString
}

// isSQLName reports whether a name is a letter followed by letters, digits and
// underscores.
func isSQLName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i]) || i == 0 && (s[i] == '_' || isDigit(s[i])) {
			return false
		}
	}
	return s != ""
}
