package truth

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/bench/lines"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// lineCount is how many lines a test takes: TRUTH_LINES, or else short.
func lineCount(t *testing.T, short int) int {
	t.Helper()
	said := os.Getenv("TRUTH_LINES")
	if said == "" {
		return short
	}
	n, err := strconv.Atoi(said)
	if err != nil {
		t.Fatalf("TRUTH_LINES: %v", err)
	}
	return n
}

// sources are valid lines by their type: machine-made ones, and the sandbox's of
// every type that it knows.
func sources(t *testing.T) map[string][][]byte {
	t.Helper()
	all := map[string][][]byte{}
	for _, kind := range lines.Types() {
		for n := range 400 {
			all[kind] = append(all[kind], lines.Append(nil, kind, n))
		}
	}
	people := population.New(population.Config{Seed: 5, Practice: "Differential", Patients: 12})
	for _, kind := range population.Types() {
		for line, err := range people.Resources(kind, time.Time{}, people.Config().Epoch) {
			if err != nil {
				t.Fatal(err)
			}
			if all[kind] = append(all[kind], bytes.Clone(line)); len(all[kind]) >= 800 {
				break
			}
		}
	}
	return all
}

// A trial gives one text to both readers.
type trial struct {
	t       *testing.T
	strict  strict
	plain   tape.Tape
	deep    int // texts that only the limit of the scanner's depth refuses
	valid   int
	refused map[string]int
}

func newTrial(t *testing.T) *trial {
	return &trial{t: t, strict: newStrict(), refused: map[string]int{}}
}

// agree reports whether the text is valid, after all readers said so. scan is
// the scanner with what a view wants.
func (tr *trial) agree(text []byte, scan func([]byte) error) bool {
	tr.t.Helper()
	plain, err := tr.plain.Parse(text, nil), scan(text)
	if reasonOf(plain) == tape.ReasonDepth {
		tr.deep++
		return false
	}
	valid := tr.strict.valid(text)
	if (plain == nil) != valid || (err == nil) != valid {
		tr.t.Fatalf("jsontext says valid: %v; tape.Parse says %v, and with what a view wants %v, of\n%q", valid, plain, err, text)
	}
	if diff := cmp.Diff(reasonOf(plain), reasonOf(err)); diff != "" {
		tr.t.Fatalf("the reason depends on what is wanted: %s\nof %q", diff, text)
	}
	if !valid {
		tr.refused[reasonOf(err)]++
		return false
	}
	tr.valid++
	return true
}

// reasonOf is the reason of a refusal, empty for none.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*tape.SyntaxError](err); ok {
		return e.Reason
	}
	return ""
}

// check fails when the texts did not reach what they should.
func (tr *trial) check(n int) {
	tr.t.Helper()
	tr.t.Logf("%d texts: %d valid, refused %v, %d too deep for the scanner only", n, tr.valid, tr.refused, tr.deep)
	if tr.valid < n/4 || tr.valid > n*3/4 {
		tr.t.Errorf("%d of %d texts are valid: the mutations do not reach both sides", tr.valid, n)
	}
	for _, reason := range []string{
		tape.ReasonTruncated, tape.ReasonTrailing, tape.ReasonSyntax, tape.ReasonNumber, tape.ReasonControl,
		tape.ReasonEscape, tape.ReasonSurrogate, tape.ReasonUTF8, tape.ReasonDuplicateKey,
	} {
		if tr.refused[reason] == 0 {
			tr.t.Errorf("no text is refused for %s", reason)
		}
	}
}

// next gives a changed line, after some as they were: the scanner learns from
// lines that repeat, and must not be led astray by what it learned.
func (tr *trial) next(m *mutator, seeds [][]byte, scan func([]byte) error) []byte {
	tr.t.Helper()
	for range 3 {
		if text := pick(m, seeds); scan(text) != nil {
			tr.t.Fatalf("a line as it was is refused:\n%s", text)
		}
	}
	return m.mutate(pick(m, seeds))
}

// The scanner must accept exactly what is strict JSON, whatever a view wants of
// the text, and every value of a row must be the one in the text.
func TestTheScannerAgreesWithJSONTextAndRowsWithTheText(t *testing.T) {
	count := lineCount(t, 20_000) / 4
	all := sources(t)
	for i, name := range []string{"observation22", "encounter21"} {
		t.Run(name, func(t *testing.T) {
			view, oracle := readView(t, name)
			program, err := sqlonfhir.Compile(view)
			if err != nil {
				t.Fatal(err)
			}
			runner, tr := program.NewRunner(), newTrial(t)
			m := &mutator{rand.New(rand.NewPCG(uint64(i), 1))}
			rows := 0
			for range count {
				text := tr.next(m, all[view.Resource], runner.Load)
				if tr.agree(text, runner.Load) && oracle.compare(t, tr.strict, runner, text) {
					rows++
				}
			}
			tr.check(count)
			if rows < tr.valid/2 {
				t.Errorf("only %d of %d valid lines give a row", rows, tr.valid)
			}
		})
	}
}

// compare evaluates the loaded text by both, and reports whether it has a row.
func (o *oracle) compare(t *testing.T, s strict, runner *sqlonfhir.Runner, text []byte) bool {
	t.Helper()
	root, err := s.tree(text)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]cell
	evalErr := runner.Rows(0, func(row []sqlonfhir.Value) error {
		var cells []cell
		for _, v := range row {
			cells = append(cells, cell{v.Kind, string(v.Text)})
		}
		got = append(got, cells)
		return nil
	})
	kind := root.member("resourceType")
	if root.kind != '{' || kind == nil || kind.kind != '"' || string(kind.raw) != o.resource {
		if len(got) > 0 || evalErr != nil {
			t.Fatalf("%d rows and error %v of a text that is no %s:\n%s", len(got), evalErr, o.resource, text)
		}
		return false
	}
	if root.member("value") != nil {
		return false // a choice that does not say its type is not of FHIR
	}
	want, single := o.row(root)
	if !single {
		if e, ok := errors.AsType[*sqlonfhir.EvalError](evalErr); !ok || e.Reason != sqlonfhir.ReasonManyValues {
			t.Fatalf("a column has many values, but the error is %v, of\n%s", evalErr, text)
		}
		return false
	}
	if evalErr != nil || len(got) != 1 {
		t.Fatalf("%d rows, error %v, of\n%s", len(got), evalErr, text)
	}
	for i := range want {
		if got[0][i] != want[i] {
			t.Fatalf("%s is %v, want %v, of\n%s", o.columns[i], got[0][i], want[i], text)
		}
	}
	return true
}

// Texts that are no resources, as they are and changed.
func TestTheScannerAgreesWithJSONTextOnOddTexts(t *testing.T) {
	count := lineCount(t, 20_000) / 4
	m, tr := &mutator{rand.New(rand.NewPCG(3, 1))}, newTrial(t)
	shape := tape.NewShape()
	for _, name := range []string{"id", "resourceType", "code", "a", "value", ""} {
		shape.Root().Member(name).Member("coding").All()
	}
	var wanting tape.Tape
	scan := func(text []byte) error { return wanting.Parse(text, shape) }
	for _, text := range oddLines {
		tr.agree([]byte(text), scan)
	}
	var seeds [][]byte
	for _, text := range oddLines[:validLines] {
		seeds = append(seeds, []byte(text))
	}
	for range count {
		tr.agree(m.mutate(pick(m, seeds)), scan)
	}
	tr.check(count)
}
