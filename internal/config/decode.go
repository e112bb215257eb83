package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A reader reads files into structs and remembers what is wrong with them, so
// that all of it can be told at once. It is used by one goroutine.
type reader struct {
	files    []string // in the order in which they were read
	mistakes Mistakes
	doubts   []Doubt
}

// miss notes a mistake at a place. Of a file that could not be read as one
// document nothing more is said than why.
func (r *reader) miss(at place, text string) {
	if at.src != nil && at.src.unread {
		return
	}
	m := Mistake{Field: at.path, Text: text}
	if at.src != nil {
		m.File, m.Line = at.src.name, at.src.line(at.path)
		m.Excerpt = at.src.excerpt(m.Line)
	}
	r.mistakes = append(r.mistakes, m)
}

// read parses text as one YAML document and fills the struct that into points
// to. The source that it returns knows the lines of all values.
func (r *reader) read(name string, text []byte, into any) *source {
	src, body := r.parse(name, text)
	r.fill(src, body, into)
	return src
}

// parse gives the one document of a text, nil where there is none that can be
// read, which is a mistake.
func (r *reader) parse(name string, text []byte) (*source, ast.Node) {
	src := &source{name: name, lines: strings.Split(string(text), "\n"), marks: map[string]int{}}
	r.files = append(r.files, name)
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		r.syntax(src, err)
		return src, nil
	}
	if len(file.Docs) > 1 {
		r.miss(place{src: src}, "holds several documents; one is allowed")
		src.unread = true
		return src, nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		r.miss(place{src: src}, "holds nothing")
		src.unread = true
		return src, nil
	}
	return src, file.Docs[0].Body
}

// fill sets what the document says in the struct that into points to.
func (r *reader) fill(src *source, body ast.Node, into any) {
	if body == nil {
		return
	}
	d := &decoder{reader: r, anchors: map[string]ast.Node{}}
	ast.Walk(d, body)
	d.value(place{src: src}, body, reflect.ValueOf(into).Elem())
}

// syntax notes what the parser says, with our excerpt in place of its own.
func (r *reader) syntax(src *source, err error) {
	m := Mistake{File: src.name, Text: "is not YAML"}
	if y, ok := errors.AsType[yaml.Error](err); ok {
		m.Text = "is not YAML: " + y.GetMessage()
		if tk := y.GetToken(); tk != nil && tk.Position != nil {
			m.Line = tk.Position.Line
			m.Excerpt = src.excerpt(m.Line)
		}
	}
	r.mistakes = append(r.mistakes, m)
	src.unread = true
}

// A decoder fills structs from nodes. It exists because an operator wants all
// mistakes with their lines, and the library's own decoder stops at the first.
type decoder struct {
	*reader
	anchors map[string]ast.Node
	depth   int // of aliases that are being followed
}

// Visit gathers the anchors of the document.
func (d *decoder) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok {
		d.anchors[a.Name.GetToken().Value] = a.Value
	}
	return d
}

// value fills v from n. A null leaves v as it is.
func (d *decoder) value(at place, n ast.Node, v reflect.Value) {
	switch n := n.(type) {
	case *ast.AnchorNode:
		d.value(at, n.Value, v)
		return
	case *ast.AliasNode:
		d.alias(at, n, v)
		return
	case *ast.NullNode:
		return
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(at, n, func(s string) error { return text.UnmarshalText([]byte(s)) })
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(at, n, v.Elem())
	case reflect.Struct:
		d.structure(at, n, v)
	case reflect.Map:
		d.mapping(at, n, v)
	case reflect.Slice:
		d.list(at, n, v)
	default:
		d.scalar(at, n, v)
	}
}

// alias follows an alias to its anchor; an anchor may not hold itself.
func (d *decoder) alias(at place, n *ast.AliasNode, v reflect.Value) {
	target, ok := d.anchors[n.Value.GetToken().Value]
	if !ok || d.depth > 4 {
		d.miss(at, "refers to an anchor that does not exist")
		return
	}
	d.depth++
	d.value(at, target, v)
	d.depth--
}

