package sqlonfhir_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/google/go-cmp/cmp"
)

// cell is a value as a test sees it.
type cell struct {
	Kind    sqlonfhir.Kind
	Text    string
	RefType string
	Items   []cell
}

func cellOf(v sqlonfhir.Value) cell {
	c := cell{Kind: v.Kind, Text: string(v.Text), RefType: string(v.RefType)}
	for _, x := range v.Items {
		c.Items = append(c.Items, cellOf(x))
	}
	return c
}

// rowsOf evaluates the first view of a program over a line.
func rowsOf(t *testing.T, p *sqlonfhir.Program, line string) [][]cell {
	t.Helper()
	r := p.NewRunner()
	if err := r.Load([]byte(line)); err != nil {
		t.Fatal(err)
	}
	var rows [][]cell
	err := r.Rows(0, func(row []sqlonfhir.Value) error {
		var cells []cell
		for _, v := range row {
			cells = append(cells, cellOf(v))
		}
		rows = append(rows, cells)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestValuesStayAsTheyWereSent(t *testing.T) {
	tests := []struct {
		path string
		want cell
	}{
		{"a", cell{Kind: sqlonfhir.Decimal, Text: "1.500"}},
		{"b", cell{Kind: sqlonfhir.Decimal, Text: "1E3"}},
		{"c", cell{Kind: sqlonfhir.Integer, Text: "-0"}},
		{"d", cell{Kind: sqlonfhir.Decimal, Text: "0.1234567890123456789012345"}},
		{"e", cell{Kind: sqlonfhir.String, Text: "O'Hara \"x\" ü\n"}},
		{"f", cell{Kind: sqlonfhir.Boolean, Text: "false"}},
		{"g", cell{}},
		{"missing", cell{}},
		{"h", cell{Kind: sqlonfhir.Complex, Text: `{ "x" : [1, {"y":2}] }`}},
		{"h.x.first()", cell{Kind: sqlonfhir.Integer, Text: "1"}},
		{"h.x[1].y", cell{Kind: sqlonfhir.Integer, Text: "2"}},
		{"i", cell{Kind: sqlonfhir.String, Text: "2012-05"}},
		{"id.exists()", cell{Kind: sqlonfhir.Boolean, Text: "true"}},
		{"a + 0.5", cell{Kind: sqlonfhir.Decimal, Text: "2.000"}},
		{"6 / 2", cell{Kind: sqlonfhir.Integer, Text: "3"}},
		{"'it''s'", cell{}},
		{`'it\\'s'`, cell{Kind: sqlonfhir.String, Text: "it's"}},
		{"'\\\\u00fc'", cell{Kind: sqlonfhir.String, Text: "ü"}},
		{"r.getReferenceKey()", cell{Kind: sqlonfhir.String, Text: "7", RefType: "Device"}},
		{"getResourceKey()", cell{Kind: sqlonfhir.String, Text: "p", RefType: "Patient"}},
		{"`k-x`", cell{Kind: sqlonfhir.Integer, Text: "1"}},
		{"esc", cell{Kind: sqlonfhir.Integer, Text: "8"}},
		{"l.iif(x, 'yes', 'no')", cell{Kind: sqlonfhir.String, Text: "no"}},
		{"h.x.where($this = 1) // one", cell{Kind: sqlonfhir.Integer, Text: "1"}},
		{"@2012-05 = i", cell{Kind: sqlonfhir.Boolean, Text: "true"}},
		{"@2012-05-01T10:00:00+02:00 < @2012-05-01T08:30:00Z", cell{Kind: sqlonfhir.Boolean, Text: "true"}},
		{"@T10:30 > @T10:00", cell{Kind: sqlonfhir.Boolean, Text: "true"}},
	}
	line := `{"resourceType":"Patient","id":"p","a":1.500,"b":1E3,"c":-0,"d":0.1234567890123456789012345,"e":"O'Hara \"x\" \u00fc\n",
		"f":false,"g":null,"h":{ "x" : [1, {"y":2}] },"i":"2012-05","r":{"reference":"Device/7"},"k-x":1,"e\u0073c":8,"l":[{"x":false}]}`
	for _, tt := range tests {
		v, err := sqlonfhir.Parse([]byte(withColumn(tt.path)))
		if tt.path == "'it''s'" {
			if err == nil {
				t.Errorf("%s was accepted", tt.path)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		p, err := sqlonfhir.Compile(v)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]cell{{tt.want}}, rowsOf(t, p, line)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.path, diff)
		}
	}
}

func TestEvaluationErrorsNameViewAndPlace(t *testing.T) {
	tests := []struct{ view, column, place, reason string }{
		{withColumn("name.family"), "a", "select[0].column[0].path", sqlonfhir.ReasonManyValues},
		{withColumn("name.family + 'x'"), "a", "select[0].column[0].path", sqlonfhir.ReasonManyValues},
		{withColumn("id + 1"), "a", "select[0].column[0].path", sqlonfhir.ReasonIncomparable},
		{withColumn("name[0] > 1"), "a", "select[0].column[0].path", sqlonfhir.ReasonIncomparable},
		{withColumn("name.join()"), "a", "select[0].column[0].path", sqlonfhir.ReasonIncomparable},
		{withColumn("name['x']"), "a", "select[0].column[0].path", sqlonfhir.ReasonIncomparable},
		{withColumn("true.lowBoundary()"), "a", "select[0].column[0].path", sqlonfhir.ReasonIncomparable},
		{`{"resource":"Patient","name":"v","where":[{"path":"true"},{"path":"id"}],"select":[{"column":[{"name":"a","path":"id"}]}]}`, "", "where[1].path", sqlonfhir.ReasonNotBoolean},
		{`{"resource":"Patient","name":"v","where":[{"path":"name.family"}],"select":[{"column":[{"name":"a","path":"id"}]}]}`, "", "where[0].path", sqlonfhir.ReasonManyValues},
		{`{"resource":"Patient","name":"v","select":[{"forEach":"name[name]","column":[{"name":"a","path":"id"}]}]}`, "", "select[0].forEach", sqlonfhir.ReasonManyValues},
		{`{"resource":"Patient","name":"v","select":[{"repeat":["%resource"],"column":[{"name":"a","path":"1"}]}]}`, "", "select[0]", sqlonfhir.ReasonTooDeep},
		{`{"resource":"Patient","name":"v","select":[{"repeat":["$this","$this"],"column":[{"name":"a","path":"1"}]}]}`, "", "select[0]", sqlonfhir.ReasonTooDeep},
		{manyRows(), "", "", sqlonfhir.ReasonTooManyRows},
	}
	for _, tt := range tests {
		r := mustProgram(t, tt.view).NewRunner()
		if err := r.Load([]byte(`{"resourceType":"Patient","id":"p","name":[{"family":"a"},{"family":"b"}]}`)); err != nil {
			t.Fatal(err)
		}
		err := r.Rows(0, func([]sqlonfhir.Value) error { return nil })
		got, ok := errors.AsType[*sqlonfhir.EvalError](err)
		if !ok {
			t.Errorf("%.100s: Rows = %v, want an EvalError", tt.view, err)
			continue
		}
		want := sqlonfhir.EvalError{View: "v", Column: tt.column, Place: tt.place, Reason: tt.reason}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%.100s (-want +got):\n%s", tt.view, diff)
		}
	}
}

// manyRows is a view of 2^21 rows of a patient with two names.
func manyRows() string {
	var b strings.Builder
	b.WriteString(`{"resource":"Patient","name":"v","select":[{"column":[{"name":"a","path":"id"}]}`)
	b.WriteString(strings.Repeat(`,{"forEach":"name"}`, 21))
	b.WriteString(`]}`)
	return b.String()
}

func TestLoadTellsWhatEveryResourceHas(t *testing.T) {
	tests := []struct{ line, typ, id, updated string }{
		{`{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2020-01-01T00:00:00Z"}}`, "Patient", "1", "2020-01-01T00:00:00Z"},
		{`{"resourceType":"Patient"}`, "Patient", "nil", "nil"},
		{`{"resourceType":1,"id":{},"meta":[]}`, "nil", "nil", "nil"},
		{`{"resourceType":"","id":"","meta":{"lastUpdated":""}}`, "", "", ""},
		{`[1,{"resourceType":"Patient"}]`, "nil", "nil", "nil"},
		{`"Patient"`, "nil", "nil", "nil"},
		{`{"contained":[{"resourceType":"Patient","id":"1"}]}`, "nil", "nil", "nil"},
	}
	show := func(b []byte) string {
		if b == nil {
			return "nil"
		}
		return string(b)
	}
	r := mustProgram(t).NewRunner()
	if len(mustProgram(t).Views()) != 0 {
		t.Error("a program without views has views")
	}
	for _, tt := range tests {
		if err := r.Load([]byte(tt.line)); err != nil {
			t.Errorf("Load(%s) = %v", tt.line, err)
		}
		got := []string{show(r.ResourceType()), show(r.ID()), show(r.LastUpdated())}
		if diff := cmp.Diff([]string{tt.typ, tt.id, tt.updated}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.line, diff)
		}
	}
}

