package alert

import (
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// callback looks at the programs that are told how exports end. What was given
// up is told for two days: nobody tries it again.
func callback(now time.Time, callees []CalleeFacts) []Condition {
	var list []Condition
	for _, f := range callees {
		if now.Sub(f.Since) <= patience {
			continue
		}
		c := Condition{
			Kind: Callback, Object: f.Target, Severity: config.SeverityWarning, Party: Us, Since: f.Since,
			Summary: "call-backs to " + f.Target + " do not arrive: " + f.Why,
			Remedy:  "See to the program that should take them; they are tried for a day, and arrive once it is back. bulkhead's log names each.",
		}
		if f.GivenUp > 0 {
			c.Severity = config.SeverityCritical
			c.Summary = fmt.Sprintf("%d call-backs to %s were given up after a day: %s", f.GivenUp, f.Target, f.Why)
			c.Remedy = "See to the program that should take them, then let it ask how its exports stand: by its rows of export_requests, or by the API. What was given up is not sent again."
		}
		list = append(list, c)
	}
	return list
}
