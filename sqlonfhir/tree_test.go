package sqlonfhir

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A tree is a JSON value that can be bent before it is written again.
type tree struct {
	text  string   // of a scalar, as JSON has it
	names []string // of an object's members, one for each of kids
	kids  []*tree
	list  bool
}

func readTree(raw jsontext.Value) *tree {
	t := &tree{}
	switch raw.Kind() {
	case '{':
		d := jsontext.NewDecoder(strings.NewReader(string(raw)))
		t.names = []string{}
		_, _ = d.ReadToken()
		for d.PeekKind() != '}' {
			name, _ := d.ReadToken()
			t.names = append(t.names, name.String())
			x, _ := d.ReadValue()
			t.kids = append(t.kids, readTree(x.Clone()))
		}
	case '[':
		t.list = true
		for _, x := range elementsOf(raw) {
			t.kids = append(t.kids, readTree(x))
		}
	default:
		t.text = string(raw)
	}
	return t
}

func (t *tree) clone() *tree {
	c := *t
	c.names, c.kids = append([]string(nil), t.names...), nil
	if t.names != nil && c.names == nil {
		c.names = []string{}
	}
	for _, k := range t.kids {
		c.kids = append(c.kids, k.clone())
	}
	return &c
}

// all returns t and all below it.
func (t *tree) all() []*tree {
	list := []*tree{t}
	for _, k := range t.kids {
		list = append(list, k.all()...)
	}
	return list
}

// write writes a tree. With noise there are spaces between the tokens and
// escapes in the strings, which change nothing.
func (t *tree) write(b *strings.Builder, r *rand.Rand, noise bool) {
	space := func() {
		if noise && r.IntN(4) == 0 {
			b.WriteString([]string{" ", "\t", " \n ", "\r"}[r.IntN(4)])
		}
	}
	space()
	switch {
	case t.list || t.names != nil:
		open, end := "[", "]"
		if !t.list {
			open, end = "{", "}"
		}
		b.WriteString(open)
		for i, k := range t.kids {
			if i > 0 {
				b.WriteString(",")
			}
			if !t.list {
				space()
				b.WriteString(quote(t.names[i], r, noise))
				space()
				b.WriteString(":")
			}
			k.write(b, r, noise)
		}
		space()
		b.WriteString(end)
	case t.text[0] == '"':
		b.WriteString(quote(jsonString(jsontext.Value(t.text)), r, noise))
	default:
		b.WriteString(t.text)
	}
	space()
}

func quote(s string, r *rand.Rand, noise bool) string {
	q := fmt.Sprintf("%q", s)
	if raw, err := jsontext.AppendQuote(nil, s); err == nil {
		q = string(raw)
	}
	if noise && s != "" && s[0] < 0x80 && q[1] == s[0] && r.IntN(6) == 0 {
		q = fmt.Sprintf(`"\u%04x%s`, s[0], q[2:])
	}
	return q
}

// bend changes a tree in one of the ways in which resources are wrong.
func (t *tree) bend(r *rand.Rand) {
	all := t.all()
	x := all[r.IntN(len(all))]
	if t.names != nil && (x == t && r.IntN(8) > 0 || r.IntN(4) == 0) {
		t.bendObject(r, all)
		return
	}
	odd := []string{
		`null`, `true`, `1.50`, `"x"`, `"http://loinc.org"`, `"Patient/7"`, `"Patient/7/x"`, `"Patient/7#x"`, `"Patient/7?x"`, `"patient2/7"`,
		`"Patient/"`, `"https://ehr.example/r4/Patient/7"`, `"https://else.example/Patient/7"`, `"Patient/7/_history/1"`, `"Observation/Patient/8"`,
	}
	switch n := r.IntN(10); {
	case n == 0:
		*x = tree{text: odd[r.IntN(len(odd))]}
	case n == 1:
		*x = tree{list: true}
	case n == 2:
		*x = tree{names: []string{}}
	case n == 3:
		*x = tree{list: true, kids: []*tree{x.clone()}}
	case n == 4:
		*x = tree{list: true, kids: []*tree{{text: "null"}, x.clone(), all[r.IntN(len(all))].clone()}}
	case n == 5 && x.list:
		x.kids = append([]*tree{{text: odd[r.IntN(len(odd))]}}, x.kids...)
	case n == 6 && x.list && len(x.kids) > 0:
		x.kids = append(x.kids, x.kids[0].clone())
	case n == 7 && x.list && len(x.kids) > 0:
		*x = *x.kids[0]
	case x.names != nil:
		x.bendObject(r, all)
	}
}

// rename gives a member another name, if it is free.
func (t *tree) rename(i int, name string) {
	if !slices.Contains(t.names, name) {
		t.names[i] = name
	}
}

// bendObject shuffles an object's members, drops one, adds one or renames one.
func (t *tree) bendObject(r *rand.Rand, all []*tree) {
	switch n := r.IntN(6); {
	case n == 5:
		for i, name := range t.names { // another member of the choice, or none
			if strings.HasPrefix(name, "value") {
				t.rename(i, []string{"value", "valueQuantity", "valueString", "valueCodeableConcept", "Value"}[r.IntN(5)])
				return
			}
		}
	case n == 0 && len(t.kids) > 0:
		i := r.IntN(len(t.kids))
		t.names, t.kids = append(t.names[:i:i], t.names[i+1:]...), append(t.kids[:i:i], t.kids[i+1:]...)
	case n == 1:
		r.Shuffle(len(t.kids), func(i, j int) {
			t.names[i], t.names[j] = t.names[j], t.names[i]
			t.kids[i], t.kids[j] = t.kids[j], t.kids[i]
		})
	default:
		names := strings.Fields(`value valueQuantity valueString valueCodeableConcept valueBoolean effective effectiveDateTime effectivePeriod
			onsetDateTime code coding reference id resourceType subject meta extension _status text system`)
		name := names[r.IntN(len(names))]
		if n == 2 && len(t.kids) > 0 {
			t.rename(r.IntN(len(t.kids)), name)
			return
		}
		if slices.Contains(t.names, name) {
			return
		}
		i := r.IntN(len(t.kids) + 1)
		t.names = append(t.names[:i:i], append([]string{name}, t.names[i:]...)...)
		t.kids = append(t.kids[:i:i], append([]*tree{all[r.IntN(len(all))].clone()}, t.kids[i:]...)...)
	}
}
