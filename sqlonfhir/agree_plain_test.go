package sqlonfhir

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// A pair is the same views compiled with plain paths and without.
type pair struct {
	views          []*View
	also           func(*tape.Shape)
	plain, general *Runner
}

func newPair(t *testing.T, also func(*tape.Shape), definitions ...string) *pair {
	t.Helper()
	p := &pair{also: also}
	for _, d := range definitions {
		v, err := Parse([]byte(d))
		if err != nil {
			t.Fatalf("%v in %s", err, d)
		}
		p.views = append(p.views, v)
	}
	for _, plain := range []bool{true, false} {
		program, err := CompileWith(Options{Views: p.views, General: !plain, Also: p.also})
		if err != nil {
			t.Fatal(err)
		}
		r := program.NewRunner()
		r.Rooted("https://ehr.example/r4")
		if plain {
			p.plain = r
		} else {
			p.general = r
		}
	}
	return p
}

// agree holds the two against each other over a line, and counts rows.
func (p *pair) agree(t *testing.T, line []byte) (rows, failures int) {
	t.Helper()
	for _, r := range []*Runner{p.plain, p.general} {
		if err := r.Load(line); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
	}
	for i, v := range p.views {
		want, wantErr := rowsOf(p.general, i)
		got, gotErr := rowsOf(p.plain, i)
		if diff := cmp.Diff(want, got); diff != "" || fmt.Sprint(wantErr) != fmt.Sprint(gotErr) {
			t.Fatalf("view %s of %s\nline %s\ngeneral %v, plain %v; rows (-general +plain):\n%s", v.Name, columnsOf(v), line, wantErr, gotErr, diff)
		}
		rows += len(got)
		if gotErr != nil {
			failures++
		}
	}
	return rows, failures
}

func rowsOf(r *Runner, view int) (rows []string, err error) {
	err = r.Rows(view, func(row []Value) error {
		var cells []string
		for _, x := range row {
			cells = append(cells, fmt.Sprint(x.Kind, x.Text == nil, x.RefType == nil)+showValue(x))
		}
		if rows = append(rows, strings.Join(cells, " | ")); len(rows) > 200 {
			return errors.New("enough")
		}
		return nil
	})
	return rows, err
}

func columnsOf(v *View) string {
	var paths []string
	for _, c := range v.columns {
		paths = append(paths, c.Path)
	}
	return strings.Join(paths, "; ")
}

// testLines returns up to most lines of our own resources of a type, and when
// the shared set is there, of its.
func testLines(tb testing.TB, resourceType string, most int) (lines [][]byte) {
	tb.Helper()
	if f, err := os.Open(filepath.Join("..", "internal", "views", "testdata", resourceType+".ndjson")); err == nil {
		lines = append(lines, readLines(tb, f, most)...)
		f.Close()
	}
	if f, err := os.Open(filepath.Join("..", "..", "shared", "datasets", "synthea-100", resourceType+".ndjson.gz")); err == nil {
		z, err := gzip.NewReader(f)
		if err != nil {
			tb.Fatal(err)
		}
		lines = append(lines, readLines(tb, z, most)...)
		f.Close()
	}
	return lines
}

func readLines(tb testing.TB, r io.Reader, most int) (lines [][]byte) {
	tb.Helper()
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<24)
	for len(lines) < most && s.Scan() {
		lines = append(lines, bytes.Clone(s.Bytes()))
	}
	if s.Err() != nil {
		tb.Fatal(s.Err())
	}
	return lines
}

// builtIn returns the built-in views by their resource types.
func builtIn(tb testing.TB) map[string][]string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("..", "internal", "views", "r4", "*.json"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no built-in views: %v", err)
	}
	views := map[string][]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		var head struct{ Resource string }
		if err := json.Unmarshal(text, &head); err != nil {
			tb.Fatal(err)
		}
		views[head.Resource] = append(views[head.Resource], string(text))
	}
	return views
}

func TestTheBuiltInViewsGiveTheRowsOfTheirGeneralForm(t *testing.T) {
	rows := 0
	for resourceType, definitions := range builtIn(t) {
		p := newPair(t, nil, definitions...)
		r := rand.New(rand.NewPCG(1, uint64(len(resourceType))))
		for _, line := range testLines(t, resourceType, 20) {
			n, _ := p.agree(t, line)
			rows += n
			whole := readTree(jsontext.Value(line))
			for range 8 {
				bent := whole.clone()
				for range 1 + r.IntN(5) {
					bent.bend(r)
				}
				p.agree(t, textOf(bent, r))
			}
		}
	}
	if rows < 100 {
		t.Errorf("%d rows say little", rows)
	}
}

func textOf(t *tree, r *rand.Rand) []byte {
	var b strings.Builder
	t.write(&b, r, r.IntN(2) == 0)
	return []byte(b.String())
}

// plainMaker makes views of Observations whose columns are mostly plain.
type plainMaker struct{ *rand.Rand }

