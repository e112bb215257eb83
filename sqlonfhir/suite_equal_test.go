package sqlonfhir_test

import (
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"
)

// sameRows compares rows as the suite asks: in any order, numbers by value, a
// missing column as null.
func sameRows(want, got []map[string]any) bool {
	if len(want) != len(got) {
		return false
	}
	taken := make([]bool, len(got))
	for _, w := range want {
		found := false
		for i := range got {
			if found = !taken[i] && sameRow(w, got[i]); found {
				taken[i] = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func sameRow(want, got map[string]any) bool {
	for name := range got {
		if !sameValue(want[name], got[name]) {
			return false
		}
	}
	for name, value := range want {
		if _, ok := got[name]; !ok && value != nil {
			return false
		}
	}
	return true
}

func sameValue(want, got any) bool {
	switch w := want.(type) {
	case json.Number:
		g, ok := got.(json.Number)
		return ok && sameNumber(string(w), string(g))
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !sameValue(w[i], g[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		g, ok := got.(map[string]any)
		return ok && sameRow(w, g)
	}
	return reflect.DeepEqual(want, got)
}

// doubleDigits is from how many digits on an expected number may be what a
// binary double shows of a fraction that has no end.
const doubleDigits = 15

func sameNumber(want, got string) bool {
	w, ok1 := new(big.Rat).SetString(want)
	g, ok2 := new(big.Rat).SetString(got)
	if !ok1 || !ok2 || w.Cmp(g) == 0 {
		return ok1 && ok2
	}
	digits := strings.TrimLeft(strings.ReplaceAll(strings.TrimPrefix(want, "-"), ".", ""), "0")
	x, _ := w.Float64()
	y, _ := g.Float64()
	return len(digits) >= doubleDigits && x == y
}

func TestRowsAreComparedAsTheSuiteAsks(t *testing.T) {
	tests := []struct {
		want, got string
		same      bool
	}{
		{`[{"a":1},{"a":2}]`, `[{"a":2},{"a":1}]`, true},
		{`[{"a":1},{"a":1}]`, `[{"a":1},{"a":2}]`, false},
		{`[{"a":1},{"a":2}]`, `[{"a":1},{"a":1}]`, false},
		{`[{"a":1}]`, `[{"a":1},{"a":1}]`, false},
		{`[]`, `[]`, true},
		{`[{"a":1}]`, `[{"a":1.0}]`, true},
		{`[{"a":1}]`, `[{"a":"1"}]`, false},
		{`[{"a":true}]`, `[{"a":"true"}]`, false},
		{`[{"a":0.1}]`, `[{"a":0.1000000000000000000001}]`, false},
		{`[{"a":0.6666666666666666}]`, `[{"a":0.6666666666666666666666666667}]`, true},
		{`[{"a":0.6666666666666667}]`, `[{"a":0.6666666666666666666666666667}]`, false},
		{`[{"a":0.667}]`, `[{"a":0.6666666666666666666666666667}]`, false},
		{`[{}]`, `[{"a":null}]`, true},
		{`[{"a":null}]`, `[{}]`, true},
		{`[{}]`, `[{"a":1}]`, false},
		{`[{"a":1}]`, `[{}]`, false},
		{`[{"a":[1,2]}]`, `[{"a":[1,2.0]}]`, true},
		{`[{"a":[1,2]}]`, `[{"a":[2,1]}]`, false},
		{`[{"a":[1]}]`, `[{"a":1}]`, false},
		{`[{"a":[]}]`, `[{"a":null}]`, false},
		{`[{"a":{"b":1,"c":"x"}}]`, `[{"a":{"c":"x","b":1}}]`, true},
		{`[{"a":{"b":1}}]`, `[{"a":{"b":2}}]`, false},
		{`[{"a":{"b":1}}]`, `[{"a":"x"}]`, false},
	}
	rows := func(text string) (list []map[string]any) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, tt := range tests {
		if got := sameRows(rows(tt.want), rows(tt.got)); got != tt.same {
			t.Errorf("%s and %s: same = %t, want %t", tt.want, tt.got, got, tt.same)
		}
	}
}
