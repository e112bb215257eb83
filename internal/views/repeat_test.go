package views

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// repetitions returns the text of v once for each member of an object in it,
// with the value of that member sent twice: as an array of two, or as an array
// twice as long. resourceType and id are left as they are.
func repetitions(t *testing.T, v any) (texts [][]byte) {
	t.Helper()
	var visit func(x any)
	visit = func(x any) {
		switch x := x.(type) {
		case []any:
			for _, e := range x {
				visit(e)
			}
		case map[string]any:
			for name, value := range x {
				if name == "resourceType" || name == "id" {
					continue
				}
				if list, ok := value.([]any); ok {
					x[name] = append(append([]any{}, list...), list...)
				} else {
					x[name] = []any{value, value}
				}
				text, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, text)
				x[name] = value
				visit(value)
			}
		}
	}
	visit(v)
	return texts
}

// A sender that repeats what FHIR has once must not lose the line.
func TestARepeatedElementLosesNoLine(t *testing.T) {
	t.Parallel()
	set := loadBuiltin(t)
	for _, typ := range set.Types() {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			runner := programOf(t, set, typ).NewRunner()
			failed := make(map[string]bool)
			for i, line := range records(t, typ) {
				var v any
				d := json.NewDecoder(bytes.NewReader(line))
				d.UseNumber()
				if err := d.Decode(&v); err != nil {
					t.Fatal(err)
				}
				for _, text := range repetitions(t, v) {
					if err := runner.Load(text); err != nil {
						t.Fatal(err)
					}
					for n, view := range set.For(typ) {
						rows := 0
						err := runner.Rows(n, func([]sqlonfhir.Value) error { rows++; return nil })
						if err != nil && !failed[err.Error()] {
							failed[err.Error()] = true
							t.Errorf("line %d: %v of %s", i+1, err, text)
						}
						if view.Main() && rows != 1 && err == nil && !failed[view.Name] {
							failed[view.Name] = true
							t.Errorf("line %d: %d rows of %s", i+1, rows, text)
						}
					}
				}
			}
		})
	}
}