func (m plainMaker) of(words string) string {
	list := strings.Split(words, "|")
	return list[m.IntN(len(list))]
}

// path makes a path from the resource: a start, and how it may go on.
func (m plainMaker) path() string {
	pick := func() string { return m.of("|||.first()|[0]") }
	switch m.IntN(12) {
	case 0:
		return m.of("id|status|issued|resourceType|%resource.id|Observation.status|$this.status|meta.lastUpdated|meta.profile.first()|language|_status.id|extension.url|extension.first().url|text.div")
	case 1:
		return m.of("getResourceKey()|Observation.getResourceKey()|%resource.getResourceKey()|id.getResourceKey()|contained.first().getResourceKey()")
	case 2, 3:
		return m.of("subject|encounter|performer|hasMember|focus|Observation.subject|component.subject|%resource.subject") + pick() +
			m.of(".getReferenceKey()|.getReferenceKey(Patient)|.getReferenceKey(Practitioner)|.reference|.display")
	case 4, 5, 6:
		return m.choice() + pick()
	case 7:
		return m.of("code|category|valueCodeableConcept|component.code|bodySite|method") + pick() + m.of(".text|.coding"+pick()+"|.coding.where(system = 'http://loinc.org')"+pick()+".code"+pick())
	}
	return m.of("code|category|interpretation|value.ofType(CodeableConcept)|component.code|component.first().code|component.value.ofType(CodeableConcept)") +
		pick() + ".coding" + pick() + m.of(".code|.system|.display|.first()") + pick()
}

func (m plainMaker) choice() string {
	owner := m.of("|||component.|component.first().|component[0].|%resource.|Observation.")
	switch m.IntN(4) {
	case 0:
		return owner + "value"
	case 1:
		return owner + "value.ofType(" + m.of("Quantity|CodeableConcept|Period|Range") + ")" + m.of("|.first()") + m.of(".value|.unit|.text|.start|.low.value|")
	case 2:
		return m.of("effective|effective.ofType(dateTime)|effective.ofType(Period).start|effective.ofType(Period)|effective.first()")
	}
	return owner + "value.ofType(" + m.of("string|boolean|integer|dateTime|time|Quantity|Reference|Patient") + ")"
}

// narrow makes a path that is filtered or projected where it has one value.
func (m plainMaker) narrow() string {
	start := m.of("status|_status|value.ofType(string)|value.ofType(Quantity)|value.ofType(CodeableConcept)|effective.ofType(Period)|value.ofType(string)|category.first()|code.coding.first()|performer.first()|component.first()|component.first().value.ofType(Quantity)|status.first()|component")
	within := func() string {
		return m.of("value|unit|text|coding.code|coding.first().code|code|$this|start|%resource.status|reference|getReferenceKey(Patient)|value.ofType(Quantity).unit|$this.value|first()|ofType(string)|Observation.status|iif(value.exists(), value, unit)|coalesce(text, code).first()|text.where($this = 'x')|code.coding.where(code = '8480-6').system|extension.url|%rowIndex|coding.select(code & system)|coding.select(%resource.status)|(value & ' ' & unit).trim()|value.first().toString()")
	}
	where := func() string {
		return ".where(" + within() + m.of(".exists()|.empty()| = 'mg'| = 'http://loinc.org'| > 1|.exists() and unit.exists()|") + ")"
	}
	return start + m.of("|.first()") + m.of(where()+"|") + m.of("|.first()|[0]") + m.of(where()+"||.coding.first()|.code|.extension.url|.ofType(string)|.ofType(Quantity)") +
		m.of(".select("+within()+")|.select("+within()+" & "+within()+")|.code|.text|.value.ofType(string)|.getReferenceKey()|") + m.of("|.first()|.where($this.exists())")
}

// column makes an expression of paths.
func (m plainMaker) column() string {
	switch m.IntN(17) {
	case 12, 13:
		return m.narrow()
	case 15:
		return m.path() + m.of(".extension.url|.extension('u').value|.last()|[1]|.where($this.exists()).last()|.join(',')|.toString()|.getReferenceKey().join(',')|.join(status)|.where(status > 1)|.not()")
	case 14:
		return "coalesce(" + m.narrow() + ", " + m.path() + ")"
	case 0:
		return m.path() + m.of(".exists()|.empty()|.count()|.exists().not()|.join('-')")
	case 1:
		return fmt.Sprintf("iif(%s.exists(), %s, %s)", m.path(), m.path(), m.path())
	case 2:
		return fmt.Sprintf("iif(%s.exists(), code, category)%s.coding%s.code", m.path(), m.of("|.first()"), m.of("|.first()"))
	case 3:
		return m.path() + m.of(" = | != | & | and | or ") + m.path()
	case 4:
		return m.path() + m.of(" = 'final'| = 1.5| > 3| <= '2024'| = true")
	case 5:
		path := strings.TrimPrefix(strings.TrimPrefix(m.path(), "%resource."), "$this.")
		return "where(" + m.path() + m.of(".exists()|.empty()| = 'final'") + ")." + path
	case 6:
		return m.path() + m.of(".lowBoundary()|.highBoundary()|.not()")
	}
	return m.path()
}

