package agreement

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// A Rule names what decided. Its values never change their meaning.
type Rule string

// The rules, in the order in which they are asked. The first that forbids
// something decides.
const (
	NoAgreement    Rule = "no_agreement"
	NotActive      Rule = "not_active" // a draft
	Suspended      Rule = "suspended"
	Terminated     Rule = "terminated"
	NotYet         Rule = "not_yet_effective"
	Expired        Rule = "expired"
	EndsTooSoon    Rule = "ends_too_soon"
	PurposeDenied  Rule = "purpose"
	GroupDenied    Rule = "group"
	NoTypes        Rule = "no_types"
	TypeDenied     Rule = "type_denied" // by name
	TypeNotNamed   Rule = "type"
	NoAttachments  Rule = "attachments"
	SinkDenied     Rule = "sink"
	RegionDenied   Rule = "region"
	OperatorDenied Rule = "subcontractor"
	NotEncrypted   Rule = "encryption"
	PlainSink      Rule = "sink_encryption"
	NotTogether    Rule = "aggregate"

	// Permitted is the rule of a verdict that forbids nothing.
	Permitted Rule = "permitted"
)

// Of gives the rule that forbade something, from the error that says so; empty
// for other errors.
func Of(err error) Rule {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Rule
	}
	return ""
}

// Ends reports whether the rule ends an export that is under way for good: its
// agreement is over. Every other refusal stops the export and keeps it, for
// what forbids it may pass.
func (r Rule) Ends() bool { return r == Terminated }

// A rule forbids what its agreement does not permit.
type rule struct {
	name   Rule
	means  string
	stages []Stage // nil: all of them
	// forbids says what is forbidden and what to do about it; an empty summary
	// says that the rule has nothing against it. a is nil for the first only.
	forbids func(a *config.Agreement, ask Ask) (summary, remedy string)
}

// whileItStands are the stages that an agreement must be in force for. Telling
// a server to forget an export ends what the agreement began, and the duties to
// say whose records were where, and to hand them back, outlast it.
var whileItStands = []Stage{AtKickoff, AtToken, AtPoll, AtDownload, AtLanding, AtDelivery, AtRead}

