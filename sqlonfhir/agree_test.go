package sqlonfhir

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// rows evaluates a view with the oracle. Rows are texts; the error says
// whether the evaluation failed after them.
func (o *oracle) rows(v *View, line []byte) (rows []string, err error) {
	o.root, o.resource = treeOf(line)[0], v.Resource
	in := scope{o.root, v.Resource}
	for _, w := range v.where {
		x, err := o.single(w.syntax, in)
		if err != nil || x != nil && x.n.kind != kindBoolean {
			return nil, errOracle
		}
		if x == nil || x.n.text != "true" {
			return nil, nil
		}
	}
	row := make([]string, len(v.columns))
	err = o.product(v.selects, in, 0, row, func() error {
		rows = append(rows, strings.Join(row, " | "))
		return nil
	})
	return rows, err
}

// product runs selects one inside the other.
func (o *oracle) product(selects []*selectDefinition, in scope, index int, row []string, then func() error) error {
	if len(selects) == 0 {
		return then()
	}
	return o.foci(selects[0], in, index, row, func() error { return o.product(selects[1:], in, index, row, then) })
}

func (o *oracle) foci(s *selectDefinition, in scope, index int, row []string, then func() error) error {
	o.rowIndex = index
	var foci []scope
	var err error
	switch s.iteration {
	case once:
		return o.at(s, in, index, row, then)
	case repeat:
		foci, err = o.descendants(s, in, 0)
	default:
		foci, err = o.eval(s.paths[0].syntax, in)
	}
	if err != nil {
		return err
	}
	for i, x := range foci {
		if err := o.at(s, x, i, row, then); err != nil {
			return err
		}
	}
	if len(foci) > 0 || s.iteration != forEachOrNull {
		return nil
	}
	if err := o.nulls(s.allColumns(), row); err != nil {
		return err
	}
	return then()
}

// nulls makes the row of nothing, in which only %rowIndex says something.
func (o *oracle) nulls(columns []columnDefinition, row []string) error {
	o.rowIndex = 0
	for _, c := range columns {
		row[c.slot] = "null"
		if !c.syntax.usesRowIndex() || c.syntax.readsFocus() {
			continue
		}
		if err := o.column(c, scope{&node{}, ""}, row); err != nil {
			return err
		}
	}
	return nil
}

func (o *oracle) column(c columnDefinition, in scope, row []string) error {
	list, err := o.eval(c.syntax, in)
	if err != nil || len(list) > 1 && !c.Collection {
		return errOracle
	}
	var texts []string
	for _, x := range list {
		texts = append(texts, show(x.n.kind, x.n.text, x.n.ref))
	}
	row[c.slot] = strings.Join(texts, ",")
	if c.Collection {
		row[c.slot] = "[" + row[c.slot] + "]"
	} else if len(list) == 0 {
		row[c.slot] = "null"
	}
	return nil
}

func (o *oracle) descendants(s *selectDefinition, in scope, depth int) (all []scope, err error) {
	if depth > tape.MaxDepth {
		return nil, errOracle
	}
	for _, p := range s.paths {
		list, err := o.eval(p.syntax, in)
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			below, err := o.descendants(s, x, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(append(all, x), below...)
		}
	}
	return all, nil
}

func (o *oracle) at(s *selectDefinition, in scope, index int, row []string, then func() error) error {
	o.rowIndex = index
	for _, c := range s.columns {
		if err := o.column(c, in, row); err != nil {
			return err
		}
	}
	if len(s.branches) == 0 {
		return o.product(s.selects, in, index, row, then)
	}
	return o.product(s.selects, in, index, row, func() error {
		for _, b := range s.branches {
			if err := o.foci(b, in, index, row, then); err != nil {
				return err
			}
		}
		return nil
	})
}

func show(kind itemKind, text, ref string) string {
	if kind == kindNumber {
		text = rat(text).FloatString(20)
	}
	return fmt.Sprintf("%d:%s:%s", kind, text, ref)
}

func showValue(v Value) string {
	switch v.Kind {
	case Null:
		return "null"
	case Collection:
		var texts []string
		for _, x := range v.Items {
			texts = append(texts, showValue(x))
		}
		return "[" + strings.Join(texts, ",") + "]"
	}
	kind := map[Kind]itemKind{Boolean: kindBoolean, Integer: kindNumber, Decimal: kindNumber, String: kindString, Complex: kindObject}[v.Kind]
	return show(kind, string(v.Text), string(v.RefType))
}

