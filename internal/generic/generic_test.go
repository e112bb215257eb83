package generic

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// A pass parses resources of one type and reads them.
type pass struct {
	shape  *tape.Shape
	tape   tape.Tape
	reader *Reader
}

func newPass(resourceType, base string) *pass {
	p := &pass{shape: tape.NewShape()}
	p.reader = NewElements().Want(resourceType, p.shape).NewReader(base)
	return p
}

func (p *pass) read(t testing.TB, resource string) ([]Coding, []Reference) {
	t.Helper()
	if err := p.tape.Parse([]byte(resource), p.shape); err != nil {
		t.Fatal(err)
	}
	return p.reader.Read(&p.tape)
}

// shown writes what was read, a line each.
func shown(codings []Coding, references []Reference) string {
	var b strings.Builder
	for _, c := range codings {
		fmt.Fprintf(&b, "%s %s|%s %s\n", c.Path, c.System, c.Code, c.Display)
	}
	for _, r := range references {
		fmt.Fprintf(&b, "%s %s %s %s\n", r.Path, r.Kind, r.ToType, r.ToID)
	}
	return b.String()
}

// typeOf returns the type of a resource.
func typeOf(t testing.TB, resource []byte) string {
	t.Helper()
	var r struct{ ResourceType string }
	if err := json.Unmarshal(resource, &r); err != nil {
		t.Fatal(err)
	}
	return r.ResourceType
}

