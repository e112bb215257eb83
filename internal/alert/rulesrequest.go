package alert

import (
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// refusalTold is for how long a refused request is told: nobody takes it up
// again.
const refusalTold = 24 * time.Hour

// sources say by which way a request came.
var sources = map[string]string{
	store.FromTable: "by rows of export_requests", store.FromHook: "by hooks", store.FromAPI: "by the API",
}

// refusals looks at the requests of other programs that were refused. What
// their callers wrote is not told: only how many there were, and the code.
func refusals(list []RefusalFacts) []Condition {
	var told []Condition
	for _, f := range list {
		c := Condition{
			Kind: Request, Tenant: f.Tenant, Object: "refused " + f.Source, Severity: config.SeverityWarning, Party: Us, Since: f.Since, Code: f.Code,
			Summary: fmt.Sprintf("requests of other programs, %s, were refused and have no export: %d", sources[f.Source], f.Requests),
			Remedy:  "The rows themselves say why, in problem and remedy; docs/triggers.md says what a request may hold. Correct the program that asks, and let it ask again.",
		}
		if f.Tenant == "" {
			c.Summary = fmt.Sprintf("requests of other programs, %s, for practices that nobody has configured were refused: %d", sources[f.Source], f.Requests)
		}
		told = append(told, c)
	}
	return told
}

// untaken looks at requests that wait for their practice.
func untaken(now time.Time, p *PracticeFacts, r Rules) []Condition {
	if u := p.Untaken; u.Requests > 0 && !p.Paused && now.Sub(u.Since) > r.WaitingAfter.Std() {
		return one(Condition{
			Kind: Request, Object: "waiting", Severity: config.SeverityWarning, Party: Us, Since: u.Since,
			Summary: "requests of other programs wait since " + wording.Moment(u.Since) + " to be taken up",
			Remedy:  "They wait for the practice's export to end: see bulkhead status " + p.Tenant + ". If there is none, see the log for what keeps bulkhead from taking them up.",
		})
	}
	return nil
}
