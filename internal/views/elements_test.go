package views

import (
	"strings"
	"testing"
)

func TestTheElementsOfAnExpressionAreThoseItGives(t *testing.T) {
	t.Parallel()
	cases := []struct{ expression, want string }{
		{"getResourceKey()", "Observation.id"},
		{"meta.profile.first()", "Observation.meta.profile"},
		{"code.coding.where(system = 'http://loinc.org' and code != 'x').code.first()", "Observation.code.coding.code"},
		{"value.ofType(Quantity).unit.first()", "Observation.valueQuantity.unit"},
		{"subject.first().getReferenceKey(Patient)", "Observation.subject"},
		{"coalesce(effective.ofType(dateTime).first(), effective.ofType(Period).start.first())", "Observation.effectiveDateTime Observation.effectivePeriod.start"},
		{"iif(value.exists(), 'yes', note.text)", "Observation.value Observation.note.text"},
		{"value.ofType(Range).first().select(low.value & ' - ' & (high.value & ' ' & unit).trim())", "Observation.valueRange.low.value Observation.valueRange.high.value Observation.valueRange.unit"},
		{"extension('http://example.org/a.b').value.ofType(Coding).code.join(',')", "Observation.extension.valueCoding.code"},
		{"deceased.ofType(boolean) or deceased.ofType(dateTime).exists()", "Observation.deceasedBoolean Observation.deceasedDateTime"},
		{"contained.where('#' & id = %resource.medication.reference).code.text", "Observation.contained.code.text"},
		{"text.`div`.replace('<', '\\'')", "Observation.text.div"},
		{"component[0].code.text", "Observation.component.code.text"},
		{"%rowIndex", ""},
		{"length.where(unit = 'h').value * 60", "Observation.length.value"},
		{"period.start.duration(period.end, 'minute')", "Observation.period.start Observation.period.end"},
		{"''.where(false)", ""},
		{"@2024-05-02T10:00:00Z < issued or 1.5.toString() = 'x' or {} = value", "Observation.issued Observation.value"},
		{"value.ofType(FHIR.Quantity).value", "Observation.valueQuantity.value"},
		{"%resource.status & $this.issued", "Observation.status Observation.issued"},
	}
	for _, c := range cases {
		if got := strings.Join(elementsOf(c.expression, "Observation", []string{"Observation"}), " "); got != c.want {
			t.Errorf("%s reads %q, want %q", c.expression, got, c.want)
		}
	}
}

func TestMustSupportIsOfAnElementAndOfItsPartsUnlessTheyAreMarked(t *testing.T) {
	t.Parallel()
	ids := []string{
		"A.name", "A.name.family", "A.category:lab", "A.category:lab.coding.code", "A.code", "A.code.coding", "A.value[x]", "A.value[x]:valueQuantity.unit",
		"A.part:one.value[x].value", "A.when[x]:whenDateTime",
	}
	for element, want := range map[string]bool{
		"A.name.family": true, "A.name.given": false, "A.name": true,
		"A.category.coding.code": true, "A.category.text": true,
		"A.code.coding.display": true, "A.code.text": true, "A.codex": false, "A": false,
		"A.valueString": true, "A.valueQuantity.unit": true, "A.value": true,
		"A.part.valueQuantity.value": true, "A.part.valueQuantity.unit": false,
		"A.whenDateTime": true, "A.whenPeriod.start": false,
		"A.other": false,
	} {
		if got := Supports(ids, []string{"A.unmarked", element}); got != want {
			t.Errorf("%s: %t, want %t", element, got, want)
		}
	}
}

func FuzzElementsOfAnyTextAreFound(f *testing.F) {
	f.Add("coalesce(a.where(b = 'c').d, %resource.e[0], `f`)")
	f.Add("ofType(")
	f.Add("')@.%$")
	f.Fuzz(func(t *testing.T, expression string) {
		for _, e := range elementsOf(expression, "A", []string{"A"}) {
			if !strings.HasPrefix(e, "A") {
				t.Errorf("%q is not below the root", e)
			}
		}
	})
}
