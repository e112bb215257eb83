package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

type quarantineCommand struct {
	List   quarantineListCommand   `cmd:"" help:"Say which lines are refused, why, and who must act."`
	Show   quarantineShowCommand   `cmd:"" help:"Show refused lines without what they say of patients; --reveal shows them whole."`
	Replay quarantineReplayCommand `cmd:"" help:"Take refused lines again after a rule, a view or an agreement has changed."`
}

type quarantineListCommand struct {
	Tenant string `arg:"" optional:"" help:"One practice (default: all)."`
	Export string `placeholder:"ID" help:"One export."`
	Reason string `placeholder:"REASON" help:"One reason, or its family, such as view_error."`
	Since  string `placeholder:"TIME" help:"Only lines refused since: a date, an instant, or how long ago, such as 36h."`
	All    bool   `help:"Also lines of earlier exports that a later full export has made needless."`
}

// A refusedRow is what is refused of one file for one reason.
type refusedRow struct {
	Tenant       string    `json:"tenant"`
	Export       string    `json:"export"`
	File         string    `json:"file"`
	Type         string    `json:"type"`
	Reason       string    `json:"reason"`
	Lines        int64     `json:"lines"`
	FirstLines   []int64   `json:"first_lines"`
	RefusedAt    time.Time `json:"refused_at"`
	Means        string    `json:"means"`
	Who          string    `json:"who"`
	Do           string    `json:"do"`
	Replay       bool      `json:"replay_can_help"`
	SupersededBy string    `json:"superseded_by,omitempty"`
}

// Run prints what is in quarantine. It only reads, and reads nothing of what
// lines say.
func (c *quarantineListCommand) Run(ctx context.Context, g *Globals) error {
	since, err := sinceOf(c.Since, time.Now())
	if err != nil {
		return err
	}
	err = g.looking(ctx, func(cfg *config.Config, s *store.Store) error {
		tenants, err := c.tenants(ctx, cfg, s)
		if err != nil {
			return err
		}
		return withFiles(cfg, s, func(files *blob.Store) error {
			l := &refusedList{command: c, since: since, store: s, files: files}
			for _, t := range tenants {
				if err := l.add(ctx, t); err != nil {
					return err
				}
			}
			return errors.Join(append(l.damaged, l.print(g))...)
		})
	})
	if errors.Is(err, store.ErrNoLedger) && !g.JSON {
		g.printf("nothing is refused: nothing was exported yet\n")
		return nil
	}
	return err
}

func (c *quarantineListCommand) tenants(ctx context.Context, cfg *config.Config, s *store.Store) ([]string, error) {
	known, err := s.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, t := range known {
		if c.Tenant == "" || t.ID == c.Tenant {
			ids = append(ids, t.ID)
		}
	}
	if c.Tenant != "" && len(ids) == 0 {
		_, err = cfg.Tenant(c.Tenant)
	}
	return ids, err
}

// sinceOf reads a time that a person gave: a date, an instant, or how long ago.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, problem.New(problem.Usage, fmt.Sprintf("--since %q is no time", text),
		"Give a date such as 2026-01-31, an instant such as 2026-01-31T08:00:00Z, or how long ago, such as 36h.")
}

// A refusedList gathers what is in quarantine.
type refusedList struct {
	command *quarantineListCommand
	since   time.Time
	store   *store.Store
	files   *blob.Store

	rows     []refusedRow
	exports  map[string]store.Export
	damaged  []error // of quarantine files; what the ledger knows of them is listed
	needless int64   // lines that are not listed, because a later full export supersedes them
}

func (l *refusedList) add(ctx context.Context, tenant string) error {
	in := l.store.In(tenant)
	refused, err := in.Refused(ctx)
	if err != nil {
		return err
	}
	scope, err := l.files.Tenant(tenant)
	if err != nil {
		return err
	}
	var of string
	var superseded map[string]string
	for _, r := range refused {
		if l.command.Export != "" && r.Export.ID != l.command.Export || r.File.IngestedAt.Before(l.since) {
			continue
		}
		if of != r.Export.ID {
			of = r.Export.ID
			if superseded, err = export.Superseded(ctx, in, r.Export); err != nil {
				return err
			}
		}
		if err := l.addFile(ctx, scope, r, superseded[r.File.ResourceType]); err != nil {
			return err
		}
	}
	return nil
}

