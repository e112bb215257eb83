// Package agreement decides whether a practice's business associate agreement
// permits what is about to happen. It denies by default: what an agreement
// does not name is not permitted. It asks nobody and remembers nothing, so
// every step asks it again at the moment it acts (I1).
package agreement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Any, as a group, a type or a sink of an agreement, permits all of them.
const Any = "*"

// An Ask is what is about to happen for a tenant.
type Ask struct {
	Tenant string
	At     time.Time
	Level  string   // empty when no export is about to start
	Group  string   // at level group
	Types  []string // resource types that will be requested or delivered
	Sinks  []string // names of the sinks that will get them

	Attachments bool // documents that resources carry or point to will be stored
}

// Check returns nil when a permits all of ask, or the problem that says which
// term forbids it and who can change that. A nil agreement permits nothing.
func Check(a *config.Agreement, ask Ask) *problem.Problem {
	if a == nil {
		return problem.New(problem.AgreementMissing, "no agreement permits an export",
			"Add the practice's agreement to the tenant's configuration; without one nothing is requested.").For(ask.Tenant)
	}
	if p := valid(a, ask); p != nil {
		return p
	}
	if ask.Level != "" && !permitsGroup(a, ask) {
		return denied(ask, fmt.Sprintf("agreement %s does not name %s", a.Reference, scopeOf(ask)),
			"Export a group that the agreement names, or have the agreement changed and add the group to it.")
	}
	if missing := Missing(a.Types, ask.Types); len(missing) > 0 {
		return denied(ask, fmt.Sprintf("agreement %s does not permit %s", a.Reference, strings.Join(missing, ", ")),
			"Take these types out of the tenant's types, or have the agreement changed and add them to it.")
	}
	if ask.Attachments && !a.Attachments {
		return denied(ask, fmt.Sprintf("agreement %s does not permit to store attachments", a.Reference),
			"Take attachments out of the tenant's configuration, or have the agreement changed and set its attachments to true.")
	}
	if missing := Missing(a.Sinks, ask.Sinks); len(missing) > 0 {
		return denied(ask, fmt.Sprintf("agreement %s does not permit delivery to %s", a.Reference, strings.Join(missing, ", ")),
			"Take these sinks out of the tenant's sinks, or have the agreement changed and add them to it.")
	}
	return nil
}

func valid(a *config.Agreement, ask Ask) *problem.Problem {
	switch {
	case a.Status != config.AgreementActive:
		return denied(ask, fmt.Sprintf("agreement %s is %s", a.Reference, a.Status),
			"Settle it with the practice; when the agreement is active again, set its status; the next export starts where the last complete one ended.")
	case ask.At.Before(a.EffectiveFrom.Time):
		return denied(ask, fmt.Sprintf("agreement %s begins only on %s", a.Reference, a.EffectiveFrom.Format(time.DateOnly)),
			"Wait until then, or correct effective_from.")
	case !a.ExpiresAt.IsZero() && !ask.At.Before(a.ExpiresAt.Time):
		return denied(ask, fmt.Sprintf("agreement %s ended on %s", a.Reference, a.ExpiresAt.Format(time.DateOnly)),
			"Renew the agreement with the practice and set its new expires_at.")
	}
	return nil
}

func permitsGroup(a *config.Agreement, ask Ask) bool {
	if slices.Contains(a.Groups, Any) {
		return true
	}
	return ask.Level == config.LevelGroup && slices.Contains(a.Groups, ask.Group)
}

func scopeOf(ask Ask) string {
	if ask.Level == config.LevelGroup {
		return "group " + ask.Group
	}
	return "all patients, which an export at level " + ask.Level + " is about"
}

// Missing gives what is asked and not permitted, in the order asked.
func Missing(permitted, asked []string) []string {
	if slices.Contains(permitted, Any) {
		return nil
	}
	var missing []string
	for _, s := range asked {
		if !slices.Contains(permitted, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

func denied(ask Ask, summary, remedy string) *problem.Problem {
	return problem.New(problem.AgreementDenied, summary, remedy).For(ask.Tenant)
}