// agree evaluates a view in both ways over a line.
func agree(t *testing.T, definition string, line []byte) (rows int, failed bool) {
	v, err := Parse([]byte(definition))
	if err != nil {
		t.Fatalf("%v in %s", err, definition)
	}
	p, err := Compile(v)
	if err != nil {
		t.Fatal(err)
	}
	want, wantErr := (&oracle{}).rows(v, line)
	r := p.NewRunner()
	if err := r.Load(line); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	var got []string
	gotErr := r.Rows(0, func(row []Value) error {
		var cells []string
		for _, x := range row {
			cells = append(cells, showValue(x))
		}
		got = append(got, strings.Join(cells, " | "))
		return nil
	})
	if wantErr != nil && !errors.Is(wantErr, errOracle) {
		t.Fatal(wantErr)
	}
	if diff := cmp.Diff(want, got); diff != "" || (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("view %s\nline %s\noracle %v, runner %v; rows (-oracle +runner):\n%s", definition, line, wantErr, gotErr, diff)
	}
	return len(got), gotErr != nil
}

// A maker makes views and resources at random.
type maker struct{ *rand.Rand }

func (m maker) of(words ...string) string { return words[m.IntN(len(words))] }

func (m maker) name() string { return m.of("a", "b", "c", "value", "birthDate", "ref", "extension") }

// path makes an expression.
func (m maker) path(depth int) string {
	var p strings.Builder
	p.WriteString(m.of("a", "b", "c", "value", "ref", "birthDate", "a.b", "a.b.first()", "a.where(b = 'x')", "$this", "%resource", "Patient.a", "extension('u')", "component", "component.value",
		"coalesce(a.b, c)", "value.ofType(string)", "period"))
	for range m.IntN(4) {
		p.WriteString(m.step(depth))
	}
	return p.String()
}

func (m maker) step(depth int) string {
	switch n := m.IntN(14); {
	case n >= 12:
		return m.scalar(depth)
	case n < 5:
		return "." + m.name()
	case n < 7:
		return m.of(".first()", ".last()", "[0]", "[1]", "[-1]", "[3 mod 2]", "[b / 2]", ".ofType(string)", ".ofType(Quantity)", ".ofType(boolean)")
	case n < 9 && depth > 0:
		return m.of(".where(", ".exists(") + m.criterion(depth-1) + ")"
	case n == 9 && depth > 0:
		return ".iif(" + m.criterion(depth-1) + ", " + m.path(depth-1) + ", " + m.path(depth-1) + ")"
	case n == 10:
		return m.of(".exists()", ".empty()", ".count()", ".join('-')", ".not()")
	}
	return m.of(".getReferenceKey()", ".getReferenceKey(Patient)", ".getResourceKey()", ".extension('u')", ".value.ofType(string)", ".value.ofType(string).extension('u')", ".b.extension.value")
}

// scalar makes a step of a function of one value, or of select.
func (m maker) scalar(depth int) string {
	if depth > 0 && m.IntN(3) == 0 {
		return ".select(" + m.path(depth-1) + ")"
	}
	return m.of(".toString()", ".lower()", ".upper()", ".trim()", ".length()", ".substring(1)", ".substring(a, 1)", ".indexOf('0')",
		".startsWith('x')", ".endsWith(b)", ".contains('-')", ".replace('x', 'yy')", ".replace(a, '')", ".matches('^[x2]')",
		".replaceMatches('[0-9]+', '<$0>')", ".duration(@2021-02-03, 'month')", ".difference(birthDate, 'day')",
		".duration(@2020-03-01T00:00:00Z, 'minute')", ".lowBoundary()", ".highBoundary()", ".coalesce(a, b)")
}

func (m maker) criterion(depth int) string {
	if depth > 0 && m.IntN(3) == 0 {
		return "(" + m.criterion(depth-1) + m.of(" and ", " or ", " xor ", " implies ") + m.criterion(depth-1) + ")"
	}
	right := m.of("'x'", "1", "1.0", "true", "@2020", "$this", m.path(0), "%rowIndex", "2 * 0.5", "'x' & b",
		"{}", "-1 div 2", "7 mod a", "coalesce(b, 'x')", "@2020-01-01T00:00:00Z")
	return m.path(depth) + m.of(" = ", " = ", " != ", " < ", " > ", " <= ", " >= ") + right
}

func (m maker) columns(prefix string, n int) string {
	start, list := m.path(1), []string{}
	for i := range n {
		path := m.path(2)
		if m.IntN(2) == 0 {
			path = start + m.step(1)
		}
		switch m.IntN(12) {
		case 0, 1:
			path = m.criterion(1)
		case 2:
			path = m.of("%rowIndex", "%rowIndex + 1", "%resource.a[%rowIndex]", "iif(%rowIndex = 0, b, %rowIndex)")
		}
		list = append(list, fmt.Sprintf(`{"name":"%s%d","path":%q,"collection":%t}`, prefix, i, path, m.IntN(8) > 0))
	}
	return `"column":[` + strings.Join(list, ",") + `]`
}

