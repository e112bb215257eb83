package ingest

import (
	"bytes"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// Limits are what of the resources of a permitted type may not be held. The zero
// value forbids nothing.
type Limits struct {
	// Withheld gives the category for which a resource with a security label is
	// refused; empty where it is not. It is called from several goroutines; nil
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
			element := p[0]
			for _, next := range p[1:] {
				element += "." + next
			}
			types[name] = append(types[name], element)
		}
	}
	return types
}

// A limiter asks for each line whether it may be held. It belongs to one worker.
type limiter struct {
	Limits
	labels tape.Tape // of meta
	dates  tape.Tape // of the whole line, which is parsed once more for it
	shapes map[string]*dateShape
}

// labelShape wants the security labels of a meta.
var labelShape, labelKeys = newLabelShape()

type labelNumbers struct{ security, system, code int32 }

func newLabelShape() (*tape.Shape, labelNumbers) {
	s := tape.NewShape()
	label := s.Root().Member("security")
	label.Member("system")
	label.Member("code")
	return s, labelNumbers{s.Key("security"), s.Key("system"), s.Key("code")}
}

// refuses gives the reason for which a resource may not be held, or nothing.
// meta is its member of that name; nil without one.
func (w *limiter) refuses(resourceType, meta, line []byte) string {
	if w.Withheld != nil && mayHaveLabels(meta) {
		if category := w.category(meta); category != "" {
			return quarantine.ReasonSensitive + category
		}
	}
	if !w.Earliest.IsZero() && w.tooEarly(resourceType, line) {
		return quarantine.ReasonTooEarly
	}
	return ""
}

// mayHaveLabels is false for a meta that surely has none: nearly all of them. A
// name may be written with escapes.
func mayHaveLabels(meta []byte) bool {
	return bytes.Contains(meta, []byte(`"security"`)) || bytes.IndexByte(meta, '\\') >= 0
}

func (w *limiter) category(meta []byte) string {
	if w.labels.Parse(meta, labelShape) != nil {
		return ""
	}
	for n := range children(&w.labels, w.labels.Member(0, labelKeys.security)) {
		if category := w.Withheld(text(&w.labels, n, labelKeys.system), text(&w.labels, n, labelKeys.code)); category != "" {
			return category
		}
	}
	return ""
}

// A dateShape wants the dates of service of one type.
type dateShape struct {
	shape *tape.Shape
	paths [][]int32 // keys, in the order in which they are looked for
	end   int32     // of a period
}

func newDateShape(paths [][]string) *dateShape {
	d := &dateShape{shape: tape.NewShape()}
	for _, path := range paths {
		at := d.shape.Root()
		for _, name := range path {
			at = at.Member(name)
		}
		at.Member("end")
	}
	d.end = d.shape.Key("end")
	for _, path := range paths {
		var keys []int32
		for _, name := range path {
			keys = append(keys, d.shape.Key(name))
		}
		d.paths = append(d.paths, keys)
	}
	return d
}

// tooEarly reports whether the service of which a line tells had ended before
// the earliest that may be held.
func (w *limiter) tooEarly(resourceType, line []byte) bool {
	paths := serviceDates[string(resourceType)]
	if paths == nil {
		return false
	}
	d := w.shapes[string(resourceType)]
	if d == nil {
		if w.shapes == nil {
			w.shapes = map[string]*dateShape{}
		}
		d = newDateShape(paths)
		w.shapes[string(resourceType)] = d
	}
	if w.dates.Parse(line, d.shape) != nil {
		return false
	}
	for _, keys := range d.paths {
		n := int32(0)
		for _, key := range keys {
			if n >= 0 {
				n = w.dates.Member(n, key)
			}
		}
		if n < 0 {
			continue
		}
		end, known := lastMoment(w.said(n, d.end), w.Earliest.Location())
		return known && !end.After(w.Earliest)
	}
	return false
}

// said gives the text of a date, or of the end of a period; a period that has
// none goes on.
func (w *limiter) said(n, end int32) string {
	if w.dates.Node(n).Kind == tape.Object {
		return text(&w.dates, n, end)
	}
	if w.dates.Node(n).Kind != tape.String {
		return ""
	}
	return string(w.dates.Text(n))
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
