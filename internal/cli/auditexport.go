package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type auditExportCommand struct {
	Tenant string `arg:"" optional:"" help:"The practice (default: every chain, that of the house first)."`
	House  bool   `help:"Only what belongs to no practice: keys, the configuration, people who sign in."`
	Since  string `placeholder:"TIME" help:"Only what was recorded since: a date, an instant, or how long ago."`
	CSV    bool   `help:"Print CSV instead of JSON, one object per line."`
}

// Run prints chains, row by row as they were hashed. That it did so is the
// last row that it prints of each.
func (c *auditExportCommand) Run(ctx context.Context, g *Globals) error {
	since, err := sinceOf(c.Since, time.Now())
	if err != nil {
		return err
	}
	return g.onRecord(ctx, func(cfg *config.Config, s *store.Store) error {
		chains, err := c.chains(ctx, cfg, s)
		if err != nil {
			return err
		}
		if err := s.Record(ctx, audit.Event{Action: audit.RecordRead, Reason: "export"}, chains...); err != nil {
			return err
		}
		write := g.rowWriter(c.CSV)
		var ends []audit.Head
		for _, chain := range chains {
			end, err := printChain(ctx, s.In(chain), since, write)
			if err != nil {
				return err
			}
			ends = append(ends, end)
		}
		return g.tellEnds(ends)
	})
}

func (c *auditExportCommand) chains(ctx context.Context, cfg *config.Config, s *store.Store) ([]string, error) {
	switch {
	case c.House && c.Tenant != "":
		return nil, problem.New(problem.Usage, "--house stands beside a practice", "Give one or the other.")
	case c.House:
		return []string{audit.House}, nil
	case c.Tenant != "":
		_, err := knownTenant(ctx, cfg, s, c.Tenant)
		return []string{c.Tenant}, err
	}
	chains, err := s.AuditChains(ctx)
	if !slices.Contains(chains, audit.House) {
		chains = append([]string{audit.House}, chains...)
	}
	return chains, err
}

// printChain prints a chain up to the end that it has now.
func printChain(ctx context.Context, s *store.Scope, since time.Time, write func(audit.Entry) error) (audit.Head, error) {
	end, _, err := s.AuditHead(ctx)
	if err != nil {
		return end, err
	}
	for e, err := range s.Audit(ctx, 0) {
		if err != nil {
			return end, err
		}
		if e.Seq > end.Seq {
			break
		}
		if e.At.Before(since) {
			continue
		}
		if err := write(e); err != nil {
			return end, err
		}
	}
	return end, nil
}

// tellEnds prints the ends of chains to the standard error, as anchors.
func (g *Globals) tellEnds(ends []audit.Head) error {
	var text strings.Builder
	text.WriteString("keep what follows where nobody who can write the ledger can change it; bulkhead audit verify --anchors takes a file of such lines:\n")
	for _, end := range ends {
		line, err := json.Marshal(audit.Anchor{Time: audit.Instant(time.Now()), Head: end})
		if err != nil {
			return err
		}
		text.Write(append(line, '\n'))
	}
	_, err := io.WriteString(g.streams.Err, text.String())
	return err
}

func (g *Globals) rowWriter(asCSV bool) func(audit.Entry) error {
	if !asCSV {
		enc := json.NewEncoder(g.streams.Out)
		enc.SetEscapeHTML(false)
		return func(e audit.Entry) error { return enc.Encode(e) }
	}
	w := csv.NewWriter(g.streams.Out)
	head := false
	return func(e audit.Entry) error {
		if !head {
			head = true
			if err := w.Write(audit.Columns()); err != nil {
				return err
			}
		}
		if err := w.Write(e.Cells()); err != nil {
			return err
		}
		w.Flush()
		return w.Error()
	}
}

// knownTenant gives a practice of the configuration, or nil for one that the
// ledger alone still knows.
func knownTenant(ctx context.Context, cfg *config.Config, s *store.Store, id string) (*config.Tenant, error) {
	t, unknown := cfg.Tenant(id)
	if unknown == nil {
		return t, nil
	}
	tenants, err := s.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	for _, of := range tenants {
		if of.ID == id {
			return nil, nil
		}
	}
	return nil, unknown
}

type auditWhoSawCommand struct {
	Tenant string `arg:"" help:"The practice."`
	Since  string `placeholder:"TIME" help:"Only since: a date, an instant, or how long ago."`
}

// Looked is one act by which a person saw a practice's records, or may have.
type looked struct {
	Time   string       `json:"time"`
	Who    string       `json:"who"`
	Source string       `json:"source,omitempty"`
	Action audit.Action `json:"action"`
	Export string       `json:"export,omitempty"`
	Object string       `json:"object,omitempty"`
	Reason string       `json:"reason,omitempty"`
	Row    int64        `json:"row"`
}

// Run lists who saw what, the oldest first. That somebody asked is on record
// too.
func (c *auditWhoSawCommand) Run(ctx context.Context, g *Globals) error {
	since, err := sinceOf(c.Since, time.Now())
	if err != nil {
		return err
	}
	return g.onRecord(ctx, func(cfg *config.Config, s *store.Store) error {
		if _, err := knownTenant(ctx, cfg, s, c.Tenant); err != nil {
			return err
		}
		if err := s.Record(ctx, audit.Event{Action: audit.RecordRead, Reason: "who-saw"}, c.Tenant); err != nil {
			return err
		}
		table := grid{header: []string{"time", "who", "from", "what", "export", "object", "reason"}}
		for e, err := range s.In(c.Tenant).Audit(ctx, 0) {
			if err != nil {
				return err
			}
			if !e.Action.Sees() || e.At.Before(since) {
				continue
			}
			if !g.JSON {
				table.add(e.Time, e.Actor, e.Source, string(e.Action), e.Export, e.Object, e.Reason)
				continue
			}
			if err := g.emit(looked{e.Time, e.Actor, e.Source, e.Action, e.Export, e.Object, e.Reason, e.Seq}); err != nil {
				return err
			}
		}
		switch {
		case g.JSON:
		case len(table.rows) == 0:
			g.printf("nobody looked at the records of %s\n", c.Tenant)
		default:
			table.print(g)
		}
		return nil
	})
}

// checkReason refuses a reason that is no short line.
func checkReason(flag, text string) error {
	if text != audit.Line(text) || len(text) > accessText {
		return problem.New(problem.Usage, fmt.Sprintf("%s has more than %d bytes, or control characters", flag, accessText), "Say it in one short line that names no patient.")
	}
	return nil
}
