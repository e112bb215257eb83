package alert

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// FilesFacts are that the configuration's files were to be taken up and could
// not be: what was in force is in force still.
type FilesFacts struct {
	Since time.Time // when that was asked for first; zero: the files are in force
	Why   string
}

// files tells that somebody has changed what is not changed: it may be an
// agreement that they believe suspended.
func files(now time.Time, f FilesFacts) []Condition {
	if f.Since.IsZero() || now.Sub(f.Since) < lasting {
		return nil
	}
	return one(Condition{
		Kind: Configuration, Severity: config.SeverityCritical, Party: Us, Since: f.Since,
		Summary: "the configuration was to be taken up and is not: everything goes on by the one before, agreements too: " + clean(f.Why),
		Remedy:  "See what is wrong with bulkhead config check, mend it, and take it up with bulkhead config apply, which answers.",
	})
}
