package agreement_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func standing() *config.Agreement {
	return &config.Agreement{
		Reference: "BAA-7", Status: config.AgreementActive,
		EffectiveFrom: config.Moment{Time: day}, ExpiresAt: config.Moment{Time: day.AddDate(1, 0, 0)},
		Types: []string{"Patient", "Condition"}, Groups: []string{"diabetics"}, Sinks: []string{"tables", "lake"},
		Purposes: map[string]string{config.PurposeQuality: "clause 2.1"}, Regions: []string{"us-east"}, Subcontractors: []string{"Lake Corp"},
	}
}

func kickoff() agreement.Ask {
	return agreement.Ask{
		Stage: agreement.AtKickoff, Tenant: "lakeside", At: day.Add(time.Hour), Until: day.AddDate(0, 0, 7), Level: config.LevelGroup, Group: "diabetics",
		Types: []string{"Patient"}, Purposes: []string{config.PurposeQuality}, Sinks: []string{"tables", "lake"},
		Places: map[string]config.Sink{"tables": {Region: "us-east"}, "lake": {Region: "us-east", Operator: "Lake Corp"}, "abroad": {Region: "eu-west"}},
	}
}

// A refusal is one change to a standing agreement, or to what is asked of it,
// and the rule that then forbids it.
type refusal struct {
	name   string
	change func(*config.Agreement, *agreement.Ask)
	rule   agreement.Rule
	text   string
}

var refusals = []refusal{
	{"draft", func(a *config.Agreement, _ *agreement.Ask) { a.Status = config.AgreementDraft }, agreement.NotActive, "is draft"},
	{"suspended", func(a *config.Agreement, _ *agreement.Ask) { a.Status = config.AgreementSuspended }, agreement.Suspended, "is suspended"},
	{"terminated", func(a *config.Agreement, _ *agreement.Ask) { a.Status = config.AgreementTerminated }, agreement.Terminated, "is terminated"},
	{"too early", func(_ *config.Agreement, k *agreement.Ask) { k.At = day.Add(-1) }, agreement.NotYet, "begins only on 2026-03-01"},
	{"at the end", func(_ *config.Agreement, k *agreement.Ask) { k.At = day.AddDate(1, 0, 0) }, agreement.Expired, "ended on 2027-03-01"},
	{"may outlive it", func(_ *config.Agreement, k *agreement.Ask) { k.Until = day.AddDate(1, 0, 1) }, agreement.EndsTooSoon, "may run longer"},
	{"other purpose", func(_ *config.Agreement, k *agreement.Ask) {
		k.Purposes = []string{config.PurposeQuality, config.PurposeResearch}
	}, agreement.PurposeDenied, "use for research"},
	{"other group", func(_ *config.Agreement, k *agreement.Ask) { k.Group = "all" }, agreement.GroupDenied, "does not name group all"},
	{"whole practice", func(_ *config.Agreement, k *agreement.Ask) { k.Level = config.LevelPatient }, agreement.GroupDenied, "all patients"},
	{"no type", func(_ *config.Agreement, k *agreement.Ask) { k.Types = nil }, agreement.NoTypes, "no resource type is left"},
	{"type denied by name", func(a *config.Agreement, k *agreement.Ask) {
		a.Types, a.DeniedTypes, k.Types = []string{agreement.Any}, []string{"Binary"}, []string{"Patient", "Binary"}
	}, agreement.TypeDenied, "denies Binary"},
	{"other type", func(_ *config.Agreement, k *agreement.Ask) { k.Types = []string{"Patient", "Binary"} }, agreement.TypeNotNamed, "does not permit Binary"},
	{"attachments", func(_ *config.Agreement, k *agreement.Ask) { k.Attachments = true }, agreement.NoAttachments, "does not permit to store attachments"},
	{"other sink", func(_ *config.Agreement, k *agreement.Ask) { k.Sinks = []string{"abroad"} }, agreement.SinkDenied, "delivery to abroad"},
	{"other region", func(a *config.Agreement, k *agreement.Ask) {
		a.Sinks, k.Sinks = []string{agreement.Any}, []string{"tables", "abroad"}
	}, agreement.RegionDenied, "sink abroad names eu-west"},
	{"a sink that is nowhere", func(_ *config.Agreement, k *agreement.Ask) { k.Places = nil }, agreement.RegionDenied, "sink tables names none"},
	{"other operator", func(a *config.Agreement, _ *agreement.Ask) { a.Subcontractors = nil }, agreement.OperatorDenied, "Lake Corp, who runs sink lake"},
	{"nothing is encrypted", func(a *config.Agreement, _ *agreement.Ask) { a.Security.Encryption = true }, agreement.NotEncrypted, "demands that what is stored is encrypted"},
	{"a sink that nobody declared to be encrypted", func(a *config.Agreement, k *agreement.Ask) {
		a.Security.Encryption, k.Encrypted = true, true
		k.Places["tables"] = config.Sink{Region: "us-east", EncryptedDisk: true}
	}, agreement.PlainSink, "sink lake is not: bulkhead cannot encrypt sinks"},
	{"together with others", func(_ *config.Agreement, k *agreement.Ask) {
		*k = agreement.Ask{Stage: agreement.AtRead, Tenant: k.Tenant, At: k.At, Together: true}
	}, agreement.NotTogether, "does not grant queries"},
}

