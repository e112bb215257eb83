package population

import "strings"

const (
	loinc    = "http://loinc.org"
	snomed   = "http://snomed.info/sct"
	icd10    = "http://hl7.org/fhir/sid/icd-10-cm"
	rxnorm   = "http://www.nlm.nih.gov/research/umls/rxnorm"
	ndc      = "http://hl7.org/fhir/sid/ndc"
	cvx      = "http://hl7.org/fhir/sid/cvx"
	cpt      = "http://www.ama-assn.org/go/cpt"
	ucum     = "http://unitsofmeasure.org"
	actCode  = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	table203 = "http://terminology.hl7.org/CodeSystem/v2-0203"
	terms    = "http://terminology.hl7.org/CodeSystem/"
)

// A coding is one code of a system. The tables of this package hold only plain
// ASCII that needs no escape.
type coding struct{ system, code, display string }

// concept writes a CodeableConcept. The first coding's display is the text
// when text is empty.
func concept(text string, codings ...coding) string {
	var b strings.Builder
	b.WriteString(`{"coding":[`)
	for i, c := range codings {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(c.json())
	}
	if text == "" {
		text = codings[0].display
	}
	b.WriteString(`],"text":"` + text + `"}`)
	return b.String()
}

// bare writes a CodeableConcept without a text.
func bare(system, code, display string) string {
	return `{"coding":[` + coding{system, code, display}.json() + `]}`
}

func (c coding) json() string {
	s := `{"system":"` + c.system + `","code":"` + c.code + `"`
	if c.display != "" {
		s += `,"display":"` + c.display + `"`
	}
	return s + `}`
}

// quantity writes what follows the value of a Quantity, with its brace.
func quantity(unit, code string) string {
	return `,"unit":"` + unit + `","system":"` + ucum + `","code":"` + code + `"}`
}

// What follows the value of Quantities that records write often.
var (
	inMinutes     = quantity("minutes", "min")
	inDays        = quantity("days", "d")
	inKilograms   = quantity("kg", "kg")
	inMillilitres = quantity("mL", "mL")
)