func (m maker) selection(prefix string, depth int) string {
	var b strings.Builder
	b.WriteString("{" + m.columns(prefix, 1+m.IntN(3)))
	switch m.IntN(5) {
	case 0, 1:
		fmt.Fprintf(&b, `,%q:%q`, m.of("forEach", "forEachOrNull"), m.path(1))
	case 2:
		b.WriteString(`,"repeat":["a","b.a"]`)
	}
	if depth > 0 && m.IntN(2) == 0 {
		b.WriteString(`,"select":[` + m.selection(prefix+"s", depth-1) + `]`)
	}
	if depth > 0 && m.IntN(3) == 0 {
		n := 1 + m.IntN(2)
		b.WriteString(`,"unionAll":[{` + m.sameColumns(prefix, n) + `},{"forEachOrNull":"a",` + m.sameColumns(prefix, n) + `}]`)
	}
	return b.String() + "}"
}

func (m maker) sameColumns(prefix string, n int) string {
	list := []string{}
	for i := range n {
		list = append(list, fmt.Sprintf(`{"name":"%su%d","path":%q,"collection":true}`, prefix, i, m.path(1)))
	}
	return `"column":[` + strings.Join(list, ",") + `]`
}

// view makes a view of a size from 0.
func (m maker) view(size int) string {
	if size == 0 {
		return `{"resource":"Patient","select":[{` + m.columns("x", 1) + `}]}`
	}
	return `{"resource":"Patient","where":[{"path":"` + m.of("true", "true", "a.exists()", "true.not()") + `"}],"select":[` +
		m.selection("x", size) + "," + m.selection("y", size-1) + `]}`
}

// value makes the text of a JSON value.
func (m maker) value(depth int) string {
	switch n := m.IntN(10); {
	case n < 4 && depth > 0:
		return m.object(depth-1, "")
	case n < 6 && depth > 0:
		list := []string{}
		for range m.IntN(4) {
			list = append(list, m.value(depth-1))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	return m.of(`"x"`, `"y\u0020"`, `1`, `1.0`, `-2.50`, `true`, `false`, `null`, `"2020"`, `"2020-01-01"`, `"2020-01-01T00:00:00Z"`)
}

func (m maker) object(depth int, start string) string {
	members := []string{}
	if start != "" {
		members = append(members, start)
	}
	for _, name := range []string{"a", "b", "c", "birthDate", m.of("value", "valueString", "valueQuantity", "valueBoolean")} {
		if m.IntN(2) == 0 {
			members = append(members, fmt.Sprintf("%q:%s", name, m.value(depth)))
		}
	}
	if depth > 0 && m.IntN(3) == 0 {
		members = append(members, `"_a":{"extension":[{"url":"u","valueString":"beside"}]}`, `"_b":[null,{"extension":[{"url":"v","valueCode":"c"}]}]`, `"_valueString":{"extension":[{"url":"u","valueBoolean":true}]}`, `"extension":[{"url":"u","valueString":"e"},{"url":"v","extension":[{"url":"u"}]}]`, `"component":[{"valueString":"s"},{"valueQuantity":{"value":1}}]`)
	}
	if m.IntN(4) == 0 {
		members = append(members, `"period":{"start":"2020-02","end":"2020-02-03T10:00:00+01:00"}`)
	}
	if m.IntN(3) == 0 {
		members = append(members, `"ref":[{"reference":"Patient/1"},{"reference":"Group/2"},{"reference":"#x"},{}]`)
	}
	m.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + strings.Join(members, ",") + "}"
}

func (m maker) resource(size int) []byte {
	line := jsontext.Value(m.object(2+size, `"resourceType":"Patient","id":"p"`))
	if !json.Valid(line) {
		panic(string(line))
	}
	return line
}

func TestTheCompiledFormAgreesWithThePlainEvaluator(t *testing.T) {
	rows, failures := 0, 0
	for seed := range uint64(3000) {
		m, size := maker{rand.New(rand.NewPCG(seed, 1))}, int(seed/1000)
		n, failed := agree(t, m.view(size), m.resource(size))
		rows += n
		if failed {
			failures++
		}
	}
	if rows < 500 || failures < 30 || failures > 1000 {
		t.Errorf("%d rows and %d failed evaluations say little", rows, failures)
	}
}

func FuzzAgreement(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		m := maker{rand.New(rand.NewPCG(a, b))}
		agree(t, m.view(int(a%3)), m.resource(int(b%3)))
	})
}