func TestWhatIsDemandedAndGrantedIsPermitted(t *testing.T) {
	a, k := standing(), kickoff()
	a.Security.Encryption, k.Encrypted = true, true
	k.Stage = agreement.AtDownload // the sinks come later
	if v := agreement.Decide(a, k); !v.Permit {
		t.Errorf("files that are encrypted: %+v", v)
	}
	for _, stage := range []agreement.Stage{agreement.AtKickoff, agreement.AtDelivery} {
		k.Stage = stage
		for name, place := range k.Places {
			place.EncryptedDisk = true
			k.Places[name] = place
		}
		if v := agreement.Decide(a, k); !v.Permit {
			t.Errorf("sinks on encrypted disks, at %s: %+v", stage, v)
		}
	}
	a.Grants.Aggregate = true
	if v := agreement.Decide(a, agreement.Ask{Stage: agreement.AtRead, Tenant: "lakeside", At: k.At, Together: true}); !v.Permit {
		t.Errorf("granted: %+v", v)
	}
	for system, want := range map[string]string{"": "substance-use", "http://terminology.hl7.org/CodeSystem/v3-ActCode": "substance-use", "https://other.example": ""} {
		if got := agreement.Withheld(a)(system, "ETH"); got != want {
			t.Errorf("ETH of %q is withheld as %q, want %q", system, got, want)
		}
	}
	a.Sensitive = []string{config.SensitiveSubstanceUse}
	for code, want := range map[string]string{"ETH": "", "42CFRPart2": "", "HIV": "hiv", "R": ""} {
		if got := agreement.Withheld(a)("", code); got != want {
			t.Errorf("%s is withheld as %q, want %q", code, got, want)
		}
	}
	if got := agreement.Withheld(nil)("", "HIV"); got != "hiv" {
		t.Errorf("without an agreement HIV is withheld as %q", got)
	}
}

func TestAnAgreementDeniesWhatItDoesNotName(t *testing.T) {
	if v := agreement.Decide(standing(), kickoff()); !v.Permit || v.Rule != agreement.Permitted || v.Problem != nil {
		t.Fatalf("what the agreement names was denied: %+v", v)
	}
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			a, k := standing(), kickoff()
			c.change(a, &k)
			v := agreement.Decide(a, k)
			if v.Permit || v.Rule != c.rule {
				t.Fatalf("verdict = %+v, want rule %s", v, c.rule)
			}
			p := v.Problem
			if p.Code != problem.AgreementDenied || !strings.Contains(p.Summary, c.text) || p.Remedy == "" || p.Tenant != "lakeside" {
				t.Errorf("problem = %+v, want %q", p, c.text)
			}
			if got, ok := errors.AsType[*agreement.Refusal](p); !ok || got.Stage != k.Stage || agreement.Of(p) != c.rule {
				t.Errorf("the problem's cause is %v", p.Err)
			}
		})
	}
}

func TestEveryRuleForbidsSomething(t *testing.T) {
	names, means := agreement.Rules()
	tried := []agreement.Rule{agreement.NoAgreement} // the test below
	for _, c := range refusals {
		tried = append(tried, c.rule)
	}
	for _, name := range names {
		if !slices.Contains(tried, name) {
			t.Errorf("no test shows what rule %s forbids", name)
		}
		if means[name] == "" {
			t.Errorf("rule %s has no meaning", name)
		}
	}
}

