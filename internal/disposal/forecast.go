package disposal

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// Clocks says in one line how long what an export leaves is kept.
func Clocks(a *config.Agreement) string {
	switch {
	case a == nil:
		return "nobody can say: there is no agreement"
	case a.LegalHold.Holds():
		return "everything, by a legal hold since " + a.LegalHold.Since.Format(time.DateOnly)
	}
	var clocks []string
	for _, c := range []struct {
		what  string
		clock config.Duration
	}{{"raw", a.Retention.Raw}, {"staged", a.Retention.Staged}, {"quarantine", a.Retention.Quarantine}, {"attachments", a.Retention.Attachments}, {"history", a.Retention.History}} {
		if c.clock == 0 {
			clocks = append(clocks, c.what+" as long as the agreement stands")
			continue
		}
		text, err := c.clock.MarshalText()
		if err != nil {
			text = []byte(c.clock.String())
		}
		clocks = append(clocks, c.what+" "+string(text))
	}
	return strings.Join(clocks, ", ")
}

// Forecast says for each area what of it goes first, and when.
func Forecast(list []Verdict) (lines []string) {
	for _, a := range Areas {
		var first *Verdict
		for i, v := range list {
			if v.Area.Kind == a.Kind && !v.At.IsZero() && (first == nil || v.At.Before(first.At)) {
				first = &list[i]
			}
		}
		switch {
		case first == nil:
		case first.Due:
			lines = append(lines, fmt.Sprintf("%s of export %s goes with the next round", a.Kind, first.Export.ID))
		default:
			lines = append(lines, fmt.Sprintf("%s of export %s goes on %s", a.Kind, first.Export.ID, first.At.Format(time.DateOnly)))
		}
	}
	return lines
}
