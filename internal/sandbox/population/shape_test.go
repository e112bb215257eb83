package population_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

// mandatory are the top-level elements of US Core 6.1.0, or of R4 where US Core
// has no profile; a name that ends in [x] stands for any of its types.
var mandatory = map[string]string{
	"AllergyIntolerance":       "code patient",
	"Appointment":              "status participant",
	"Binary":                   "contentType",
	"CarePlan":                 "text status intent category subject",
	"CareTeam":                 "subject participant",
	"Claim":                    "status type use patient created provider priority insurance",
	"Condition":                "category code subject",
	"Coverage":                 "status beneficiary relationship payor",
	"Device":                   "type patient",
	"DiagnosticReport":         "status category code subject effective[x] issued",
	"DocumentReference":        "status type category subject content",
	"Encounter":                "status class type subject",
	"Goal":                     "lifecycleStatus description subject",
	"Group":                    "type actual",
	"Immunization":             "status vaccineCode patient occurrence[x] primarySource",
	"Location":                 "name",
	"Media":                    "status content",
	"Medication":               "code",
	"MedicationAdministration": "status medication[x] subject effective[x]",
	"MedicationDispense":       "status medication[x] subject whenHandedOver",
	"MedicationRequest":        "status intent medication[x] subject authoredOn requester",
	"MedicationStatement":      "status medication[x] subject",
	"Observation":              "status category code subject effective[x]",
	"Organization":             "active name",
	"Patient":                  "identifier name gender",
	"Practitioner":             "identifier name",
	"PractitionerRole":         "practitioner organization",
	"Procedure":                "status code subject performed[x]",
	"Provenance":               "target recorded agent",
	"QuestionnaireResponse":    "questionnaire status subject authored",
	"RelatedPerson":            "active patient relationship",
	"ServiceRequest":           "status intent code subject",
	"Specimen":                 "type",
}

func TestMandatoryElementsArePresent(t *testing.T) {
	p := population.New(small())
	for _, typ := range population.Types() {
		want := strings.Fields(mandatory[typ])
		if len(want) == 0 {
			t.Errorf("no mandatory elements known for %s", typ)
		}
		for _, b := range collect(t, p, typ, time.Time{}, weeks(5)) {
			r := object(t, b)
			for _, name := range want {
				if !has(r, name) {
					t.Fatalf("%s is missing in %s", name, b)
				}
			}
			if typ == "Observation" && !has(r, "value[x]") && !has(r, "component") && !has(r, "dataAbsentReason") {
				t.Fatalf("no value and no reason in %s", b)
			}
		}
	}
}

func object(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var r map[string]any
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func has(r map[string]any, name string) bool {
	stem, choice := strings.CutSuffix(name, "[x]")
	if !choice {
		return r[name] != nil
	}
	for k := range r {
		if rest, ok := strings.CutPrefix(k, stem); ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
			return true
		}
	}
	return false
}

// visit calls see for every string in v with the path of names to it.
func visit(v any, path string, see func(path, s string)) {
	switch v := v.(type) {
	case map[string]any:
		for name, w := range v {
			visit(w, path+"."+name, see)
		}
	case []any:
		for _, w := range v {
			visit(w, path, see)
		}
	case string:
		see(path, v)
	}
}

var link = regexp.MustCompile(`"(?:reference|url)":"([A-Z][A-Za-z]+/[^"]*)"`)

func TestReferencesResolveInThePractice(t *testing.T) {
	for _, style := range []population.IDStyle{population.Sequential, population.UUID} {
		c := small()
		c.IDs = style
		p := population.New(c)
		// One moment lies within a working day, when some visits are half written.
		for _, at := range []time.Time{epoch().AddDate(-3, 0, 0), weeks(6), weeks(12).Add(15*time.Hour + 20*time.Minute)} {
			there := client{}
			there.pull(t, p, time.Time{}, at)
			n := 0
			for k, s := range there {
				for _, m := range link.FindAllStringSubmatch(s, -1) {
					n++
					if there[m[1]] == "" {
						t.Errorf("%s refers to %s, which is not there at %v", k, m[1], at)
					}
				}
			}
			if n < 1000 {
				t.Errorf("only %d references", n)
			}
		}
	}
}

