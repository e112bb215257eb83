package alert

import (
	"fmt"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// An event is one call of a service.
type event struct {
	text   string
	params types.Params
}

// eventsOf gives the calls that tell a message to the service of a scheme:
// mostly one. A service that keeps incidents is told when one is over that all
// of it is, and nothing while some of it is not: a message would be an incident
// of its own, in the middle of the night.
func eventsOf(scheme string, n store.Notice) []event {
	switch scheme {
	case "pagerduty":
		return incidents(n)
	case "opsgenie":
		e := plain(n, true)
		e.params["priority"] = priorities[n.Severity]
		if n.Turn == store.Over {
			e.params["priority"] = priorities[config.SeverityInfo]
		}
		return []event{e}
	}
	return []event{plain(n, !untitled[scheme])}
}

// priorities are Opsgenie's words for severities.
var priorities = map[string]string{config.SeverityInfo: "P5", config.SeverityWarning: "P3", config.SeverityCritical: "P1"}

func plain(n store.Notice, titled bool) event {
	e := event{n.Subject + "\n\n" + n.Body, types.Params{}}
	if titled {
		e.text = n.Body
		e.params.SetTitle(n.Subject)
	}
	return e
}

// incidents gives PagerDuty's events for a message: one that begins an incident,
// or one for each that is over.
func incidents(n store.Notice) (list []event) {
	action := "trigger"
	if n.Turn == store.Over {
		action = "resolve"
	}
	for _, name := range n.Incidents {
		e := plain(n, false)
		e.params["action"], e.params["dedup_key"], e.params["severity"] = action, name, n.Severity
		list = append(list, e)
	}
	return list
}

// incidentOf names the incident that a message begins: no two, also of two
// bulkheads that tell the same service, have one name.
func incidentOf(what string, at time.Time) string {
	return fmt.Sprintf("bulkhead-%s-%d", what, at.UnixMilli())
}
