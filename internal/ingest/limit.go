package ingest

import (
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// Limits are what of the resources of a permitted type may not be held. The zero
// value forbids nothing.
type Limits struct {
	// Withheld gives the category for which a resource with a security label, its
	// own or of a resource that it contains, is refused; empty where it is not. It is called from several goroutines; nil
	// refuses none.
	Withheld func(system, code string) string
	// Earliest is the first moment of care that may be held: a resource whose date
	// of service ended before is refused. The zero time permits any.
	Earliest time.Time
}

// serviceDates are the elements that say when a service was given, for the types
// that tell of one: the first that is there counts. A resource without any, or of
// another type, may be held whatever the limit is: nobody can say that it is of
// before, and a condition or an allergy is of now whenever it began.
var serviceDates = map[string][][]string{
	"AdverseEvent":             {{"date"}},
	"Appointment":              {{"end"}, {"start"}},
	"Claim":                    {{"billablePeriod"}, {"created"}},
	"ClinicalImpression":       {{"effectiveDateTime"}, {"effectivePeriod"}, {"date"}},
	"Communication":            {{"sent"}, {"received"}},
	"Composition":              {{"date"}},
	"DiagnosticReport":         {{"effectiveDateTime"}, {"effectivePeriod"}},
	"DocumentReference":        {{"context", "period"}, {"date"}},
	"Encounter":                {{"period"}},
	"EpisodeOfCare":            {{"period"}},
	"ExplanationOfBenefit":     {{"billablePeriod"}, {"created"}},
	"ImagingStudy":             {{"started"}},
	"Immunization":             {{"occurrenceDateTime"}},
	"Media":                    {{"createdDateTime"}, {"createdPeriod"}},
	"MedicationAdministration": {{"effectiveDateTime"}, {"effectivePeriod"}},
	"MedicationDispense":       {{"whenHandedOver"}, {"whenPrepared"}},
	"MedicationRequest":        {{"authoredOn"}},
	"NutritionOrder":           {{"dateTime"}},
	"Observation":              {{"effectiveDateTime"}, {"effectivePeriod"}, {"effectiveInstant"}},
	"Procedure":                {{"performedDateTime"}, {"performedPeriod"}},
	"QuestionnaireResponse":    {{"authored"}},
	"RiskAssessment":           {{"occurrenceDateTime"}, {"occurrencePeriod"}},
	"ServiceRequest":           {{"authoredOn"}},
	"VisionPrescription":       {{"dateWritten"}},
}

// ServiceDates gives the types whose date of service is looked at, with the
// elements that say it, in the order in which they are looked for.
func ServiceDates() map[string][]string {
	types := map[string][]string{}
	for name, paths := range serviceDates {
		for _, p := range paths {
			types[name] = append(types[name], strings.Join(p, "."))
		}
	}
	return types
}

// dated reports whether the dates of a type are looked at.
func (l Limits) dated(resourceType string) bool {
	return !l.Earliest.IsZero() && serviceDates[resourceType] != nil
}

// datePlaces are where the dates of service of one type stand on a tape. They
// are immutable.
type datePlaces struct {
	paths [][]int32 // keys, in the order in which they are looked for
	end   int32     // of a period
}

// wantDates asks a shape for the dates of service of a type.
func wantDates(resourceType string, s *tape.Shape) *datePlaces {
	d := &datePlaces{}
	for _, path := range serviceDates[resourceType] {
		at := s.Root()
		for _, name := range path {
			at = at.Member(name)
		}
		at.Member("end")
	}
	d.end = s.Key("end")
	for _, path := range serviceDates[resourceType] {
		var keys []int32
		for _, name := range path {
			keys = append(keys, s.Key(name))
		}
		d.paths = append(d.paths, keys)
	}
	return d
}

// tooEarly reports whether the service of which a resource tells had ended
// before the earliest that may be held.
func (d *datePlaces) tooEarly(t *tape.Tape, earliest time.Time) bool {
	for _, keys := range d.paths {
		n := int32(0)
		for _, key := range keys {
			if n >= 0 {
				n = t.Member(n, key)
			}
		}
		if n < 0 {
			continue
		}
		end, known := lastMoment(d.said(t, n), earliest.Location())
		return known && !end.After(earliest)
	}
	return false
}

// said gives the text of a date, or of the end of a period; a period that has
// none goes on.
func (d *datePlaces) said(t *tape.Tape, n int32) string {
	switch t.Node(n).Kind {
	case tape.Object:
		return text(t, n, d.end)
	case tape.String:
		return string(t.Text(n))
	default:
		return ""
	}
}

// lastMoment gives when a FHIR dateTime is over: the first moment after it. A
// date is one of the practice's own zone.
// https://hl7.org/fhir/R4/datatypes.html#dateTime
func lastMoment(said string, zone *time.Location) (time.Time, bool) {
	for _, form := range []struct {
		layout              string
		years, months, days int
	}{{"2006", 1, 0, 0}, {"2006-01", 0, 1, 0}, {time.DateOnly, 0, 0, 1}} {
		if t, err := time.ParseInLocation(form.layout, said, zone); err == nil {
			return t.AddDate(form.years, form.months, form.days), true
		}
	}
	t, err := time.Parse(time.RFC3339Nano, said)
	return t.Add(time.Nanosecond), err == nil
}
