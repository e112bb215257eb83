package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/disclosure"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type auditPatientsCommand struct {
	Tenant string `arg:"" help:"The practice."`
	Export string `required:"" placeholder:"ID" help:"The export."`
	Reason string `required:"" placeholder:"TEXT" help:"Why somebody must know. It is recorded for good with who asked, and must name no patient."`
}

// Run prints the ids of an export's patients, after it is on record that they
// were asked for. The list itself is on record as a keyed hash: it can be shown
// later that a list is the one that was given.
func (c *auditPatientsCommand) Run(ctx context.Context, g *Globals) error {
	if strings.TrimSpace(c.Reason) == "" {
		return problem.New(problem.Usage, "the ids of patients are given for a reason only", "Say why in a few words that name no patient: --reason \"notice of a breach, case 12\". It is recorded.")
	}
	if err := checkReason("--reason", c.Reason); err != nil {
		return err
	}
	return g.onRecord(ctx, func(cfg *config.Config, s *store.Store) error {
		t, err := knownTenant(ctx, cfg, s, c.Tenant)
		if err != nil {
			return err
		}
		verdict := agreement.Decide(agreementOf(t), agreement.Ask{Stage: agreement.AtNotice, Tenant: c.Tenant, At: time.Now()}) // I1
		if !verdict.Permit {
			return refusedSight(ctx, s, c.Tenant, agreement.AtNotice, verdict)
		}
		people, err := c.people(ctx, cfg, s)
		if err != nil {
			return err
		}
		if err := c.record(ctx, s, people, verdict); err != nil {
			return err
		}
		return c.print(g, people)
	})
}

func agreementOf(t *config.Tenant) *config.Agreement {
	if t == nil {
		return nil
	}
	return t.Agreement
}

// refusedSight puts on record that somebody was not shown what they asked for.
func refusedSight(ctx context.Context, s *store.Store, tenant string, stage agreement.Stage, v agreement.Verdict) error {
	err := s.Record(ctx, audit.Event{
		Action: audit.Policy, Object: string(stage), Outcome: audit.Refused, Reason: string(v.Problem.Code), Rule: string(v.Rule),
	}, tenant)
	if err != nil {
		return err
	}
	return v.Problem
}

// people lists the patients of the export from its staged files.
func (c *auditPatientsCommand) people(ctx context.Context, cfg *config.Config, s *store.Store) (people disclosure.People, err error) {
	if _, err := s.In(c.Tenant).Export(ctx, c.Export); err != nil {
		return disclosure.People{}, err
	}
	err = withFilesOf(cfg, s, c.Tenant, func(scope *blob.Scope) (err error) {
		people, err = disclosure.Patients(ctx, s.In(c.Tenant), scope, c.Export)
		return err
	})
	if p, told := errors.AsType[*problem.Problem](err); told {
		return people, p.For(c.Tenant)
	}
	if err != nil {
		return people, problem.Wrap(err, problem.StorageDamaged, "the staged files of export "+c.Export+" cannot be read",
			"See what is missing with bulkhead doctor; it can make staged files again from raw.").For(c.Tenant)
	}
	return people, nil
}

func (c *auditPatientsCommand) record(ctx context.Context, s *store.Store, people disclosure.People, v agreement.Verdict) error {
	return s.In(c.Tenant).Do(ctx, func(tx *store.Tx) error {
		list, err := tx.Keyed([]byte(strings.Join(people.IDs, "\n")))
		if err != nil {
			return err
		}
		return tx.Audit(audit.Event{
			Action: audit.PatientsListed, Export: c.Export, Reason: c.Reason, Rule: string(v.Rule),
			Facts: map[string]any{"patients": len(people.IDs), "list_hmac": list},
		})
	})
}

func (c *auditPatientsCommand) print(g *Globals, people disclosure.People) error {
	for _, id := range people.IDs {
		if !g.JSON {
			g.printf("%s\n", id)
			continue
		}
		if err := g.emit(map[string]string{"tenant": c.Tenant, "export": c.Export, "patient": id}); err != nil {
			return err
		}
	}
	for _, says := range people.Says() {
		g.note("%s", says)
	}
	return nil
}
