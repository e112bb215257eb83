package page

import (
	"errors"
	"fmt"
	"html/template"
	"strconv"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// words are what pages say of values.
var words = template.FuncMap{
	"ago":     ago,
	"size":    wording.Size,
	"count":   wording.Count,
	"percent": Percent,
	"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"clock":   wording.Moment,
	"upper":   func(text string) string { return Sentence(errors.New(text)) },
	"took":    func(from, to time.Time) string { return Span(to.Sub(from)) },
	"share": func(part, whole int64) string {
		if whole == 0 {
			return "–"
		}
		return strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64) + " %"
	},
}

// ago says how long before now, or after it, t is.
func ago(now, t time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "never"
	case d < 0:
		return "in " + Span(-d)
	default:
		return Span(d) + " ago"
	}
}

// Span writes a length of time by its largest unit.
func Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "under 1 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// Percent writes a share of one; a dash for a negative one, which nobody knows.
func Percent(share float64) string {
	switch {
	case share < 0:
		return "–"
	case share > 0 && share < 0.0005:
		return "< 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}