var rules = []rule{
	{NoAgreement, "there is no record of an agreement", nil, func(a *config.Agreement, _ Ask) (string, string) {
		if a != nil {
			return "", ""
		}
		return "no agreement permits an export", "Add the practice's agreement to the tenant's configuration; without one nothing is requested."
	}},
	{NotActive, "it is a draft", whileItStands, func(a *config.Agreement, _ Ask) (string, string) {
		switch a.Status {
		case config.AgreementActive, config.AgreementSuspended, config.AgreementTerminated:
			return "", ""
		}
		return fmt.Sprintf("agreement %s is %s", a.Reference, a.Status), "Set its status to active when both parties have signed it."
	}},
	{Suspended, "it is suspended: what runs stops and is kept", whileItStands, func(a *config.Agreement, ask Ask) (string, string) {
		return inStatus(a, config.AgreementSuspended, "Settle it with the practice and set its status to active; then "+goOn(ask)+". The next export starts where the last complete one ended.")
	}},
	{Terminated, "it is terminated: what runs is cancelled, at the server too", whileItStands, func(a *config.Agreement, _ Ask) (string, string) {
		return inStatus(a, config.AgreementTerminated, "Nothing more is exported. If the practice comes back, record its new agreement.")
	}},
	{NotYet, "it has not begun", whileItStands, func(a *config.Agreement, ask Ask) (string, string) {
		if !ask.At.Before(a.EffectiveFrom.Time) {
			return "", ""
		}
		return fmt.Sprintf("agreement %s begins only on %s", a.Reference, a.EffectiveFrom.Format(time.DateOnly)), "Wait until then, or correct effective_from."
	}},
	{Expired, "it has ended: what runs stops and is kept", whileItStands, func(a *config.Agreement, ask Ask) (string, string) {
		if a.ExpiresAt.IsZero() || ask.At.Before(a.ExpiresAt.Time) {
			return "", ""
		}
		return fmt.Sprintf("agreement %s ended on %s", a.Reference, a.ExpiresAt.Format(time.DateOnly)), "Renew the agreement with the practice and set its new expires_at."
	}},
	{EndsTooSoon, "it ends before an export that starts now has surely ended", []Stage{AtKickoff}, func(a *config.Agreement, ask Ask) (string, string) {
		if a.ExpiresAt.IsZero() || ask.Until.IsZero() || !a.ExpiresAt.Before(ask.Until) {
			return "", ""
		}
		return fmt.Sprintf("agreement %s ends on %s, and an export that starts now may run longer", a.Reference, a.ExpiresAt.Format(time.DateOnly)),
			"Renew the agreement with the practice and set its new expires_at."
	}},
	{PurposeDenied, "it does not permit what the data is for", []Stage{AtKickoff, AtDelivery}, func(a *config.Agreement, ask Ask) (string, string) {
		for _, purpose := range ask.Purposes {
			if _, ok := a.Purposes[purpose]; !ok {
				return fmt.Sprintf("agreement %s does not permit use for %s", a.Reference, purpose),
					"Take the purpose out of the tenant's purposes, or have the agreement changed and add it there with its clause."
			}
		}
		return "", ""
	}},
	{GroupDenied, "it does not name the group, or all patients", nil, func(a *config.Agreement, ask Ask) (string, string) {
		if ask.Level == "" || permitsGroup(a, ask) {
			return "", ""
		}
		return fmt.Sprintf("agreement %s does not name %s", a.Reference, scopeOf(ask)),
			"Export a group that the agreement names, or have the agreement changed and add the group to it."
	}},
	{NoTypes, "no type is left to ask for; _type is always sent", []Stage{AtKickoff}, func(a *config.Agreement, ask Ask) (string, string) {
		if len(ask.Types) > 0 || ask.Level == "" {
			return "", ""
		}
		return "no resource type is left that agreement " + a.Reference + " permits", "List the types in the tenant's configuration and in its agreement; never \"everything\"."
	}},
	{TypeDenied, "it denies the type by name", nil, func(a *config.Agreement, ask Ask) (string, string) {
		denied := slices.DeleteFunc(slices.Clone(ask.Types), func(t string) bool { return !slices.Contains(a.DeniedTypes, t) })
		if len(denied) == 0 {
			return "", ""
		}
		return fmt.Sprintf("agreement %s denies %s", a.Reference, strings.Join(denied, ", ")), "Take these types out of the tenant's types."
	}},
	{TypeNotNamed, "it does not name the type", nil, func(a *config.Agreement, ask Ask) (string, string) {
		missing := lacks(a.Types, ask.Types)
		if len(missing) == 0 {
			return "", ""
		}
		return fmt.Sprintf("agreement %s does not permit %s", a.Reference, strings.Join(missing, ", ")),
			"Take these types out of the tenant's types, or have the agreement changed and add them to it."
	}},
	{NoAttachments, "it does not permit documents", nil, func(a *config.Agreement, ask Ask) (string, string) {
		if !ask.Attachments || a.Attachments {
			return "", ""
		}
		return fmt.Sprintf("agreement %s does not permit to store attachments", a.Reference),
			"Take attachments out of the tenant's configuration, or have the agreement changed and set its attachments to true."
	}},
	{SinkDenied, "it does not name the sink", nil, func(a *config.Agreement, ask Ask) (string, string) {
		missing := lacks(a.Sinks, ask.Sinks)
		if len(missing) == 0 {
			return "", ""
		}
		return fmt.Sprintf("agreement %s does not permit delivery to %s", a.Reference, strings.Join(missing, ", ")),
			"Take these sinks out of the tenant's sinks, or have the agreement changed and add them to it."
	}},
	{RegionDenied, "it does not permit the region where the sink stands", nil, func(a *config.Agreement, ask Ask) (string, string) {
		if len(a.Regions) == 0 {
			return "", ""
		}
		for _, name := range ask.Sinks {
			if region := ask.Places[name].Region; !slices.Contains(a.Regions, region) {
				return fmt.Sprintf("agreement %s permits sinks in %s, and sink %s names %s", a.Reference, strings.Join(a.Regions, ", "), name, orNone(region)),
					"Say under the sink's region where it stands; or take it out of the tenant's sinks, or have the agreement changed."
			}
		}
		return "", ""
	}},
	{OperatorDenied, "it does not name who runs the sink", nil, func(a *config.Agreement, ask Ask) (string, string) {
		for _, name := range ask.Sinks {
			if operator := ask.Places[name].Operator; operator != "" && !slices.Contains(a.Subcontractors, operator) {
				return fmt.Sprintf("agreement %s does not name %s, who runs sink %s, as a subcontractor", a.Reference, operator, name),
					"Take the sink out of the tenant's sinks, or have the agreement changed and add the operator to its subcontractors."
			}
		}
		return "", ""
	}},
	{NotEncrypted, "it demands encryption, and what is stored here is not encrypted", []Stage{AtKickoff, AtDownload, AtLanding}, func(a *config.Agreement, ask Ask) (string, string) {
		if !a.Security.Encryption || ask.Encrypted {
			return "", ""
		}
		return "agreement " + a.Reference + " demands that what is stored is encrypted, and it is not",
			"Configure encryption with a house key (docs/encryption.md); then " + goOn(ask) + "."
	}},
	{PlainSink, "it demands encryption, and nobody has declared that the sink's disk is encrypted", []Stage{AtKickoff, AtDelivery}, func(a *config.Agreement, ask Ask) (string, string) {
		if !a.Security.Encryption {
			return "", ""
		}
		for _, name := range ask.Sinks {
			if !ask.Places[name].EncryptedDisk {
				return fmt.Sprintf("agreement %s demands that what is stored is encrypted, and sink %s is not: bulkhead cannot encrypt sinks", a.Reference, name),
					"Put the sink on an encrypted disk and declare it with encrypted_disk: true under sinks." + name + "; or take the sink out of the tenant's sinks. Then " + goOn(ask) + "."
			}
		}
		return "", ""
	}},
	{NotTogether, "it does not grant to look at its data together with that of other practices", []Stage{AtRead}, func(a *config.Agreement, ask Ask) (string, string) {
		if !ask.Together || a.Grants.Aggregate {
			return "", ""
		}
		return "agreement " + a.Reference + " does not grant queries over this practice together with others",
			"Ask about it alone, with --tenant " + ask.Tenant + "; or have the agreement changed and set grants.aggregate."
	}},
}