// addFile adds the rows of one file. Its quarantine is read for the numbers of
// lines only.
func (l *refusedList) addFile(ctx context.Context, scope *blob.Scope, r store.Refused, superseded string) error {
	first, counts := map[string][]int64{}, map[string]int64{}
	for e, err := range quarantine.Entries(ctx, scope, export.Keeper(r.Export.ID, r.File), r.File.Name) {
		if p, ok := errors.AsType[*problem.Problem](err); ok && p.Code == problem.StorageDamaged {
			l.damaged = append(l.damaged, err)
			if counts, err = reasonsInLedger(r.File); err != nil {
				return err
			}
			maps.DeleteFunc(counts, func(reason string, _ int64) bool { return !quarantine.Holds(reason, l.command.Reason) })
			first = nil
			break
		}
		if err != nil {
			return err
		}
		if quarantine.Holds(e.Reason, l.command.Reason) {
			counts[e.Reason]++
			first[e.Reason] = smallest(first[e.Reason], e.Line)
		}
	}
	for reason, n := range counts {
		if superseded != "" && !l.command.All {
			l.needless += n
			continue
		}
		m := quarantine.Explain(reason)
		l.rows = append(l.rows, refusedRow{
			Tenant: r.Export.Tenant, Export: r.Export.ID, File: r.File.Name, Type: r.File.ResourceType, Reason: reason, Lines: n,
			FirstLines: first[reason], RefusedAt: r.File.IngestedAt, Means: m.Means, Who: m.Who, Do: m.Do, Replay: m.Replay, SupersededBy: superseded,
		})
	}
	if l.exports == nil {
		l.exports = map[string]store.Export{}
	}
	l.exports[r.Export.ID] = r.Export
	return nil
}

// reasonsInLedger counts the refused lines of a file as its summary does.
func reasonsInLedger(f store.File) (map[string]int64, error) {
	var s ingest.Summary
	if err := json.Unmarshal(f.Summary, &s); err != nil {
		return nil, fmt.Errorf("read the summary of %s: %w", f.Name, err)
	}
	return s.ByReason, nil
}

// fewLines is how many line numbers are listed of each reason.
const fewLines = 5

// smallest adds a line to the few smallest, in order.
func smallest(few []int64, line int64) []int64 {
	at, _ := slices.BinarySearch(few, line)
	if at == fewLines {
		return few
	}
	few = slices.Insert(few, at, line)
	return few[:min(len(few), fewLines)]
}

func (l *refusedList) print(g *Globals) error {
	slices.SortStableFunc(l.rows, func(a, b refusedRow) int {
		return strings.Compare(a.Tenant+" "+a.Export+" "+a.File+" "+a.Reason, b.Tenant+" "+b.Export+" "+b.File+" "+b.Reason)
	})
	if g.JSON {
		for _, r := range l.rows {
			if err := g.emit(r); err != nil {
				return err
			}
		}
		return nil
	}
	if len(l.rows) == 0 {
		g.printf("nothing is refused\n")
	}
	for rest := l.rows; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Export == rest[0].Export {
			n++
		}
		l.printExport(g, rest[:n])
		rest = rest[n:]
	}
	l.printMeanings(g)
	if l.needless > 0 {
		g.printf("\n%s of earlier exports need nothing: a later full export has brought what the practice has since; --all lists them\n", some(l.needless, "refused line"))
	}
	return nil
}

func (l *refusedList) printExport(g *Globals, rows []refusedRow) {
	x, total := l.exports[rows[0].Export], int64(0)
	table := grid{header: []string{"", "file", "lines", "reason", "first lines", "refused"}, right: map[int]bool{2: true}}
	for _, r := range rows {
		total += r.Lines
		table.add("", r.File, wording.Count(r.Lines), r.Reason, firstOf(r), clock(r.RefusedAt))
	}
	g.printf("%s  export %s (%s, %s): %s\n", x.Tenant, x.ID, kindOf(x), x.State, some(total, "refused line"))
	table.print(g)
	if by := rows[0].SupersededBy; by != "" {
		g.printf("  needs nothing: the full export %s has brought what the practice has since\n", by)
	}
	g.printf("\n")
}

func firstOf(r refusedRow) string {
	parts := make([]string, len(r.FirstLines))
	for i, n := range r.FirstLines {
		parts[i] = fmt.Sprint(n)
	}
	if r.Lines > int64(len(parts)) {
		parts = append(parts, "…")
	}
	return strings.Join(parts, " ")
}

// kindOf says what an export is: full, incremental or a replay.
func kindOf(x store.Export) string {
	if x.Purpose == store.Replay {
		return string(store.Replay)
	}
	return x.Mode
}

// printMeanings says once for each reason what it means and who must act, and
// what to type next.
func (l *refusedList) printMeanings(g *Globals) {
	var said []string
	helps := map[string]bool{}
	for _, r := range l.rows {
		helps[r.Tenant] = helps[r.Tenant] || r.Replay && r.SupersededBy == ""
		if slices.Contains(said, r.Reason) {
			continue
		}
		said = append(said, r.Reason)
		g.printf("%s: %s\n  who must act: %s\n  %s\n", r.Reason, r.Means, r.Who, strings.ReplaceAll(r.Do, "TENANT --export ID", r.Tenant+" --export "+r.Export))
	}
	if len(l.rows) == 0 {
		return
	}
	r := l.rows[0]
	g.printf("\nlook at lines, without what they say:  bulkhead quarantine show %s --export %s\n", r.Tenant, r.Export)
	for _, r := range l.rows {
		if helps[r.Tenant] {
			g.printf("take lines again after a change:       bulkhead quarantine replay %s --all --dry-run\n", r.Tenant)
			helps[r.Tenant] = false
		}
	}
}
