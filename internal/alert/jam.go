package alert

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// JamFacts are that what a step of an export came to cannot be recorded, though
// the ledger can be written.
type JamFacts struct {
	Tenant, Export, Step string
	Since                time.Time
	Code                 problem.Code
	Why                  string
}

// jams tells of exports that stand still because the ledger does not take what
// their steps came to: time after time, so it is a bug of ours or a damage.
func jams(now time.Time, list []JamFacts) []Condition {
	var told []Condition
	for _, f := range list {
		if now.Sub(f.Since) < lasting {
			continue
		}
		told = append(told, Condition{
			Tenant: f.Tenant, Kind: Unrecorded, Object: f.Export, Severity: config.SeverityWarning, Party: Us, Since: f.Since, Code: f.Code,
			Summary: "what the step " + f.Step + " of export " + f.Export + " came to cannot be recorded, so the export stands still: " + f.Why,
			Remedy: "Nothing of it is lost, and it is tried again every few minutes. See the reason in the log (step could not be recorded), and run bulkhead doctor. " +
				"If it stays so, report it with these lines: it is a bug in bulkhead; and begin anew: bulkhead cancel " + f.Tenant + ", then bulkhead export " + f.Tenant + ".",
		})
	}
	return told
}
