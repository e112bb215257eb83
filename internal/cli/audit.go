package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type auditCommand struct {
	Verify   auditVerifyCommand   `cmd:"" help:"Walk the chains of the record, and name the first row that is not what was recorded."`
	Export   auditExportCommand   `cmd:"" help:"Print the record, so that others can keep and verify it."`
	WhoSaw   auditWhoSawCommand   `cmd:"" name:"who-saw" help:"Say who looked at a practice's records."`
	Patients auditPatientsCommand `cmd:"" help:"Say which patients an export holds. It is recorded that you asked, and why."`
	Review   auditReviewCommand   `cmd:"" help:"Sign that you have reviewed a practice's record."`
}

type auditVerifyCommand struct {
	Tenant  string `arg:"" optional:"" help:"The practice (default: all, and the house)."`
	Anchors string `type:"path" placeholder:"FILE" help:"Ends of chains that were kept elsewhere, one JSON object a line, beside those next to the ledger."`
	File    string `type:"path" placeholder:"FILE" help:"Verify rows that bulkhead audit export printed as JSON, without any ledger."`
}

// A walked chain is what verify says of it.
type walked struct {
	Tenant string       `json:"tenant"`
	Rows   int64        `json:"rows"`
	Hash   string       `json:"hash,omitempty"` // of the last row
	Fault  *audit.Fault `json:"broken,omitempty"`
}

// Run walks the chains. The first fault of each is told; any is the problem
// AuditBroken.
func (c *auditVerifyCommand) Run(ctx context.Context, g *Globals) error {
	kept, err := c.anchors(g, "")
	if err != nil {
		return err
	}
	if c.File != "" {
		return c.file(g, kept)
	}
	return g.looking(ctx, func(cfg *config.Config, s *store.Store) error {
		beside, err := c.anchors(g, store.AnchorsOf(app.Ledger(cfg)))
		if err != nil {
			return err
		}
		if err := g.missedAnchors(ctx, s, beside); err != nil {
			return err
		}
		anchors := append(beside, kept...)
		chains, err := c.chains(ctx, s, anchors)
		if err != nil {
			return err
		}
		var broken []walked
		for _, tenant := range chains {
			head, fault, err := s.AuditFaults(ctx, tenant, anchors)
			if err != nil {
				return err
			}
			w := walked{tenant, head.Seq, head.Hash, fault}
			if fault != nil {
				broken = append(broken, w)
			}
			if err := g.printWalked(w); err != nil {
				return err
			}
		}
		return brokenRecord(broken)
	})
}

