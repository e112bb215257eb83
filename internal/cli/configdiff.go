package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type configDiffCommand struct{}

// Run prints what the files would change. It changes nothing.
func (*configDiffCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	inForce, err := partsInForce(ctx, cfg)
	if err != nil {
		return err
	}
	return g.printDiff(cfg, config.CompareParts(inForce, cfg.Parts()))
}

// partsInForce reads what is in force; it is nothing before the first start.
func partsInForce(ctx context.Context, cfg *config.Config) ([]config.Part, error) {
	s, err := store.Look(ctx, app.Ledger(cfg))
	if errors.Is(err, store.ErrNoLedger) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // it was only read
	parts, err := s.InForce(ctx)
	return configParts(parts), err
}

func configParts(recorded []store.Registered) []config.Part {
	parts := make([]config.Part, len(recorded))
	for i, p := range recorded {
		parts[i] = config.Part{Tenant: p.Tenant, Text: p.Text, Frozen: p.Frozen}
	}
	return parts
}

// printDiff prints a difference as a person reads it, or as one JSON object.
func (g *Globals) printDiff(cfg *config.Config, d config.Diff) error {
	if g.JSON {
		if d.Empty() {
			d.Changes = []config.Change{} // an empty list, not null
		}
		return g.emit(struct {
			config.Diff
			Restart []string `json:"restart,omitempty"`
		}{d, d.Restart()})
	}
	if d.Empty() {
		g.printf("nothing differs: the files are what is in force\n")
		return nil
	}
	for i := range d.Changes {
		g.printChange(cfg, &d.Changes[i])
	}
	g.printf("%s\n", counts(d))
	if late := d.Restart(); len(late) > 0 {
		g.printf("at the next start only: %s\n", strings.Join(late, ", "))
	}
	return nil
}

func (g *Globals) printChange(cfg *config.Config, c *config.Change) {
	if c.Tenant == "" && c.Kind == config.Added {
		g.printf("+ what all practices share: %s, %s, state in %s\n",
			some(int64(len(cfg.Registrations)), "registration"), some(int64(len(cfg.Sinks)), "sink"), cfg.Folder)
		return
	}
	if c.Tenant == "" {
		g.printf("~ what all practices share\n")
		g.printFields(c.Fields)
		return
	}
	switch c.Kind {
	case config.Removed:
		g.printf("- %s: frozen; its exports stop at their next step, its data stays\n", c.Tenant)
		return
	case config.Added:
		g.printf("+ %s: %s\n", c.Tenant, inShort(cfg, c.Tenant))
		return
	case config.Thawed:
		g.printf("+ %s is back: %s\n", c.Tenant, inShort(cfg, c.Tenant))
	default:
		g.printf("~ %s\n", c.Tenant)
	}
	g.printFields(c.Fields)
}

// inShort says of a practice what an operator wants to know first.
func inShort(cfg *config.Config, tenant string) string {
	t, err := cfg.Tenant(tenant)
	if err != nil {
		return ""
	}
	words := []string{t.Name, t.FHIRBaseURL}
	if a := t.Agreement; a == nil {
		words = append(words, "no agreement: nothing will be requested")
	} else {
		until := "without end"
		if !a.ExpiresAt.IsZero() {
			until = "until " + a.ExpiresAt.Format(time.DateOnly)
		}
		words = append(words, fmt.Sprintf("agreement %s %s %s", a.Reference, a.Status, until))
	}
	what := t.Level
	if t.Group != "" {
		what += " " + t.Group
	}
	when := "only when asked"
	if t.Schedule != "" {
		when = t.Schedule + " " + t.TimeZone
	}
	return strings.Join(append(words, what, strings.Join(t.Types, " "), "to "+strings.Join(t.Sinks, ", "), when), " · ")
}

func (g *Globals) printFields(fields []config.FieldChange) {
	width := 0
	for _, f := range fields {
		width = max(width, min(len(f.Field), 40))
	}
	for _, f := range fields {
		g.printf("    %-*s  %s\n", width, f.Field, changeOf(f))
	}
}

// changeOf says what becomes of a field: of a list what comes and goes, of
// anything else what it was and what it becomes.
func changeOf(f config.FieldChange) string {
	if added, removed, ok := f.Items(); ok && len(added)+len(removed) > 0 {
		var words []string
		for _, s := range added {
			words = append(words, "+"+s)
		}
		for _, s := range removed {
			words = append(words, "-"+s)
		}
		return strings.Join(words, " ")
	}
	return plainly(f.Old) + " -> " + plainly(f.New)
}

// plainly writes a JSON value without its quotes.
func plainly(text string) string {
	if text == "" {
		return "not set"
	}
	var s string
	if json.Unmarshal([]byte(text), &s) == nil {
		if s == "" {
			return "named"
		}
		return s
	}
	var list []string
	if json.Unmarshal([]byte(text), &list) == nil {
		return strings.Join(list, " ")
	}
	return text
}

func counts(d config.Diff) string {
	var words []string
	permits := 0
	for i := range d.Changes {
		if c := &d.Changes[i]; c.Kind == config.Changed && c.Permits() {
			permits++
		}
	}
	for _, k := range []struct{ kind, verb string }{
		{config.Added, "added"}, {config.Thawed, "back"}, {config.Removed, "frozen"}, {config.Changed, "changed"},
	} {
		if n := d.Count(k.kind); n > 0 {
			words = append(words, some(int64(n), "practice")+" "+k.verb)
		}
	}
	if permits > 0 {
		words = append(words, fmt.Sprintf("%d of them in their agreement", permits))
	}
	if len(words) == 0 {
		return "only what all practices share is changed"
	}
	return strings.Join(words, ", ")
}

// revisions gives the recorded revisions, each with what it changed.
func (c *configHistoryCommand) revisions(ctx context.Context, g *Globals) ([]revision, error) {
	var list []revision
	err := g.looking(ctx, func(_ *config.Config, s *store.Store) error {
		recorded, err := s.In(c.Tenant).Revisions(ctx, c.Limit+1)
		if err != nil {
			return err
		}
		for i, p := range recorded {
			if i == c.Limit {
				break // it is read only for what the one after it changed
			}
			r := revision{Tenant: p.Tenant, Revision: p.Revision, AppliedAt: p.AppliedAt.UTC(), AppliedBy: p.AppliedBy, Digest: p.Digest}
			r.Kind, r.Fields = since(recorded[i+1:], p)
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// since says what a revision changed; before are those before it, newest first.
func since(before []store.Registered, p store.Registered) (kind string, fields []config.FieldChange) {
	switch {
	case len(before) == 0:
		return config.Added, nil
	case p.Frozen:
		return config.Removed, nil
	}
	d := config.CompareParts(configParts(before[:1]), configParts([]store.Registered{p}))
	if d.Empty() {
		return config.Changed, nil
	}
	return d.Changes[0].Kind, d.Changes[0].Fields
}
