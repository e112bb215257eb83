// Package agreement decides whether a practice's business associate agreement
// permits what is about to happen. It denies by default: what an agreement
// does not name is not permitted. It asks nobody and remembers nothing, so
// every step asks it again at the moment it acts (I1). Whoever asks puts the
// verdict on record, with the rule that decided.
//
// 45 CFR 164.504(e):
// https://www.ecfr.gov/current/title-45/part-164/section-164.504
package agreement

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Any, as a group, a type or a sink of an agreement, permits all of them.
const Any = "*"

// A Stage is a moment at which the agreement is asked.
type Stage string

// The stages, in the order of an export's life.
const (
	AtKickoff  Stage = "kick-off"
	AtToken    Stage = "token"    // an access token is about to be asked for
	AtPoll     Stage = "poll"     // the server is about to be asked how far it is
	AtDownload Stage = "download" // a file or a document is about to be fetched
	AtLanding  Stage = "landing"  // a file that is here is about to be read
	AtDelivery Stage = "delivery" // a sink is about to get the export
	AtRelease  Stage = "release"  // the server is about to be told to forget the export
	AtRead     Stage = "read"     // a person is about to see what is kept
	AtNotice   Stage = "notice"   // a person must know whose records were where: a breach, an accounting
	AtReturn   Stage = "return"   // what is kept is about to be handed back to the practice
)

// Stages lists them in that order.
var Stages = []Stage{AtKickoff, AtToken, AtPoll, AtDownload, AtLanding, AtDelivery, AtRelease, AtRead, AtNotice, AtReturn}

// An Ask is what is about to happen for a tenant.
type Ask struct {
	Stage  Stage
	Tenant string
	At     time.Time
	Until  time.Time // of a kick-off: when the export will have ended at the latest; zero: it is not asked
	Level  string    // empty when no export is about to start
	Group  string    // at level group

	Types    []string               // resource types that will be requested or delivered
	Purposes []string               // what the data is for
	Sinks    []string               // names of the sinks that will get them
	Places   map[string]config.Sink // the configured sinks, by name: where they stand and who runs them

	Attachments bool // documents that resources carry or point to will be stored
	Encrypted   bool // what is stored is encrypted with the tenant's own key
	Together    bool // the tenant's rows will be seen together with those of others
}

// A Verdict is what an agreement says to an ask.
type Verdict struct {
	Permit  bool
	Rule    Rule             // that decided; Permitted when none forbids it
	Problem *problem.Problem // nil when it is permitted; its cause is a *Refusal
}

// A Refusal says which rule forbade what, as the cause of a problem.
type Refusal struct {
	Stage Stage
	Rule  Rule
}

func (r *Refusal) Error() string {
	if r.Stage == "" {
		return "the rule is " + string(r.Rule)
	}
	return fmt.Sprintf("the rule is %s, at %s", r.Rule, r.Stage)
}

// Decide says whether a permits all of ask, by the first rule that forbids it
// in the order of Rules. A nil agreement permits nothing.
func Decide(a *config.Agreement, ask Ask) Verdict {
	for _, r := range rules {
		if len(r.stages) > 0 && ask.Stage != "" && !slices.Contains(r.stages, ask.Stage) {
			continue
		}
		summary, remedy := r.forbids(a, ask)
		if summary == "" {
			continue
		}
		code := problem.AgreementDenied
		if a == nil {
			code = problem.AgreementMissing
		}
		p := problem.Wrap(&Refusal{ask.Stage, r.name}, code, summary, remedy).For(ask.Tenant)
		return Verdict{Rule: r.name, Problem: p}
	}
	return Verdict{Permit: true, Rule: Permitted}
}

// Check is Decide for who needs only the problem; nil when it is permitted.
func Check(a *config.Agreement, ask Ask) *problem.Problem { return Decide(a, ask).Problem }