func (m plainMaker) columns(prefix string, n int) string {
	list := []string{}
	for i := range n {
		list = append(list, fmt.Sprintf(`{"name":"%s%d","path":%q,"collection":%t}`, prefix, i, m.column(), m.IntN(3) == 0))
	}
	return `"column":[` + strings.Join(list, ",") + `]`
}

// view makes a view; below a forEach the columns are made of the same paths,
// which then start elsewhere.
func (m plainMaker) view() string {
	selects := []string{"{" + m.columns("a", 1+m.IntN(4)) + "}"}
	for i := range m.IntN(3) {
		name := fmt.Sprintf("%c", 'b'+i)
		path := m.of("component|category|code.coding|$this|where(status.exists())|value.ofType(Quantity)|effective.ofType(Period)|" + m.path())
		branch := func() string {
			return fmt.Sprintf(`{%q:%q,%s}`, m.of("forEach|forEachOrNull"), path, m.columns(name, 2))
		}
		one := branch()
		if m.IntN(3) == 0 {
			one = fmt.Sprintf(`{"unionAll":[{%s},{%s}]}`, sameNames(m, name), sameNames(m, name))
		}
		selects = append(selects, one)
	}
	where := m.of("true|true|true|" + strings.ReplaceAll(m.path(), "|", "") + ".exists()")
	return fmt.Sprintf(`{"resource":"Observation","name":"v","where":[{"path":%q}],"select":[%s]}`, where, strings.Join(selects, ","))
}

func sameNames(m plainMaker, prefix string) string {
	focus := m.of(`"forEach":"value.ofType(Quantity)",|"forEach":"where(value.ofType(Quantity).empty())",|`)
	return focus + fmt.Sprintf(`"column":[{"name":"%sx","path":%q},{"name":"%sy","path":%q}]`, prefix, m.column(), prefix, m.column())
}

// madeObservation has all that the views of plainMaker ask for.
const madeObservation = `{"resourceType":"Observation","id":"o1","meta":{"versionId":"1","lastUpdated":"2025-03-04T05:06:07.891+00:00","profile":["p1","p2"],"tag":[{"system":"s","code":"c"}]},
"status":"final","_status":{"id":"x","extension":[{"url":"u","valueString":"b"}]},"statusString":"other","_language":{"extension":[{"url":"l"}]},"category":[{"coding":[{"system":"http://x","code":"laboratory","display":"Laboratory"},{"code":"lab2"}]},{"text":"second","coding":[{"code":"c3"}]}],
"code":{"coding":[{"system":"http://x","code":"c"},{"system":"http://loinc.org","code":"2345-7","display":"Glucose"}],"text":"Glucose"},
"subject":{"reference":"Patient/p1","display":"M"},"encounter":{"reference":"https://ehr.example/r4/Encounter/e1/_history/2"},"effectiveDateTime":"2025-03-04","issued":"2025-03-04T05:06:07.891+00:00",
"performer":[{"reference":"Practitioner/1"},{"reference":"#c"},{"reference":"https://other.example/Patient/2"}],"hasMember":[{"reference":"urn:uuid:1"},{"reference":"Observation/2"}],
"valueQuantity":{"value":1.50,"unit":"mg","code":"mg"},"interpretation":[{"coding":[{"code":"N"}]}],"contained":[{"resourceType":"Patient","id":"c"}],"extension":[{"url":"u","valueString":"e"},{"url":"v"}],
"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120,"unit":"mmHg"}},{"code":{"text":"t"},"valueCodeableConcept":{"text":"tt","coding":[{"code":"x"}]}},{"valueString":"s"}]}`

func agreePlainly(t *testing.T, a, b uint64) (rows, failures int) {
	r := rand.New(rand.NewPCG(a, b))
	m := plainMaker{r}
	also := []func(*tape.Shape){nil, nil, func(s *tape.Shape) { s.Root().All() }, func(s *tape.Shape) {
		s.Root().Member("code").All()
		s.Root().Under("component").First().Under("valueQuantity").Slot()
	}}[r.IntN(4)]
	p := newPair(t, also, m.view())
	whole := readTree(jsontext.Value(madeObservation))
	for range 6 {
		bent := whole.clone()
		for range r.IntN(8) {
			bent.bend(r)
		}
		n, f := p.agree(t, textOf(bent, r))
		rows, failures = rows+n, failures+f
	}
	return rows, failures
}

func TestPlainPathsGiveTheRowsOfTheirGeneralForm(t *testing.T) {
	rows, failures := 0, 0
	for seed := range uint64(800) {
		n, f := agreePlainly(t, seed, 7)
		rows, failures = rows+n, failures+f
	}
	if rows < 1000 || failures < 300 {
		t.Errorf("%d rows and %d failed evaluations say little", rows, failures)
	}
}

func FuzzCompiledAgrees(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { agreePlainly(t, a, b) })
}
