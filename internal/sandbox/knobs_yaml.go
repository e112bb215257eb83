package sandbox

import (
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Names is a list of names. In YAML a single name may stand for a list of one.
type Names []string

// UnmarshalYAML reads a name or a list of names.
func (n *Names) UnmarshalYAML(read func(any) error) error {
	var value any
	if err := read(&value); err != nil {
		return err
	}
	*n = nil
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, v := range list {
		name, ok := v.(string)
		if !ok {
			return fmt.Errorf("%v is no name", v)
		}
		*n = append(*n, name)
	}
	return nil
}

// UnmarshalYAML reads a count by its name, or a boolean.
func (c *Count) UnmarshalYAML(read func(any) error) error {
	var value any
	if err := read(&value); err != nil {
		return err
	}
	switch value {
	case true:
		*c = CountRight
	case false, "none":
		*c = CountNone
	default:
		*c = Count(fmt.Sprint(value))
	}
	return nil
}

// UnmarshalYAML reads a value of requiresAccessToken: a boolean, the string
// "true", missing or wrong.
func (r *RAT) UnmarshalYAML(read func(any) error) error {
	var value any
	if err := read(&value); err != nil {
		return err
	}
	switch value {
	case true:
		*r = RATTrue
	case false:
		*r = RATFalse
	case "true":
		*r = RATText
	default:
		*r = RAT(fmt.Sprint(value))
	}
	return nil
}

// synonyms are names that knobs and their values have besides their own, as
// the text of yaml: a value's synonyms are kept by the knob's name.
var (
	synonyms = map[string]string{"access": "file", "linkLife": "linkTTL"}
	values   = map[string]map[string]string{
		"file":       {"bearer": "", "307presigned": "redirect"},
		"txTime":     {"start": ""},
		"error":      {"none": ""},
		"urls":       {"absolute": ""},
		"eol":        {"lf": ""},
		"newMembers": {"omit": ""},
	}
)

// ownNames returns the text of one practice's knobs with synonyms replaced.
func ownNames(text []byte) ([]byte, error) {
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, err
	}
	for _, doc := range f.Docs {
		var members []*ast.MappingValueNode
		switch body := doc.Body.(type) {
		case *ast.MappingNode:
			members = body.Values
		case *ast.MappingValueNode:
			members = []*ast.MappingValueNode{body}
		default:
			return text, nil
		}
		for _, m := range members {
			if err := useOwnNames(m); err != nil {
				return nil, err
			}
		}
	}
	return []byte(f.String()), nil
}

func useOwnNames(m *ast.MappingValueNode) error {
	name := m.Key.GetToken().Value
	if own, ok := synonyms[name]; ok {
		name = own
		key, ok := m.Key.(*ast.StringNode)
		if !ok {
			return fmt.Errorf("%s is no plain name", name)
		}
		key.Value = own
		key.Token.Value = own
	}
	if own, ok := values[name][m.Value.GetToken().Value]; ok {
		empty, err := yaml.ValueToNode(own)
		if err != nil {
			return err
		}
		m.Value = empty
	}
	return nil
}