// Rules lists the rules in the order in which they are asked, and what each
// forbids.
func Rules() (names []Rule, means map[Rule]string) {
	means = map[Rule]string{}
	for _, r := range rules {
		names, means[r.name] = append(names, r.name), r.means
	}
	return names, means
}

func inStatus(a *config.Agreement, status, remedy string) (string, string) {
	if a.Status != status {
		return "", ""
	}
	return fmt.Sprintf("agreement %s is %s", a.Reference, a.Status), remedy
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

// goOn says how exports go on once it is permitted again: what was refused at
// its kick-off has never begun, and cannot be resumed.
func goOn(ask Ask) string {
	if ask.Stage == AtKickoff {
		return "wait for the schedule, or start one with bulkhead export " + ask.Tenant
	}
	return "resume what stopped with bulkhead export " + ask.Tenant + " --resume"
}

func orNone(region string) string {
	if region == "" {
		return "none"
	}
	return region
}

// NotPermitted gives the types that the agreement denies or does not name, in
// the order asked; all of them without an agreement.
func NotPermitted(a *config.Agreement, types []string) []string {
	if a == nil {
		return slices.Clone(types)
	}
	missing := lacks(a.Types, types)
	var not []string
	for _, t := range types {
		if slices.Contains(a.DeniedTypes, t) || slices.Contains(missing, t) {
			not = append(not, t)
		}
	}
	return not
}

// lacks gives what is asked and not permitted, in the order asked.
func lacks(permitted, asked []string) []string {
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
