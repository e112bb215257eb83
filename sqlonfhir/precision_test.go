package sqlonfhir_test

import "testing"

func TestBoundariesOfAPrecision(t *testing.T) {
	const line = `{"resourceType":"Patient","id":"p","birthDate":"2014","deceasedDateTime":"2014-01-01T08","period":{"start":"2014-05","end":"2014-05-06T07:08:09.123456+02:00"},"n":[1.587,2]}`
	tests := map[string]string{
		"1.587.lowBoundary()":                   "1.5865",
		"1.587.lowBoundary(6)":                  "1.586500",
		"1.587.lowBoundary(2)":                  "1.58",
		"1.587.lowBoundary(0)":                  "1",
		"(-1.587).lowBoundary(6)":               "-1.587500",
		"(-1.587).lowBoundary(2)":               "-1.59",
		"(-1.587).lowBoundary(0)":               "-2",
		"1.587.highBoundary(6)":                 "1.587500",
		"1.587.highBoundary(2)":                 "1.59",
		"1.587.highBoundary(0)":                 "2",
		"(-1.587).highBoundary(2)":              "-1.58",
		"(-1.587).highBoundary(0)":              "-1",
		"1.highBoundary(1)":                     "1.5",
		"1.highBoundary(28)":                    "1.5000000000000000000000000000",
		"1.highBoundary(29)":                    "[]",
		"1.highBoundary(-1)":                    "[]",
		"1.highBoundary({})":                    "[]",
		"1.highBoundary(99999999999999999999)":  "[]",
		"1.highBoundary('1')":                   "incomparable",
		"1.highBoundary(1.0)":                   "incomparable",
		"1.highBoundary(n)":                     "many_values",
		"nothing.highBoundary(1)":               "[]",
		"birthDate.lowBoundary(6)":              "2014-01",
		"birthDate.highBoundary(6)":             "2014-12",
		"birthDate.highBoundary(8)":             "2014-12-31",
		"birthDate.highBoundary(4)":             "2014",
		"birthDate.highBoundary(10)":            "[]",
		"birthDate.highBoundary(5)":             "[]",
		"deceased.lowBoundary(17)":              "2014-01-01T08:00:00.000+14:00",
		"deceased.highBoundary(17)":             "2014-01-01T08:59:59.999-12:00",
		"deceased.highBoundary(12)":             "2014-01-01T08:59-12:00",
		"deceased.highBoundary(8)":              "2014-01-01",
		"period.lowBoundary(8)":                 "2014-05-01",
		"period.highBoundary()":                 "2014-05-06T07:08:09.123456+02:00",
		"period.highBoundary(17)":               "2014-05-06T07:08:09.123+02:00",
		"period.highBoundary(14)":               "2014-05-06T07:08:09+02:00",
		"@2014-05-06T07:08:09Z.lowBoundary(10)": "2014-05-06T07Z",
		"@T10:30.lowBoundary(9)":                "10:30:00.000",
		"@T10:30.highBoundary(9)":               "10:30:59.999",
		"@T10:30.highBoundary(6)":               "10:30:59",
		"@T10:30.highBoundary(2)":               "10",
		"@T10:30.highBoundary(8)":               "[]",
		"id.lowBoundary(8)":                     "[]",
	}
	for path, want := range tests {
		if got := resultOf(t, path, line); got != want {
			t.Errorf("%s gives %q, want %q", path, got, want)
		}
	}
}