func TestWithoutAnAgreementNothingIsPermitted(t *testing.T) {
	for _, stage := range agreement.Stages {
		v := agreement.Decide(nil, agreement.Ask{Stage: stage, Tenant: "lakeside", At: day})
		if v.Permit || v.Rule != agreement.NoAgreement || v.Problem.Code != problem.AgreementMissing {
			t.Errorf("at %s: %+v", stage, v)
		}
	}
}

// Which stages an agreement that does not hold still permits: the one that ends
// what it began, and the duties that outlast it.
func TestOnlyEndsAndDutiesNeedNoStandingAgreement(t *testing.T) {
	for _, status := range []string{config.AgreementDraft, config.AgreementSuspended, config.AgreementTerminated} {
		for _, stage := range agreement.Stages {
			a, k := standing(), agreement.Ask{Stage: stage, Tenant: "lakeside", At: day.Add(1)}
			a.Status = status
			if v := agreement.Decide(a, k); v.Permit != slices.Contains([]agreement.Stage{agreement.AtRelease, agreement.AtNotice, agreement.AtReturn}, stage) {
				t.Errorf("%s at %s: %+v", status, stage, v)
			}
		}
	}
	for _, c := range refusals {
		if c.rule.Ends() != (c.rule == agreement.Terminated) {
			t.Errorf("rule %s ends what runs: %v", c.rule, c.rule.Ends())
		}
	}
}

func TestWhatRunsIsNotStoppedForAnEndThatIsYetToCome(t *testing.T) {
	k := kickoff()
	k.Until = day.AddDate(2, 0, 0)
	for _, stage := range []agreement.Stage{agreement.AtPoll, agreement.AtDownload, agreement.AtLanding, agreement.AtDelivery} {
		k.Stage = stage
		if v := agreement.Decide(standing(), k); !v.Permit {
			t.Errorf("at %s: %+v", stage, v)
		}
	}
}

func TestAStarPermitsAllButWhatIsDeniedByName(t *testing.T) {
	a := standing()
	a.Types, a.Groups, a.Sinks, a.Attachments, a.Regions = []string{"*"}, []string{"*"}, []string{"*"}, true, nil
	ask := agreement.Ask{Tenant: "t", At: day, Level: config.LevelSystem, Types: []string{"Binary"}, Sinks: []string{"abroad"}, Attachments: true}
	if p := agreement.Check(a, ask); p != nil {
		t.Errorf("denied: %v", p)
	}
	a.DeniedTypes = []string{"Provenance"}
	if diff := cmp.Diff([]string{"Provenance"}, agreement.NotPermitted(a, []string{"Binary", "Provenance", "Patient"})); diff != "" {
		t.Errorf("not permitted (-want +got):\n%s", diff)
	}
	a.Types = []string{"Patient"}
	if diff := cmp.Diff([]string{"Binary", "Provenance"}, agreement.NotPermitted(a, []string{"Binary", "Provenance", "Patient"})); diff != "" {
		t.Errorf("not permitted (-want +got):\n%s", diff)
	}
	if got := agreement.NotPermitted(nil, []string{"Patient"}); len(got) != 1 {
		t.Errorf("without an agreement all but %v is permitted", got)
	}
}

func TestThePageExplainsEveryRule(t *testing.T) {
	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	names, means := agreement.Rules()
	for _, name := range names {
		if row := fmt.Sprintf("| `%s` | %s |\n", name, means[name]); !strings.Contains(string(page), row) {
			t.Errorf("docs/audit.md lacks the row\n%s", row)
		}
	}
	for _, stage := range agreement.Stages {
		if !strings.Contains(string(page), "`"+string(stage)+"`") {
			t.Errorf("docs/audit.md lacks the stage %s", stage)
		}
	}
}

// What was refused at its kick-off has never begun: a person who resumed it
// would be told so.
func TestOnlyWhatHasBegunIsToldToBeResumed(t *testing.T) {
	t.Parallel()
	a := &config.Agreement{Reference: "B", Status: config.AgreementSuspended}
	for stage, want := range map[agreement.Stage]string{
		agreement.AtKickoff:  "start one with bulkhead export oak.",
		agreement.AtDownload: "resume what stopped with bulkhead export oak --resume.",
	} {
		v := agreement.Decide(a, agreement.Ask{Stage: stage, Tenant: "oak"})
		if v.Permit || !strings.Contains(v.Problem.Remedy, want) {
			t.Errorf("%s: %+v, want %q", stage, v.Problem, want)
		}
	}
}