// future are the elements that may lie after the time of the record.
var future = regexp.MustCompile(`^\.(start|end|expirationDate|target\.dueDate|dispenseRequest\.validityPeriod\.end)$`)

var dateShape = regexp.MustCompile(`^\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{3})?(Z|[+-]\d{2}:\d{2}))?)?)?$`)

func TestDatesLieBetweenBirthAndTheRecord(t *testing.T) {
	p := population.New(small())
	births := map[string]string{}
	for _, b := range collect(t, p, "Patient", time.Time{}, weeks(8)) {
		births["Patient/"+parse(t, b).ID] = object(t, b)["birthDate"].(string)
	}
	shapes := map[int]bool{}
	for _, typ := range population.Types() {
		for _, b := range collect(t, p, typ, time.Time{}, weeks(8)) {
			r := object(t, b)
			birth := births[patientOf(r)]
			until := parse(t, b).Meta.LastUpdated[:10]
			visit(r, "", func(path, s string) {
				if !dateShape.MatchString(s) || strings.HasSuffix(path, ".code") || strings.HasSuffix(path, ".value") || strings.HasSuffix(path, ".line") || strings.HasSuffix(path, "Number") || len(s) == 4 && s < "1900" {
					return
				}
				shapes[len(s)] = true
				n := min(len(s), 10)
				if s[:n] > until[:n] && !(future.MatchString(path) && (typ == "Appointment" || !strings.HasPrefix(path, ".start"))) {
					t.Errorf("%s = %s lies after %s in %s", path, s, until, b)
				}
				if birth != "" && s[:n] < birth[:n] && typ != "Device" {
					t.Errorf("%s = %s lies before birth on %s in %s", path, s, birth, b)
				}
			})
		}
	}
	for _, n := range []int{4, 7, 10, 24, 25} {
		if !shapes[n] {
			t.Errorf("no date of %d characters", n)
		}
	}
}

func patientOf(r map[string]any) string {
	for _, name := range []string{"subject", "patient", "beneficiary"} {
		if ref, ok := r[name].(map[string]any); ok {
			return ref["reference"].(string)
		}
	}
	return ""
}

func TestProviderNumbersHaveTheRightCheckDigit(t *testing.T) {
	p := population.New(small())
	n := 0
	for _, typ := range []string{"Practitioner", "Organization"} {
		for _, b := range collect(t, p, typ, time.Time{}, epoch()) {
			m := regexp.MustCompile(`us-npi","value":"(\d{10})"`).FindSubmatch(b)
			if m == nil || !luhn("80840"+string(m[1])) {
				t.Errorf("bad NPI in %s", b)
			}
			n++
		}
	}
	if n == 0 {
		t.Error("no NPI")
	}
}

// luhn checks a number whose last digit is its check digit.
func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

