package quarantine

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
)

func TestARedactedLineKeepsItsStructureOnly(t *testing.T) {
	for _, tt := range []struct {
		name, line, want string
		offset           int64
		met              string
	}{
		{
			"a resource", `{"resourceType":"Patient","id":"ab-1","active":true,"name":[{"given":["Ann","Zoë"]}, null],"count":-1.50e3}`,
			`{"resourceType":"Patient","id":<string 4>,"active":<boolean>,"name":[{"given":[<string 3>,<string 3>]},null],"count":<number 7>}`, -1, "",
		},
		{"a type that is none", `{"resourceType":"Smith","type":"Patient"}`, `{"resourceType":<string 5>,"type":<string 7>}`, -1, ""},
		{"names that are none", `{"Ann Smith":1,"O\u0027Hara":2,"_birthDate":{}}`, `{<name 9>:<number 1>,<name 6>:<number 1>,"_birthDate":{}}`, -1, ""},
		{"names in the shape of elements", `{"johnSmith1970":1,"smith":{"_smith":2},"__id":3,"valueSmith":4,"birthdate":5}`, `{<name 13>:<number 1>,<name 5>:{<name 6>:<number 1>},<name 4>:<number 1>,<name 10>:<number 1>,<name 9>:<number 1>}`, -1, ""},
		{"names of every kind of element", `{"valueCodeableConcept":{"coding":[{"system":"x"}]},"deceasedBoolean":true,"div":"x","contained":[]}`, `{"valueCodeableConcept":{"coding":[{"system":<string 1>}]},"deceasedBoolean":<boolean>,"div":<string 1>,"contained":[]}`, -1, ""},
		{"a name as a value", `["resourceType","Patient"]`, `[<string 12>,<string 7>]`, -1, ""},
		{"cut short", `{"id":"Smi`, `{"id":<string 3>`, 10, "the end of the line"},
		{"a control character", "{\"id\":\"Sm\tith\"}", `{"id":<string 2>`, 9, "a control character"},
		{"no quotes", `{"id":Smith}`, `{"id":`, 6, "a letter"},
		{"a double name", `{"id":"1","id":"Smith"}`, `{"id":<string 1>,<name 0>`, 11, "a letter"},
		{"more behind it", `{"id":"1"}Smith`, `{"id":<string 1>}`, 10, "a letter"},
		{"latin 1", "{\"id\":\"Sm\xefth\"}", `{"id":<string 2>`, 9, "a byte beyond ASCII"},
		{"a name cut short", `{"birthDa`, `{<name 7>`, 9, "the end of the line"},
		{"nothing of JSON", `Smith`, ``, 0, "a letter"},
		{"nothing", ``, ``, 0, "the end of the line"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := Redacted{Structure: tt.want, Offset: tt.offset, Met: tt.met}
			if diff := cmp.Diff(want, redact([]byte(tt.line), true)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOfALongLineTheBeginningIsShown(t *testing.T) {
	scope := testScope(t)
	text := `{"resourceType":"Binary","data":"` + strings.Repeat("SMITH", looked) + `"}`
	write(t, scope, "e1", func(w *Writer) error {
		if err := w.Add(ReasonNoID, ndjson.Line{Number: 1, Bytes: []byte("[" + strings.Repeat(`"a",`, shown) + "1]")}); err != nil {
			return err
		}
		return w.AddLong(ndjson.LongLine{Number: 2, Reader: strings.NewReader(text)})
	})
	var all []Redacted
	for e, err := range Entries(t.Context(), scope, "e1", testFile) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := Redact(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if r := all[0]; !r.More || len(r.Structure) > shown+100 || r.Offset != -1 {
		t.Errorf("a long structure: %d bytes, more %v, stops at %d", len(r.Structure), r.More, r.Offset)
	}
	want := Redacted{Structure: fmt.Sprintf(`{"resourceType":"Binary","data":<string %d>`, looked-33), Bytes: int64(len(text)), Offset: -1, More: true}
	if diff := cmp.Diff(want, all[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// marks are all that a structure has besides names.
var marks = regexp.MustCompile(`<(string|number|name) [0-9]+>|<boolean>|null|"_?[a-z][A-Za-z0-9]*"|[{}\[\],:]`)

func FuzzNothingOfALineIsShownButItsStructure(f *testing.F) {
	for _, line := range []string{`{"a":["b",1,true,null]}`, `{"a`, "\"\\\"\x00", `{"resourceType":"Patient"}`, "[[]]}"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, whole := range []bool{true, false} {
			r := redact(line, whole)
			rest := marks.ReplaceAllStringFunc(r.Structure, func(mark string) string {
				if name, quoted := strings.CutPrefix(mark, `"`); quoted && !elements[strings.TrimPrefix(strings.TrimSuffix(name, `"`), "_")] {
					return mark
				}
				return ""
			})
			for name := range resourceTypes {
				rest = strings.ReplaceAll(rest, `"`+name+`"`, "")
			}
			if rest != "" {
				t.Errorf("%q is shown of a line of %d bytes", rest, len(line))
			}
		}
	})
}
