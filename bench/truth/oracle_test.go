package truth

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// A oracle evaluates the columns of a view whose paths are plain, over a
// tree: names, first() and ofType() of a choice. It shares no code with
// sqlonfhir.
type oracle struct {
	resource  string
	constants map[string]string
	columns   []string // paths
}

// plainPath is what the oracle understands.
var plainPath = regexp.MustCompile(`^(%\w+|[a-z]\w*(\.(first\(\)|ofType\([A-Za-z]+\)|[a-z]\w*))*)$`)

// readView reads a view of bench/views with its oracle, which must understand
// all of it.
func readView(t *testing.T, name string) (*sqlonfhir.View, *oracle) {
	t.Helper()
	text, err := os.ReadFile("../views/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	view, err := sqlonfhir.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Resource string
		Constant []struct{ Name, ValueString string }
		Select   []struct {
			ForEach string
			Column  []struct{ Path string }
		}
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	o := &oracle{resource: v.Resource, constants: map[string]string{}}
	for _, c := range v.Constant {
		o.constants["%"+c.Name] = c.ValueString
	}
	for _, s := range v.Select {
		for _, c := range s.Column {
			if s.ForEach != "" || !plainPath.MatchString(c.Path) {
				t.Fatalf("view %s has the column %q, which is not plain", name, c.Path)
			}
			o.columns = append(o.columns, c.Path)
		}
	}
	return view, o
}

// A cell is a value as the oracle sees it.
type cell struct {
	kind sqlonfhir.Kind
	text string
}

// row evaluates all columns; ok is false when one has several values.
func (o *oracle) row(root *tree) (row []cell, ok bool) {
	for _, path := range o.columns {
		if constant, is := o.constants[path]; is {
			row = append(row, cell{sqlonfhir.String, constant})
			continue
		}
		values := eval(root, path)
		if len(values) > 1 {
			return nil, false
		}
		row = append(row, cellOf(values))
	}
	return row, true
}

// eval evaluates a plain path.
func eval(root *tree, path string) []*tree {
	values := []*tree{root}
	steps := strings.Split(path, ".")
	for i, step := range steps {
		if step == "first()" {
			values = values[:min(1, len(values))]
			continue
		}
		if strings.HasPrefix(step, "ofType(") {
			continue // the name before it has the type
		}
		if i+1 < len(steps) && strings.HasPrefix(steps[i+1], "ofType(") {
			chosen := strings.TrimSuffix(strings.TrimPrefix(steps[i+1], "ofType("), ")")
			step += strings.ToUpper(chosen[:1]) + chosen[1:]
		}
		var next []*tree
		for _, v := range values {
			next = v.member(step).flat(next)
		}
		values = next
	}
	return values
}

func cellOf(values []*tree) cell {
	if len(values) == 0 {
		return cell{}
	}
	switch v := values[0]; v.kind {
	case '"':
		return cell{sqlonfhir.String, string(v.raw)}
	case 't':
		return cell{sqlonfhir.Boolean, "true"}
	case 'f':
		return cell{sqlonfhir.Boolean, "false"}
	case '0':
		if strings.ContainsAny(string(v.raw), ".eE") {
			return cell{sqlonfhir.Decimal, string(v.raw)}
		}
		return cell{sqlonfhir.Integer, string(v.raw)}
	default:
		return cell{sqlonfhir.Complex, string(v.raw)}
	}
}
