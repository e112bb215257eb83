package sqlonfhir

import (
	"math/big"
	"testing"
	"testing/quick"
)

func TestDatesAndTimesCompareAsFarAsBothGo(t *testing.T) {
	tests := []struct {
		a, b string
		want int
		ok   truth
	}{
		{"2020", "2021", -1, yes},
		{"2020", "2020", 0, yes},
		{"2020-02", "2020-01-31", 1, yes},
		{"2020", "2020-01", 0, empty},
		{"2020-01-01", "2020-01-01T00:00:00Z", 0, empty},
		{"2020-01-02", "2020-01-01T23:00:00Z", 1, yes},
		{"2020-01-01T10:00:00Z", "2020-01-01T12:00:00+02:00", 0, yes},
		{"2020-01-01T00:30:00+01:00", "2019-12-31T23:45:00Z", -1, yes},
		{"2020-01-01T10:00:00", "2020-01-01T10:00:00Z", 0, empty},
		{"2020-01-01T10:00:00", "2020-01-01T10:00:01", -1, yes},
		{"2020-01-01T10:00:00Z", "2020-01-01T10:00:00.000Z", 0, yes},
		{"2020-01-01T10:00:00.1Z", "2020-01-01T10:00:00.09Z", 1, yes},
		{"10:00", "10:00:00", 0, empty},
		{"10:00:00", "10:00:00.5", -1, yes},
		{"10", "11:30", -1, yes},
		{"10:00", "2020", 0, no},
		{"2020-02-30", "2020", 0, no},
		{"2020-13", "2020", 0, no},
		{"2020-00", "2020", 0, no},
		{"2020-1-1", "2020", 0, no},
		{"20", "2020", 0, no},
		{"24:00", "10:00", 0, no},
		{"10:60", "10:00", 0, no},
		{"2020-01-01T", "2020-01-02", -1, yes},
		{"2020-01-01T10:00:00+1", "2020", 0, no},
		{"2020T10:00", "2020", 0, no},
		{"2020-01-01T10:00:00+15:00", "2020", 0, no},
		{"2020-01-01Z", "2020", 0, no},
		{"2020x", "2020", 0, no},
		{"", "2020", 0, no},
		{"2000-02-29", "1900-02-28", 1, yes},
		{"1900-02-29", "1900", 0, no},
	}
	for _, tt := range tests {
		for _, swap := range []bool{false, true} {
			a, b, want := tt.a, tt.b, tt.want
			if swap {
				a, b, want = b, a, -want
			}
			if got, ok := compareTemporal([]byte(a), []byte(b)); got != want || ok != tt.ok {
				t.Errorf("compareTemporal(%s, %s) = %d %d, want %d %d", a, b, got, ok, want, tt.ok)
			}
		}
	}
}

func TestDecimalsCompareExactly(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"0", "-0", 0},
		{"0.0", "0e99999999999999999999", 0},
		{"1", "1.000", 0},
		{"10", "1e1", 0},
		{"0.1", "1E-1", 0},
		{"123e-2", "1.23", 0},
		{"1e400", "1e401", -1},
		{"-1e400", "1", -1},
		{"1e-400", "0", 1},
		{"-1.5", "-1.49", -1},
		{"0.30000000000000000001", "0.3", 1},
		{"99999999999999999999", "99999999999999999998", 1},
		{"1e99999999999999999999", "1e99999999999999999998", 0},
		{"1e-99999999999999999999", "1", -1},
		{"0.009", "0.01", -1},
		{"100", "99.999", 1},
		{"0012e0", "12", 0},
	}
	for _, tt := range tests {
		if got := compareDecimals([]byte(tt.a), []byte(tt.b)); got != tt.want {
			t.Errorf("compareDecimals(%s, %s) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := compareDecimals([]byte(tt.b), []byte(tt.a)); got != -tt.want {
			t.Errorf("compareDecimals(%s, %s) = %d, want %d", tt.b, tt.a, got, -tt.want)
		}
	}
}

