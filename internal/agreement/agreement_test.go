package agreement_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func standing() *config.Agreement {
	return &config.Agreement{
		Reference: "BAA-7", Status: config.AgreementActive,
		EffectiveFrom: config.Moment{Time: day}, ExpiresAt: config.Moment{Time: day.AddDate(1, 0, 0)},
		Types: []string{"Patient", "Condition"}, Groups: []string{"diabetics"}, Sinks: []string{"tables"},
	}
}

func TestAnAgreementDeniesWhatItDoesNotName(t *testing.T) {
	ask := agreement.Ask{
		Tenant: "lakeside", At: day.Add(time.Hour), Level: config.LevelGroup, Group: "diabetics",
		Types: []string{"Patient"}, Sinks: []string{"tables"},
	}
	if p := agreement.Check(standing(), ask); p != nil {
		t.Fatalf("what the agreement names was denied: %v", p)
	}
	cases := []struct {
		name   string
		change func(*config.Agreement, *agreement.Ask)
		code   problem.Code
		text   string
	}{
		{"suspended", func(a *config.Agreement, _ *agreement.Ask) { a.Status = config.AgreementSuspended }, problem.AgreementDenied, "is suspended"},
		{"terminated", func(a *config.Agreement, _ *agreement.Ask) { a.Status = config.AgreementTerminated }, problem.AgreementDenied, "is terminated"},
		{"too early", func(_ *config.Agreement, k *agreement.Ask) { k.At = day.Add(-1) }, problem.AgreementDenied, "begins only on 2026-03-01"},
		{"at the end", func(_ *config.Agreement, k *agreement.Ask) { k.At = day.AddDate(1, 0, 0) }, problem.AgreementDenied, "ended on 2027-03-01"},
		{"other group", func(_ *config.Agreement, k *agreement.Ask) { k.Group = "all" }, problem.AgreementDenied, "does not name group all"},
		{"whole practice", func(_ *config.Agreement, k *agreement.Ask) { k.Level = config.LevelPatient }, problem.AgreementDenied, "all patients"},
		{"other type", func(_ *config.Agreement, k *agreement.Ask) { k.Types = []string{"Patient", "Binary"} }, problem.AgreementDenied, "does not permit Binary"},
		{"attachments", func(_ *config.Agreement, k *agreement.Ask) { k.Attachments = true }, problem.AgreementDenied, "does not permit to store attachments"},
		{"other sink", func(_ *config.Agreement, k *agreement.Ask) { k.Sinks = []string{"lake"} }, problem.AgreementDenied, "delivery to lake"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, k := standing(), ask
			c.change(a, &k)
			p := agreement.Check(a, k)
			if p == nil || p.Code != c.code || !strings.Contains(p.Summary, c.text) || p.Remedy == "" || p.Tenant != "lakeside" {
				t.Errorf("problem = %+v, want code %s and %q", p, c.code, c.text)
			}
		})
	}
}

func TestWithoutAnAgreementNothingIsPermitted(t *testing.T) {
	p := agreement.Check(nil, agreement.Ask{Tenant: "lakeside", At: day})
	if p == nil || p.Code != problem.AgreementMissing {
		t.Fatalf("problem = %v, want %s", p, problem.AgreementMissing)
	}
}

func TestAStarPermitsAll(t *testing.T) {
	a := standing()
	a.Types, a.Groups, a.Sinks, a.Attachments = []string{"*"}, []string{"*"}, []string{"*"}, true
	ask := agreement.Ask{Tenant: "t", At: day, Level: config.LevelSystem, Types: []string{"Binary"}, Sinks: []string{"lake"}, Attachments: true}
	if p := agreement.Check(a, ask); p != nil {
		t.Errorf("denied: %v", p)
	}
}
