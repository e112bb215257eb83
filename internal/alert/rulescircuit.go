package alert

import (
	"cmp"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// forgotten is after which time a server that no practice is configured to use
// counts as one that nobody needs.
const forgotten = 8 * 24 * time.Hour

// circuits looks at the servers that cannot be reached: one condition for each,
// however many practices have theirs there.
func circuits(now time.Time, list []CircuitFacts, r Rules) []Condition {
	var told []Condition
	for _, f := range list {
		if now.Sub(f.Since) <= r.CircuitAfter.Std() || len(f.Practices) == 0 && now.Sub(f.Tried) > forgotten {
			continue
		}
		whose, example := "the server "+f.Origin, "a practice whose server it is"
		switch n := len(f.Practices); n {
		case 0:
		case 1:
			whose, example = "the server of "+f.Practices[0]+", "+f.Origin+",", f.Practices[0]
		default:
			whose = fmt.Sprintf("the server of %d practices, %s,", n, f.Origin)
		}
		told = append(told, Condition{
			Kind: Circuit, Object: f.Origin, Severity: config.SeverityWarning, Party: Vendor, Source: f.Source, Since: f.Since,
			Summary: whose + " cannot be reached since " + wording.Moment(f.Since) + ": " + cmp.Or(f.Why, "the connection failed"),
			Remedy: "Try it with bulkhead check for " + example + "; if our own network is well, ask the vendor whether it is down. " +
				"Meanwhile one request now and then tries it, and the first connection lets all exports go on.",
		})
	}
	return told
}