func TestArithmeticIsExact(t *testing.T) {
	text := func(c int32, scale uint8) string {
		return string(appendDecimal(nil, big.NewInt(int64(c)), int64(scale%12)-3))
	}
	exact := func(a, b int32, sa, sb uint8) bool {
		x, y := text(a, sa), text(b, sb)
		for _, op := range "+-*" {
			got, ok := appendArithmetic(nil, byte(op), []byte(x), []byte(y))
			want := new(big.Rat)
			switch op {
			case '+':
				want.Add(rat(x), rat(y))
			case '-':
				want.Sub(rat(x), rat(y))
			default:
				want.Mul(rat(x), rat(y))
			}
			if !ok || rat(string(got)).Cmp(want) != 0 {
				t.Logf("%s %c %s = %s, want %s", x, op, y, got, want.RatString())
				return false
			}
		}
		return compareDecimals([]byte(x), []byte(y)) == rat(x).Cmp(rat(y))
	}
	if err := quick.Check(exact, nil); err != nil {
		t.Error(err)
	}
}

func TestQuotientsAndBoundariesAreWrittenPlainly(t *testing.T) {
	tests := []struct {
		op         byte
		a, b, want string
	}{
		{'/', "6", "2", "3"},
		{'/', "1", "3", "0.3333333333333333333333333333"},
		{'/', "-2", "3", "-0.6666666666666666666666666667"},
		{'/', "1", "0", ""},
		{'/', "1e3", "8", "125"},
		{'d', "-7", "2", "-3"},
		{'m', "-7", "2", "-1"},
		{'m', "5.5", "2", "1.5"},
		{'m', "1", "0", ""},
		{'+', "1e2000", "1", ""},
		{'-', "0.10", "0.1", "0.00"},
		{'<', "1.0", "", "0.95"},
		{'>', "1.0", "", "1.05"},
		{'<', "1", "", "0.5"},
		{'<', "-1.0", "", "-1.05"},
		{'>', "0", "", "0.5"},
		{'<', "1e2", "", "50"},
		{'>', "1.5e-1", "", "0.155"},
		{'>', "1e9999", "", ""},
	}
	for _, tt := range tests {
		var got []byte
		switch tt.op {
		case '<', '>':
			got, _ = appendBoundary(nil, []byte(tt.a), tt.op == '>', greatest)
		default:
			got, _ = appendArithmetic(nil, tt.op, []byte(tt.a), []byte(tt.b))
		}
		if string(got) != tt.want {
			t.Errorf("%s %c %s = %q, want %q", tt.a, tt.op, tt.b, got, tt.want)
		}
	}
}

func TestReferencesAreSplitAtTheirLastTwoSegments(t *testing.T) {
	for ref, want := range map[string]string{
		"Patient/1": "Patient 1", "https://e.org/r4/Patient/1": "Patient 1", "Patient/1/_history/2": "Patient 1", "http://e/Patient/1/_history/2": "Patient 1", "/Patient/1": "Patient 1",
		"": " ", "1": " ", "Patient/": " ", "#1": " ", "Patient/1#x": " ", "urn:uuid:1": " ", "patient/1": " ", "http://e.org": " ", "Patient?x=1/2": " ", "Pat1ent/1": " ", "_history/1": " ", "1/_history/2": " ",
	} {
		typ, id := SplitReference([]byte(ref))
		if got := string(typ) + " " + string(id); got != want {
			t.Errorf("SplitReference(%s) = %q, want %q", ref, got, want)
		}
	}
}

func TestJSONValuesAreEqualByWhatTheySay(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":[1,2]}`, ` {"b" : [1.0, 2], "a":1e0} `, true},
		{`{"a":1}`, `{"a":1,"b":2}`, false},
		{`{"a":1}`, `{"b":1}`, false},
		{`[1]`, `[1,1]`, false},
		{`[1,2]`, `[2,1]`, false},
		{`"\u0061"`, `"a"`, true},
		{`"a"`, `"b"`, false},
		{`null`, `null`, true},
		{`true`, `false`, false},
		{`{"\u0061":{}}`, `{"a":{}}`, true},
		{`{}`, `[]`, false},
		{`[[]]`, `[[ ]]`, true},
	}
	for _, tt := range tests {
		if got := equalJSON([]byte(tt.a), []byte(tt.b)); got != tt.want {
			t.Errorf("equalJSON(%s, %s) = %t, want %t", tt.a, tt.b, got, tt.want)
		}
	}
}
