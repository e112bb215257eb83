package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/duckdbsink"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// practices gives whose rows the statement sees; all says that these are all
// that there are. Each practice's agreement must permit to read, and where there
// are several to see them together; unless the glass is broken.
func (c *queryCommand) practices(ctx context.Context, cfg *config.Config, tables *duckdbsink.Sink) (seen []string, all bool, err error) {
	held, err := tables.Holdings(ctx, false)
	if err != nil {
		return nil, false, err
	}
	seen, all = slices.Sorted(maps.Keys(held)), len(c.Tenant) == 0
	if !all {
		seen = slices.Compact(slices.Sorted(slices.Values(c.Tenant)))
		for _, id := range seen {
			if _, err := cfg.Tenant(id); err != nil && len(held[id].Receipts) == 0 {
				return nil, false, err
			}
		}
	}
	denied := c.denied(cfg, seen)
	if len(denied) == 0 || c.BreakGlass != "" {
		return seen, all, nil
	}
	if c.Permitted {
		seen = slices.DeleteFunc(seen, func(id string) bool { _, no := denied[id]; return no })
		if again := c.denied(cfg, seen); len(again) == 0 {
			return seen, false, nil
		}
	}
	return nil, false, c.refuse(ctx, cfg, denied)
}

// denied gives the practices whose agreement does not permit the query.
func (c *queryCommand) denied(cfg *config.Config, seen []string) map[string]agreement.Verdict {
	denied := map[string]agreement.Verdict{}
	for _, id := range seen {
		t, err := cfg.Tenant(id)
		if err != nil {
			t = nil // no longer configured: nobody can say that it is permitted
		}
		v := agreement.Decide(agreementOf(t), agreement.Ask{Stage: agreement.AtRead, Tenant: id, At: time.Now(), Together: len(seen) > 1}) // I1
		if !v.Permit {
			denied[id] = v
		}
	}
	return denied
}

// refuse puts on record, for each practice, that nobody saw its rows, and says
// why.
func (c *queryCommand) refuse(ctx context.Context, cfg *config.Config, denied map[string]agreement.Verdict) error {
	ids := slices.Sorted(maps.Keys(denied))
	err := onAnyLedger(ctx, cfg, func(s *store.Store) error {
		for _, id := range ids {
			v := denied[id]
			if err := s.Record(ctx, audit.Event{
				Action: audit.Policy, Object: string(agreement.AtRead), Outcome: audit.Refused, Reason: string(v.Problem.Code), Rule: string(v.Rule),
			}, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(ids) == 1 && len(c.Tenant) == 1 {
		return denied[ids[0]].Problem
	}
	var why []string
	for _, id := range ids {
		why = append(why, id+" ("+string(denied[id].Rule)+")")
	}
	return problem.Wrap(denied[ids[0]].Problem, problem.AgreementDenied, "the query would see rows of practices whose agreement does not permit it: "+strings.Join(why, ", "),
		"Name the practice with --tenant, one alone or several that grant grants.aggregate; or leave the others out with --permitted. In an emergency, --break-glass REASON puts it on their record.")
}

// record puts the statement on record in the chain of every practice whose
// rows it may have seen, before it runs. Its text may name a patient, so that
// only a keyed hash of it stands there. Without a ledger there was no export.
func (c *queryCommand) record(ctx context.Context, cfg *config.Config, statement string, seen []string) error {
	return onAnyLedger(ctx, cfg, func(s *store.Store) error {
		known, err := s.Tenants(ctx)
		if err != nil {
			return err
		}
		chains := []string{audit.House}
		for _, t := range known {
			if slices.Contains(seen, t.ID) {
				chains = append(chains, t.ID)
			}
		}
		hash := ""
		if err := s.In(audit.House).Do(ctx, func(tx *store.Tx) (err error) { hash, err = tx.Keyed([]byte(statement)); return err }); err != nil {
			return err
		}
		ev := audit.Event{Action: audit.TablesQueried, Object: c.Sink, Reason: c.BreakGlass, Facts: map[string]any{"statement_hmac": hash}}
		if c.BreakGlass != "" {
			ev.Rule = "break_glass"
		}
		return s.Record(ctx, ev, chains...)
	})
}