// chains are those that have rows, and those that had some.
func (c *auditVerifyCommand) chains(ctx context.Context, s *store.Store, anchors []audit.Anchor) ([]string, error) {
	chains, err := s.AuditChains(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range anchors {
		chains = append(chains, a.Tenant)
	}
	slices.Sort(chains)
	chains = slices.Compact(chains)
	if c.Tenant == "" {
		return chains, nil
	}
	if !slices.Contains(chains, c.Tenant) {
		return nil, problem.New(problem.Usage, "nothing is on record for this practice", "Name one that bulkhead status shows.").For(c.Tenant)
	}
	return []string{c.Tenant}, nil
}

// anchors reads a file of anchors: that of the flag without another.
func (c *auditVerifyCommand) anchors(g *Globals, path string) ([]audit.Anchor, error) {
	if path == "" {
		if path = c.Anchors; path == "" {
			return nil, nil
		}
		if _, err := os.Stat(path); err != nil {
			return nil, problem.Wrap(err, problem.Usage, "the file of anchors cannot be read", "Give the file in which you kept them.")
		}
	}
	anchors, unreadable, err := audit.ReadAnchors(path)
	if err != nil {
		return nil, problem.Wrap(err, problem.StorageUnwritable, "the anchors of the record cannot be read", "Check that the file belongs to the user who runs bulkhead.")
	}
	if unreadable > 0 {
		g.note("%d lines of the anchors in %s cannot be read; a crash cuts one, and whoever hides something cuts more", unreadable, path)
	}
	return anchors, nil
}

// missedAnchors notes chains of which the ledger remembers an anchor that is not
// in the file beside it: the file was lost, or lines were taken out of it.
func (g *Globals) missedAnchors(ctx context.Context, s *store.Store, beside []audit.Anchor) error {
	chains, err := s.AuditStandings(ctx)
	if err != nil {
		return err
	}
	last := map[string]int64{}
	for _, a := range beside {
		last[a.Tenant] = max(last[a.Tenant], a.Seq)
	}
	for _, c := range chains {
		if c.AnchoredRows > last[c.Tenant] {
			g.note("%s was anchored up to row %d, and the file of anchors beside the ledger ends at row %d: compare it with anchors that are kept elsewhere", audit.ChainName(c.Tenant), c.AnchoredRows, last[c.Tenant])
		}
	}
	return nil
}

// note tells a person something beside what a command prints.
func (g *Globals) note(format string, args ...any) {
	fmt.Fprintf(g.streams.Err, "note: "+format+"\n", args...) //nolint:errcheck // a closed standard error hides notes only
}

// file verifies exported rows. A chain that does not begin with its first row
// is verified from the row with which it begins.
func (c *auditVerifyCommand) file(g *Globals, anchors []audit.Anchor) (err error) {
	f, err := os.Open(c.File)
	if err != nil {
		return problem.Wrap(err, problem.Usage, "the file of exported rows cannot be read", "Give a file that bulkhead audit export wrote.")
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	walks, faults := map[string]*audit.Walk{}, map[string]*audit.Fault{}
	rows := json.NewDecoder(f)
	for n := 1; ; n++ {
		var e audit.Entry
		if err := rows.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return problem.Wrap(err, problem.Usage, fmt.Sprintf("row %d of the file is no row of a record", n), "Give a file that bulkhead audit export wrote as JSON.")
		}
		if walks[e.Tenant] == nil {
			walks[e.Tenant] = audit.WalkFrom(e, anchors)
		}
		if f := walks[e.Tenant].Take(e); f != nil {
			faults[e.Tenant] = f
		}
	}
	var broken []walked
	for _, tenant := range sortedKeys(walks) {
		w := walked{tenant, walks[tenant].Head().Seq, walks[tenant].Head().Hash, faults[tenant]}
		if w.Fault == nil {
			w.Fault = walks[tenant].End(nil)
		}
		if w.Fault != nil {
			broken = append(broken, w)
		}
		if err := g.printWalked(w); err != nil {
			return err
		}
	}
	return brokenRecord(broken)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (g *Globals) printWalked(w walked) error {
	switch {
	case g.JSON:
		return g.emit(w)
	case w.Fault != nil:
		g.printf("%s: BROKEN at row %d: %s\n", audit.ChainName(w.Tenant), w.Fault.Seq, w.Fault.What)
	default:
		g.printf("%s: whole up to row %d, hash %s\n", audit.ChainName(w.Tenant), w.Rows, w.Hash)
	}
	return nil
}

func brokenRecord(broken []walked) error {
	if len(broken) == 0 {
		return nil
	}
	p := problem.New(problem.AuditBroken, "the record is not what was recorded: "+broken[0].Fault.String(),
		"Keep the ledger and its file of anchors as they are, and a copy of both elsewhere; then find out who could write there.")
	if len(broken) > 1 {
		p.Summary += fmt.Sprintf("; %d more chains are broken", len(broken)-1)
	}
	return p
}

// onRecord opens the ledger to put something on record.
func (g *Globals) onRecord(ctx context.Context, do func(cfg *config.Config, s *store.Store) error) (err error) {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	s, err := joinLedger(ctx, app.Ledger(cfg))
	if err != nil {
		return err
	}
	defer func() {
		anchored := s.Anchors(store.AnchorsOf(app.Ledger(cfg))).Flush(ctx)
		err = errors.Join(err, anchored, s.Close())
	}()
	return do(cfg, s)
}

// recordIfAny puts something on record in the house's chain, where there is a
// ledger.
func recordIfAny(ctx context.Context, cfg *config.Config, ev audit.Event) error {
	return onAnyLedger(ctx, cfg, func(s *store.Store) error { return s.Record(ctx, ev, audit.House) })
}

// onAnyLedger runs do beside whoever works on the ledger, if there is one:
// before the first export there is none, and nothing to do.
func onAnyLedger(ctx context.Context, cfg *config.Config, do func(s *store.Store) error) (err error) {
	s, err := joinLedger(ctx, app.Ledger(cfg))
	if errors.Is(err, store.ErrNoLedger) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(s)
}

type auditReviewCommand struct {
	Tenant string `arg:"" optional:"" help:"The practice (default: the house's own record)."`
	Note   string `placeholder:"TEXT" help:"What you found; it must name no patient."`
}

// Run verifies the chain and signs it up to its last row.
func (c *auditReviewCommand) Run(ctx context.Context, g *Globals) error {
	if err := checkReason("--note", c.Note); err != nil {
		return err
	}
	return g.onRecord(ctx, func(cfg *config.Config, s *store.Store) error {
		if c.Tenant != audit.House { // a chain begins with its first row, for good
			if _, err := knownTenant(ctx, cfg, s, c.Tenant); err != nil {
				return err
			}
		}
		anchors, _, err := audit.ReadAnchors(store.AnchorsOf(app.Ledger(cfg)))
		if err != nil {
			return err
		}
		head, fault, err := s.AuditFaults(ctx, c.Tenant, anchors)
		if err != nil {
			return err
		}
		if fault != nil {
			return brokenRecord([]walked{{Tenant: c.Tenant, Fault: fault}})
		}
		ev := audit.Event{Action: audit.RecordSigned, Reason: c.Note, Facts: map[string]any{"up_to": head.Seq, "hash": head.Hash}}
		if err := s.Record(ctx, ev, c.Tenant); err != nil {
			return err
		}
		if g.JSON {
			return g.emit(head)
		}
		g.printf("%s: reviewed by %s up to row %d, %s\n", audit.ChainName(c.Tenant), audit.By(ctx).Actor, head.Seq, time.Now().Format(time.DateOnly))
		return nil
	})
}