func TestCodingsAndReferencesAreReadWithTheirPaths(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, resource, want string }{
		{
			"a concept with two codings, a quantity that is none", `{"resourceType":"Observation","id":"o1",
				"meta":{"tag":[{"system":"urn:t","code":"SUBSETTED"}],"security":[{"system":"urn:s","code":"R"}]},
				"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic \"BP\""},{"code":"BP1"}],"text":"BP"},
				"subject":{"reference":"Patient/p1"},
				"valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"},
				"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"1-8"}]},"valueCodeableConcept":{"coding":[{"system":"urn:v","code":"x"}]},
					"referenceRange":[{"low":{"value":1,"system":"http://unitsofmeasure.org","code":"1"},"type":{"coding":[{"system":"urn:r","code":"normal"}]}}]}]}`,
			"meta.tag urn:t|SUBSETTED \nmeta.security urn:s|R \n" +
				"code.coding http://loinc.org|8480-6 Systolic \"BP\"\ncode.coding |BP1 \n" +
				"component.code.coding http://loinc.org|1-8 \ncomponent.valueCodeableConcept.coding urn:v|x \ncomponent.referenceRange.type.coding urn:r|normal \n" +
				"subject relative Patient p1\n",
		},
		{
			"a Coding that is no concept", `{"resourceType":"Encounter","id":"e1","class":{"system":"urn:a","code":"AMB","display":"ambulatory"},
				"participant":[{"individual":{"reference":"Practitioner/a"}},{"type":[{"coding":[{"system":"urn:p","code":"PPRF"}]}],"individual":{"reference":"Practitioner/b"}}]}`,
			"class urn:a|AMB ambulatory\nparticipant.type.coding urn:p|PPRF \n" +
				"participant.individual relative Practitioner a\nparticipant.individual relative Practitioner b\n",
		},
		{
			"extensions, also inside of each other", `{"resourceType":"Patient","id":"p1",
				"extension":[{"url":"race","extension":[{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"2106-3"}},{"url":"text","valueString":"White"}]},
					{"url":"g","valueCodeableConcept":{"coding":[{"system":"urn:g","code":"f"}]}},{"url":"r","valueReference":{"reference":"Group/g1"}},
					{"url":"q","valueQuantity":{"system":"urn:q","code":"kg","value":1}}],
				"maritalStatus":{"coding":[{"extension":[{"url":"x","valueCoding":{"system":"urn:x","code":"y"}}],"system":"urn:m","code":"M"}]},
				"contact":[{"modifierExtension":[{"url":"m","valueCoding":{"system":"urn:n","code":"z"}}]}]}`,
			"extension.extension.valueCoding urn:oid:2.16.840.1.113883.6.238|2106-3 \nextension.valueCodeableConcept.coding urn:g|f \n" +
				"maritalStatus.coding urn:m|M \nmaritalStatus.coding.extension.valueCoding urn:x|y \n" +
				"contact.modifierExtension.valueCoding urn:n|z \nextension.valueReference relative Group g1\n",
		},
		{
			"contained resources, by their own type", `{"resourceType":"MedicationRequest","id":"r1",
				"contained":[{"resourceType":"Medication","id":"m","code":{"coding":[{"system":"urn:rx","code":"1"}]},"ingredient":[{"itemReference":{"reference":"#s"}}]},
					{"resourceType":"Substance","id":"s","code":{"coding":[{"system":"urn:su","code":"2"}]},"instance":[{"quantity":{"system":"urn:u","code":"g"}}]},
					{"resourceType":"Mystery","id":"y","code":{"coding":[{"system":"urn:my","code":"3"}]}}, "odd"],
				"medicationReference":{"reference":"#m"},"subject":{"reference":"#"},"requester":{"reference":"#gone"}}`,
			"contained.code.coding urn:rx|1 \ncontained.code.coding urn:su|2 \n" +
				"contained.ingredient.itemReference contained Substance #s\nmedicationReference contained Medication #m\n" +
				"subject contained MedicationRequest #\nrequester contained  #gone\n",
		},
		{
			"an item inside of an item", `{"resourceType":"QuestionnaireResponse","id":"q","item":[{"linkId":"1","item":[{"linkId":"1.1","item":[{"linkId":"1.1.1",
				"answer":[{"valueCoding":{"system":"urn:a","code":"yes"}},{"valueReference":{"reference":"Patient/p"}}]}]}]}]}`,
			"item.item.item.answer.valueCoding urn:a|yes \nitem.item.item.answer.valueReference relative Patient p\n",
		},
		{
			"what is not of its element's shape", `{"resourceType":"Condition","id":"c","code":[{"coding":{"system":"urn:a","code":"one"}}],"category":"text",
				"severity":{"coding":[{"system":"urn:a"},{"system":5,"code":6},{"code":""},null,[{"code":"deep"}]]},"subject":"Patient/1","encounter":{"reference":7},"recorder":null}`,
			"code.coding urn:a|one \nseverity.coding |deep \n",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPass(typeOf(t, []byte(c.resource)), "")
			for range 2 { // the second time by remembered paths
				if diff := cmp.Diff(c.want, shown(p.read(t, c.resource))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestReferencesAreReadByTheirForm(t *testing.T) {
	t.Parallel()
	cases := []struct{ reference, want string }{
		{`{"reference":"Patient/1"}`, "relative Patient 1"},
		{`{"reference":"/Patient/1"}`, "relative Patient 1"},
		{`{"reference":"Patient\/1","type":"Group"}`, "relative Patient 1"},
		{`{"reference":"Patient/1/_history/4"}`, "relative Patient 1"},
		{`{"reference":"https://ehr.example/fhir/Patient/1"}`, "absolute Patient 1"},
		{`{"reference":"https://EHR.example/fhir/Patient/1/_history/2"}`, "absolute Patient 1"},
		{`{"reference":"https://ehr.example/fhir/x/Patient/1"}`, "foreign Patient https://ehr.example/fhir/x/Patient/1"},
		{`{"reference":"https://other.example/fhir/Patient/1"}`, "foreign Patient https://other.example/fhir/Patient/1"},
		{`{"reference":"https://other.example/files?id=1","type":"Binary"}`, "foreign Binary https://other.example/files?id=1"},
		{`{"reference":"urn:uuid:0b0f2c7e","type":"Patient"}`, "urn Patient urn:uuid:0b0f2c7e"},
		{`{"reference":"urn:oid:1.2.3"}`, "urn  urn:oid:1.2.3"},
		{`{"reference":"Patient?identifier=urn:a|1"}`, "conditional Patient Patient?identifier=urn:a|1"},
		{`{"reference":"patient 1"}`, "other  patient 1"},
		{`{"reference":"1","type":"Patient"}`, "other Patient 1"},
		{`{"type":"Patient","identifier":{"system":"urn:a","value":"1"}}`, "logical Patient urn:a|1"},
		{`{"identifier":{"value":"1"}}`, "logical  |1"},
		{`{"reference":"","identifier":{"system":"urn:a","value":"1"}}`, "logical  urn:a|1"},
		{`{"identifier":{"system":"urn:a"}}`, ""},
		{`{"identifier":"1"}`, ""},
		{`{"display":"Dr. Anyone"}`, ""},
	}
	p := newPass("Encounter", "https://ehr.example/fhir/")
	for _, c := range cases {
		_, refs := p.read(t, `{"resourceType":"Encounter","id":"e","subject":`+c.reference+`}`)
		got := strings.TrimSuffix(strings.TrimPrefix(shown(nil, refs), "subject "), "\n")
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.reference, got, c.want)
		}
	}
}

// A key of this package joins with one of a view.
func TestKeysAreThoseOfViews(t *testing.T) {
	t.Parallel()
	view, err := sqlonfhir.Parse([]byte(`{"resource":"Encounter","name":"e","select":[{"column":[{"name":"k","path":"subject.getReferenceKey()","type":"string"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	program, err := sqlonfhir.Compile(view)
	if err != nil {
		t.Fatal(err)
	}
	references := []string{
		"Patient/1", "/Patient/1", "a/b/Patient/1", "Patient/1/_history/2", "Patient/", "/1", "1", "", "#p", "Patient/1#x", "Patient?x=1", "urn:uuid:1",
		"https://ehr.example/fhir/Patient/1", "https://EHR.EXAMPLE/fhir/Patient/1", "https://ehr.example/FHIR/Patient/1", "https://ehr.example/fhir/Patient/1/_history/3",
		"https://ehr.example/fhir/Patient/1/Observation", "http://ehr.example/fhir/Patient/1", "https://ehr.example", "https://ehr.example/Patient/1", "patient/1", "PATIENT/1", "Pat1ent/1",
	}
	for _, base := range []string{"", "https://ehr.example/fhir", "https://ehr.example"} {
		p, runner := newPass("Encounter", base), program.NewRunner()
		runner.Rooted(base)
		for _, reference := range references {
			resource := fmt.Sprintf(`{"resourceType":"Encounter","id":"e","subject":{"reference":%q}}`, reference)
			if err := runner.Load([]byte(resource)); err != nil {
				t.Fatal(err)
			}
			var want, got string
			err := runner.Rows(0, func(row []sqlonfhir.Value) error {
				want = string(row[0].RefType) + " " + string(row[0].Text)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			got = " "
			if _, refs := p.read(t, resource); len(refs) == 1 && (refs[0].Kind == Relative || refs[0].Kind == Absolute || refs[0].Kind == Foreign && refs[0].ToType != nil) {
				got = string(refs[0].ToType) + " " + string(refs[0].ToID)
			}
			if got != want {
				t.Errorf("base %q, reference %q: %q, a view's key is %q", base, reference, got, want)
			}
		}
	}
}

// found is what looks alone tell of a published resource: every object with a
// reference, and every object inside of a member called coding.
type found struct{ codings, references []string }

func (f *found) walk(v any, path string) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			f.walk(x, path)
		}
	case map[string]any:
		if s, ok := v["reference"].(string); ok {
			f.references = append(f.references, path+" "+s)
		}
		if s, ok := v["code"].(string); ok && strings.HasSuffix(path, ".coding") {
			f.codings = append(f.codings, path+" "+s)
		}
		for name, x := range v {
			if name[0] != '_' { // extensions of primitives
				f.walk(x, path+"."+name)
			}
		}
	}
}

func TestNothingThatPublishedResourcesHaveIsOverlooked(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../shared/us-core/examples/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bundle", "care_team"} {
		files = append(files, filepath.Join("testdata", name+".json"))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		var want, got found
		want.walk(v, "")
		p := newPass(typeOf(t, text), "")
		codings, references := p.read(t, string(text))
		for _, c := range codings {
			if strings.HasSuffix(string(c.Path), ".coding") {
				got.codings = append(got.codings, "."+string(c.Path)+" "+string(c.Code))
			}
		}
		for _, r := range references {
			if r.Kind != Logical {
				got.references = append(got.references, "."+string(r.Path))
			}
		}
		for i, r := range want.references {
			want.references[i], _, _ = strings.Cut(r, " ")
		}
		for _, pair := range [][2][]string{{want.codings, got.codings}, {want.references, got.references}} {
			slices.Sort(pair[0])
			slices.Sort(pair[1])
			if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
				t.Errorf("%s (-in the text +read):\n%s", filepath.Base(file), diff)
			}
		}
	}
}

func TestATypeThatIsUnknownGivesNothing(t *testing.T) {
	t.Parallel()
	codings, references := newPass("Mystery", "").read(t, `{"resourceType":"Mystery","id":"1","code":{"coding":[{"code":"x"}]},"subject":{"reference":"Patient/1"}}`)
	if len(codings)+len(references) != 0 {
		t.Errorf("read %s", shown(codings, references))
	}
}

func TestAMillionPathsAreNotRemembered(t *testing.T) {
	t.Parallel()
	p := newPass("QuestionnaireResponse", "")
	deep := func(levels int, mark string) string {
		return `{"resourceType":"QuestionnaireResponse","id":"q",` + strings.Repeat(`"item":[{"extension":[{"valueCoding":{"code":"`+mark+`"}}],`, levels) +
			`"answer":[{"valueCoding":{"code":"last"}}]` + strings.Repeat("}]", levels) + "}"
	}
	for range 3 {
		for levels := 1; levels < 100; levels++ {
			codings, _ := p.read(t, deep(levels, "m"))
			if len(codings) != levels+1 || len(codings[levels].Path) != levels*len("item.")+len("answer.valueCoding") {
				t.Fatalf("%d levels: %d codings", levels, len(codings))
			}
		}
	}
	p.reader.paths = maxPaths + 1
	p.read(t, deep(1, "m"))
	if p.reader.paths > 10 {
		t.Errorf("the reader remembers %d paths", p.reader.paths)
	}
}
