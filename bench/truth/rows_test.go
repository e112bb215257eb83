package truth

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// Every row of every built-in view must be the one that the general evaluator
// gives, for lines of all types, changed at random.
func TestRowsOfTheBuiltInViewsAreThoseOfTheGeneralEvaluator(t *testing.T) {
	all := sources(t)
	set, err := views.Load()
	if err != nil {
		t.Fatal(err)
	}
	types := slices.Sorted(maps.Keys(all))
	count := lineCount(t, 20_000) / len(types)
	valid, rows, refused := 0, 0, map[string]int{}
	for i, kind := range types {
		var list []*sqlonfhir.View
		for _, v := range set.For(kind) {
			list = append(list, v.View)
		}
		f := newForms(t, list)
		tr, m := newTrial(t), &mutator{rand.New(rand.NewPCG(uint64(i), 4))}
		for range count {
			text := tr.next(m, all[kind], f.fast.Load)
			if tr.agree(text, f.fast.Load) {
				rows += f.compare(t, text)
			}
		}
		valid += tr.valid
		for reason, n := range tr.refused {
			refused[reason] += n
		}
	}
	t.Logf("%d lines of %d types: %d valid, with %d rows; refused %v", count*len(types), len(types), valid, rows, refused)
	if valid < count*len(types)/4 || rows < valid {
		t.Errorf("%d valid lines and %d rows say little", valid, rows)
	}
}

// forms are the same views in the forms that are used, and in general forms.
type forms struct {
	views         []*sqlonfhir.View
	fast, general *sqlonfhir.Runner
}

func newForms(t *testing.T, list []*sqlonfhir.View) *forms {
	t.Helper()
	f := &forms{views: list}
	for runner, general := range map[**sqlonfhir.Runner]bool{&f.fast: false, &f.general: true} {
		program, err := sqlonfhir.CompileWith(sqlonfhir.Options{Views: list, General: general})
		if err != nil {
			t.Fatal(err)
		}
		*runner = program.NewRunner()
	}
	return f
}

// compare evaluates all views over a text that fast has loaded, and counts the
// rows.
func (f *forms) compare(t *testing.T, text []byte) (rows int) {
	t.Helper()
	if err := f.general.Load(text); err != nil {
		t.Fatalf("%v of %s", err, text)
	}
	for i, v := range f.views {
		want, wantErr := told(f.general, i)
		got, gotErr := told(f.fast, i)
		if !slices.Equal(want, got) || fmt.Sprint(wantErr) != fmt.Sprint(gotErr) {
			t.Fatalf("view %s: %v, in general %v\nrows\n%s\nin general\n%s\nof %s",
				v.Name, gotErr, wantErr, strings.Join(got, "\n"), strings.Join(want, "\n"), text)
		}
		rows += len(got)
	}
	return rows
}

// told writes the rows of a view so that different rows differ.
func told(r *sqlonfhir.Runner, view int) (rows []string, err error) {
	var text []byte
	err = r.Rows(view, func(row []sqlonfhir.Value) error {
		text = text[:0]
		for i := range row {
			text = tell(text, &row[i])
		}
		rows = append(rows, string(text))
		return nil
	})
	return rows, err
}

func tell(dst []byte, v *sqlonfhir.Value) []byte {
	dst = fmt.Appendf(dst, "|%d %t %t %d:%s %s", v.Kind, v.Text == nil, v.RefType == nil, len(v.Text), v.Text, v.RefType)
	for i := range v.Items {
		dst = tell(append(dst, '['), &v.Items[i])
	}
	return dst
}