func TestTextsHoldWhatParsersGetWrong(t *testing.T) {
	p := population.New(small())
	all := map[string]bool{}
	wanted := map[string]*regexp.Regexp{
		"a decimal with a trailing zero": regexp.MustCompile(`"value":\d+\.\d*0[,}]`),
		"an escaped newline":             regexp.MustCompile(`[^\\]\\n`),
		"an escaped quote":               regexp.MustCompile(`[^\\]\\"`),
		"an escaped backslash":           regexp.MustCompile(`\\\\`),
		"an escaped tab":                 regexp.MustCompile(`[^\\]\\t`),
		"an escaped letter":              regexp.MustCompile(`\\u00[ef]`),
		"an escaped pair":                regexp.MustCompile(`\\ud83e\\ude7a`),
		"a letter beyond ASCII":          regexp.MustCompile(`[éßñü]`),
		"a negative coordinate":          regexp.MustCompile(`"longitude":-\d+\.\d{4}`),
		"a comparator":                   regexp.MustCompile(`"comparator":"<"`),
		"a missing value":                regexp.MustCompile(`"dataAbsentReason"`),
		"a boolean answer":               regexp.MustCompile(`"valueBoolean"`),
		"a number answer":                regexp.MustCompile(`"valueInteger"`),
		"a word answer":                  regexp.MustCompile(`"valueString":"[A-Z]`),
		"a coded answer":                 regexp.MustCompile(`"valueCodeableConcept":\{"coding":\[\{"system":"http://snomed`),
		"a date answer":                  regexp.MustCompile(`"valueDateTime":"`),
		"a blood pressure":               regexp.MustCompile(`"component":\[`),
		"a medication by reference":      regexp.MustCompile(`"medicationReference"`),
	}
	for _, typ := range population.Types() {
		for _, b := range collect(t, p, typ, time.Time{}, weeks(20)) {
			for name, re := range wanted {
				if !all[name] && re.Match(b) {
					all[name] = true
				}
			}
		}
	}
	for name := range wanted {
		if !all[name] {
			t.Errorf("nowhere %s", name)
		}
	}
}

func TestTheCanaryIsInNamesAddressesAndNotes(t *testing.T) {
	c := small()
	c.Canary = "QUETZALCOATL"
	p := population.New(c)
	for _, b := range collect(t, p, "Patient", time.Time{}, epoch()) {
		r := object(t, b)
		found := map[string]bool{}
		visit(r, "", func(path, s string) {
			if strings.Contains(s, c.Canary) {
				found[path] = true
			}
		})
		if !found[".name.family"] || !found[".name.given"] || !found[".address.line"] {
			t.Fatalf("canary only in %v", found)
		}
	}
	notes := 0
	for _, b := range collect(t, p, "Observation", time.Time{}, weeks(4)) {
		if bytes.Contains(b, []byte(`"note"`)) && bytes.Contains(b, []byte(c.Canary)) {
			notes++
		}
	}
	if notes == 0 {
		t.Error("canary in no note")
	}
	for _, typ := range population.Types() {
		for _, b := range collect(t, population.New(small()), typ, time.Time{}, epoch()) {
			if bytes.Contains(b, []byte(c.Canary)) {
				t.Fatalf("canary without being asked for: %s", b)
			}
		}
	}
}

func TestAShareOfResourcesHasNoLastUpdated(t *testing.T) {
	c := small()
	c.MissingLastUpdated = 0.25
	p := population.New(c)
	n, missing := 0, 0
	for _, b := range collect(t, p, "Observation", time.Time{}, epoch()) {
		n++
		if parse(t, b).Meta.LastUpdated == "" {
			missing++
		}
	}
	if share := float64(missing) / float64(n); share < 0.22 || share > 0.28 {
		t.Errorf("%.3f have no lastUpdated, want about 0.25", share)
	}
}

func TestTheGroupOfAllIsServed(t *testing.T) {
	c := small()
	for _, identifier := range []string{"", "8f1c2d3e-portal"} {
		c.GroupIdentifier = identifier
		p := population.New(c)
		id, value := p.GroupID()
		if identifier != "" && value != identifier || value == "" {
			t.Errorf("identifier = %q, configured %q", value, identifier)
		}
		first := collect(t, p, "Group", time.Time{}, weeks(2))[0]
		if parse(t, first).ID != id || !bytes.Contains(first, []byte(`"value":"`+value+`"`)) {
			t.Errorf("group %s with %s is not %s", id, value, first)
		}
	}
}

func TestWritingAllocatesNothingPerResource(t *testing.T) {
	p := population.New(population.Config{Seed: 1, Patients: 100_000, Canary: "word"})
	for _, typ := range population.Types() {
		n := 0
		allocs := testing.AllocsPerRun(3, func() {
			n = 0
			for range p.Resources(typ, time.Time{}, epoch()) {
				if n++; n == 500 {
					break
				}
			}
		})
		if allocs > 40 {
			t.Errorf("%s: %.0f allocations for %d resources", typ, allocs, n)
		}
	}
}