// pairs returns the fields of a mapping.
func (d *decoder) pairs(at place, n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		d.miss(at, "must hold fields")
		return nil
	}
}

// mark remembers the line of a value and returns its key.
func mark(at place, kv *ast.MappingValueNode) (string, place) {
	tk := kv.Key.GetToken()
	field := at.at(tk.Value)
	field.src.marks[field.path] = tk.Position.Line
	return tk.Value, field
}

func (d *decoder) structure(at place, n ast.Node, v reflect.Value) {
	pairs := d.pairs(at, n)
	for _, kv := range pairs {
		if kv.Key.IsMergeKey() {
			d.value(at, kv.Value, v)
		}
	}
	for _, kv := range pairs { // what stands here wins over what was merged
		if kv.Key.IsMergeKey() {
			continue
		}
		key, field := mark(at, kv)
		i, names := fieldByName(v.Type(), key)
		if i < 0 {
			d.miss(field, "is not a field here; "+meant(key, names))
			continue
		}
		d.value(field, kv.Value, v.Field(i))
		d.words(field, v.Type().Field(i).Tag.Get("words"), v.Field(i))
	}
}

// words checks the value of a field whose tag `words` lists all that it, its
// items or its keys may be. An empty value was not given.
func (d *decoder) words(at place, list string, v reflect.Value) {
	if list == "" {
		return
	}
	known := strings.Fields(list)
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			oneOf(d.reader, at.index(i), v.Index(i).String(), known...)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			oneOf(d.reader, at.at(key.String()), key.String(), known...)
		}
	default:
		oneOf(d.reader, at, v.String(), append(known, "")...)
	}
}

func fieldByName(t reflect.Type, key string) (int, []string) {
	var names []string
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		if name == key && name != "" {
			return i, nil
		}
		if name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return -1, names
}

func (d *decoder) mapping(at place, n ast.Node, v reflect.Value) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, kv := range d.pairs(at, n) {
		key, field := mark(at, kv)
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(field, kv.Value, elem)
		v.SetMapIndex(reflect.ValueOf(key), elem)
	}
}

// list takes a sequence, or one value where a list is wanted.
func (d *decoder) list(at place, n ast.Node, v reflect.Value) {
	items := []ast.Node{n}
	switch n := n.(type) {
	case *ast.SequenceNode:
		items = n.Values
	case *ast.MappingNode, *ast.MappingValueNode:
		d.miss(at, "must be a list")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		field := at.index(i)
		field.src.marks[field.path] = item.GetToken().Position.Line
		d.value(field, item, out.Index(i))
	}
	v.Set(out)
}

func (d *decoder) scalar(at place, n ast.Node, v reflect.Value) {
	d.text(at, n, func(s string) error {
		_, quoted := n.(*ast.StringNode)
		switch v.Kind() {
		case reflect.String:
			v.SetString(s)
		case reflect.Bool:
			b, ok := n.(*ast.BoolNode)
			if !ok {
				return errors.New("must be true or false")
			}
			v.SetBool(b.Value)
		case reflect.Int:
			i, err := strconv.ParseInt(s, 10, 32)
			if err != nil || quoted {
				return errors.New("must be a whole number")
			}
			v.SetInt(i)
		default:
			return fmt.Errorf("has the kind %s, which no field of a configuration has", v.Kind())
		}
		return nil
	})
}

// text gives the text of a scalar to set and notes what it says.
func (d *decoder) text(at place, n ast.Node, set func(string) error) {
	var s string
	switch n := n.(type) {
	case *ast.StringNode:
		s = n.Value
	case *ast.LiteralNode:
		s = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		s = n.GetToken().Value
	default:
		d.miss(at, "must be a single value")
		return
	}
	if err := set(s); err != nil {
		d.miss(at, err.Error())
	}
}
