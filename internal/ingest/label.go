package ingest

import (
	"bytes"

	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// A limiter asks for each line whether it may be held. It belongs to one worker.
type limiter struct {
	Limits
	labels tape.Tape // of meta
}

// labelNumbers are the keys of what leads to a security label.
type labelNumbers struct{ contained, meta, security, system, code int32 }

func numbersOf(s *tape.Shape) labelNumbers {
	return labelNumbers{s.Key("contained"), s.Key("meta"), s.Key("security"), s.Key("system"), s.Key("code")}
}

// labelShape wants the security labels of a meta.
var labelShape, labelKeys = newLabelShape()

func newLabelShape() (*tape.Shape, labelNumbers) {
	s := tape.NewShape()
	wantLabels(s.Root())
	return s, numbersOf(s)
}

func wantLabels(meta *tape.Want) {
	label := meta.Member("security")
	label.Member("system")
	label.Member("code")
}

// wantContained asks a shape for the labels of contained resources, which are
// those of the resource that has them: it cannot be held without them.
func wantContained(s *tape.Shape) *labelNumbers {
	wantLabels(s.Root().Member("contained").Member("meta"))
	return new(numbersOf(s))
}

// A loaded line is what a limiter looks at.
type loaded struct {
	meta      []byte        // its member of that name, nil without one
	tape      *tape.Tape    // has what the others name
	contained *labelNumbers // nil where labels are not looked at
	dates     *datePlaces   // nil where dates are not
}

// refuses gives the reason for which a resource may not be held, or nothing.
func (w *limiter) refuses(l loaded) string {
	if w.Withheld != nil {
		category := ""
		if mayHaveLabels(l.meta) {
			category = w.category(l.meta)
		}
		if category == "" && l.contained != nil {
			category = w.within(l.tape, l.contained)
		}
		if category != "" {
			return quarantine.ReasonSensitive + category
		}
	}
	if l.dates != nil && l.dates.tooEarly(l.tape, w.Earliest) {
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
	return w.labelled(&w.labels, 0, &labelKeys)
}

// within gives the category of a contained resource.
func (w *limiter) within(t *tape.Tape, key *labelNumbers) string {
	list := t.Member(0, key.contained)
	if list < 0 {
		return "" // as of nearly all
	}
	for resource := range each(t, list) {
		if meta := t.Member(resource, key.meta); meta >= 0 {
			if category := w.labelled(t, meta, key); category != "" {
				return category
			}
		}
	}
	return ""
}

// labelled gives the category of the labels of a meta.
func (w *limiter) labelled(t *tape.Tape, meta int32, key *labelNumbers) string {
	for label := range each(t, t.Member(meta, key.security)) {
		if category := w.Withheld(text(t, label, key.system), text(t, label, key.code)); category != "" {
			return category
		}
	}
	return ""
}

// each walks the elements of an array; what stands alone where an array belongs
// is one.
func each(t *tape.Tape, n int32) func(yield func(int32) bool) {
	if n >= 0 && t.Node(n).Kind == tape.Object {
		return func(yield func(int32) bool) { yield(n) }
	}
	return children(t, n)
}
