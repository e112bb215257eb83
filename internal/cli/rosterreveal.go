package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// reveal prints the ids of those who joined and left, after it is on record
// that somebody asked for them and why. The agreement must hold (I1).
func (c *rosterCommand) reveal(ctx context.Context, g *Globals) error {
	return g.onRecord(ctx, func(cfg *config.Config, s *store.Store) error {
		t, err := c.practice(cfg)
		if err != nil {
			return err
		}
		verdict := agreement.Decide(t.Agreement, agreement.Ask{Stage: agreement.AtRead, Tenant: t.ID, At: time.Now()}) // I1
		if !verdict.Permit {
			return refusedSight(ctx, s, t.ID, agreement.AtRead, verdict)
		}
		stream := export.Order{Config: cfg, Tenant: t}.Stream()
		lists, err := s.In(t.ID).GroupLists(ctx, stream, false, c.Limit)
		if err != nil || len(lists) == 0 {
			return err
		}
		since, err := c.since(ctx, s, stream, lists)
		if err != nil {
			return err
		}
		m, err := movement(ctx, cfg, s, t.ID, stream, since)
		if err != nil {
			return err
		}
		if err := c.record(ctx, s, lists[0].Export, m, verdict); err != nil {
			return err
		}
		return c.printMovement(g, m)
	})
}

// movement reads who joined and left, by the ids that the server gave them.
func movement(ctx context.Context, cfg *config.Config, s *store.Store, tenant, stream string, since time.Time) (m store.Movement, err error) {
	if m, err = s.In(tenant).GroupMovement(ctx, stream, since); err != nil {
		return m, err
	}
	keys, err := app.Keys(cfg, s, true)
	if err != nil {
		return m, err
	}
	for _, part := range []*[]string{&m.Joined, &m.Left} {
		if *part, err = keys.Unveil(ctx, tenant, *part); err != nil {
			return m, err
		}
		slices.Sort(*part)
	}
	return m, nil
}

// record notes who asked. The list stands there as a keyed hash: it can be
// shown later that a list is the one that was given.
func (c *rosterCommand) record(ctx context.Context, s *store.Store, latest string, m store.Movement, v agreement.Verdict) error {
	return s.In(c.Tenant).Do(ctx, func(tx *store.Tx) error {
		list, err := tx.Keyed([]byte(strings.Join(m.Joined, "\n") + "\n\n" + strings.Join(m.Left, "\n")))
		if err != nil {
			return err
		}
		return tx.Audit(audit.Event{
			Action: audit.PatientsListed, Export: latest, Object: "group", Reason: c.Access, Rule: string(v.Rule),
			Facts: map[string]any{"patients": len(m.Joined) + len(m.Left), "list_hmac": list},
		})
	})
}

func (c *rosterCommand) printMovement(g *Globals, m store.Movement) error {
	for _, part := range []struct {
		what string
		ids  []string
	}{{"joined", m.Joined}, {"left", m.Left}} {
		for _, id := range part.ids {
			if !g.JSON {
				g.printf("%-6s  %s\n", part.what, id)
				continue
			}
			if err := g.emit(map[string]string{"tenant": c.Tenant, "movement": part.what, "patient": id}); err != nil {
				return err
			}
		}
	}
	return nil
}