func TestARunnerHoldsNothingAfterABadLine(t *testing.T) {
	r := mustProgram(t, withColumn("id")).NewRunner()
	if err := r.Load([]byte(`{"resourceType":"Patient","id":"1"}`)); err != nil {
		t.Fatal(err)
	}
	_, ok := errors.AsType[*tape.SyntaxError](r.Load([]byte(`{"resourceType":"Patient","id":"2"`)))
	if !ok || r.ResourceType() != nil || r.ID() != nil {
		t.Errorf("after a bad line the runner has %q %q (%t)", r.ResourceType(), r.ID(), ok)
	}
	err := r.Rows(0, func([]sqlonfhir.Value) error { return errors.New("a row") })
	if err != nil {
		t.Errorf("Rows = %v, want no rows", err)
	}
}

func TestManyViewsShareOnePass(t *testing.T) {
	other := `{"resource":"Patient","select":[{"forEach":"name","column":[{"name":"f","path":"family"},{"name":"n","path":"%rowIndex"}]}]}`
	p := mustProgram(t, withColumn("id"), other)
	r := p.NewRunner()
	if err := r.Load([]byte(`{"resourceType":"Patient","id":"1","name":[{"family":"a"},{"family":"b"}]}`)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, view := range []int{1, 0, 1} {
		err := r.Rows(view, func(row []sqlonfhir.Value) error {
			for _, v := range row {
				got = append(got, string(v.Text))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"a", "0", "b", "1", "1", "a", "0", "b", "1"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestViewsOfTwoTypesDoNotCompileTogether(t *testing.T) {
	a, err := sqlonfhir.Parse([]byte(withColumn("id")))
	if err != nil {
		t.Fatal(err)
	}
	b, err := sqlonfhir.Parse([]byte(strings.Replace(withColumn("id"), "Patient", "Group", 1)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlonfhir.Compile(a, b)
	if e, ok := errors.AsType[*sqlonfhir.DefinitionError](err); !ok || e.Place != "resource" {
		t.Errorf("Compile = %v", err)
	}
}

func TestRunNamesTheLine(t *testing.T) {
	view, err := sqlonfhir.Parse([]byte(withColumn("name.family")))
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	tests := []struct {
		ndjson string
		emit   error
		rows   int
		want   string
	}{
		{"", nil, 0, "<nil>"},
		{"{\"resourceType\":\"Patient\"}\r\n\n{\"resourceType\":\"Patient\"}", nil, 2, "<nil>"},
		{"{\"resourceType\":\"Patient\"}\n{\n", nil, 1, "line 2: invalid JSON at byte 2: truncated"},
		{`{"resourceType":"Patient","name":[{"family":"a"},{"family":"b"}]}`, nil, 0, "line 1: evaluate view v: select[0].column[0].path: many_values"},
		{`{"resourceType":"Patient"}`, stop, 1, "enough"},
	}
	for _, tt := range tests {
		rows := 0
		err := sqlonfhir.Run(view, strings.NewReader(tt.ndjson), func(int, []sqlonfhir.Value) error { rows++; return tt.emit })
		if got := fmt.Sprint(err); got != tt.want || rows != tt.rows {
			t.Errorf("Run(%q) = %s with %d rows, want %s with %d", tt.ndjson, got, rows, tt.want, tt.rows)
		}
	}
	broken := io.MultiReader(strings.NewReader("\n"), errorReader{})
	if err := sqlonfhir.Run(view, broken, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Run = %v, want the reader's error", err)
	}
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestExpressionsOfAnyLengthCompileInReasonableTime(t *testing.T) {
	for _, step := range []string{"extension.", "extension.value.", "value.extension.", "extension('u').value.", "first().", "iif(a, b).", "iif(a, b, c).", "iif(a, b, c).value."} {
		p := mustProgram(t, withColumn(strings.Repeat(step, 500)+"exists()"))
		want := [][]cell{{{Kind: sqlonfhir.Boolean, Text: "false"}}}
		if diff := cmp.Diff(want, rowsOf(t, p, `{"resourceType":"Patient"}`)); !strings.HasPrefix(step, "first") && diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
}
