package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// A typeReport is what one export brought of one type.
type typeReport struct {
	Tenant      string           `json:"tenant"`
	Export      string           `json:"export"`
	Type        string           `json:"type"`
	Files       int              `json:"files"`
	Bytes       int64            `json:"bytes"`
	Resources   int64            `json:"resources"`
	Quarantined int64            `json:"quarantined"`
	Reasons     map[string]int64 `json:"reasons,omitempty"`
	Deleted     int64            `json:"deleted"`
	New         int64            `json:"new"`
	Changed     int64            `json:"changed"`
	Unchanged   int64            `json:"unchanged"`
	Seconds     float64          `json:"seconds"`          // from the first file's first byte to the last file's last row
	Absent      bool             `json:"absent,omitempty"` // asked for in full, and the server named no file of it

	began, ended time.Time
}

// report prints what exports brought, by tenant and type.
func (g *Globals) report(ctx context.Context, s *store.Store, exports []store.Export) error {
	var refused, absent []string // practices with refused lines; what did not come
	table := grid{
		header: []string{"tenant", "type", "files", "resources", "new", "changed", "unchanged", "deleted", "refused", "seconds", "refused because"},
		right:  map[int]bool{2: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true, 9: true},
	}
	for _, x := range exports {
		rows, err := reportOf(ctx, s, x)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if g.JSON {
				if err := g.emit(r); err != nil {
					return err
				}
				continue
			}
			if r.Quarantined > 0 && !slices.Contains(refused, r.Tenant) {
				refused = append(refused, r.Tenant)
			}
			if r.Absent {
				absent = append(absent, r.Tenant+" "+r.Type)
			}
			table.add(r.Tenant, r.Type, fmt.Sprint(r.Files), wording.Count(r.Resources), wording.Count(r.New), wording.Count(r.Changed),
				wording.Count(r.Unchanged), wording.Count(r.Deleted), wording.Count(r.Quarantined), fmt.Sprintf("%.2f", r.Seconds), reasons(r.Reasons))
		}
	}
	if !g.JSON && len(table.rows) > 0 {
		g.printf("\n")
		table.print(g)
		for _, tenant := range refused {
			g.printf("refused lines, what is wrong with them and who must act: bulkhead quarantine list %s\n", tenant)
		}
		if len(absent) > 0 {
			g.printf("asked for in full, and nothing came: %s; the server has none, or withholds it without a word: compare the scopes with bulkhead check\n", strings.Join(absent, ", "))
		}
	}
	if err := g.said(ctx, s, exports); err != nil {
		return err
	}
	return g.attachments(ctx, s, exports)
}

func reasons(counts map[string]int64) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s ×%d", reason, counts[reason]))
	}
	return strings.Join(parts, ", ")
}

func reportOf(ctx context.Context, s *store.Store, x store.Export) ([]typeReport, error) {
	files, err := s.In(x.Tenant).Files(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	byType := map[string]*typeReport{}
	of := func(name string) *typeReport {
		if byType[name] == nil {
			byType[name] = &typeReport{Tenant: x.Tenant, Export: x.ID, Type: name, Reasons: map[string]int64{}}
		}
		return byType[name]
	}
	for _, f := range files {
		if f.Section != "output" || f.StoredAt.IsZero() {
			continue
		}
		if err := addFile(of(f.ResourceType), f); err != nil {
			return nil, err
		}
	}
	if x.State == life.Completed {
		if err := addReceipt(ctx, s, x, of); err != nil {
			return nil, err
		}
	}
	if x.State == life.Completed && x.Mode == export.Full {
		for _, name := range x.Types {
			if byType[name] == nil {
				of(name).Absent = true
			}
		}
	}
	rows := make([]typeReport, 0, len(byType))
	for _, name := range slices.Sorted(maps.Keys(byType)) {
		rows = append(rows, *byType[name])
	}
	return rows, nil
}

func addFile(r *typeReport, f store.File) error {
	r.Files++
	r.Bytes += f.Bytes
	r.Resources += f.Delivered
	r.Quarantined += f.Quarantined
	if r.began.IsZero() || f.StartedAt.Before(r.began) {
		r.began = f.StartedAt
	}
	for _, t := range []time.Time{f.StoredAt, f.IngestedAt} {
		if t.After(r.ended) {
			r.ended = t
		}
	}
	r.Seconds = r.ended.Sub(r.began).Seconds()
	if f.IngestedAt.IsZero() {
		return nil
	}
	var summary ingest.Summary
	if err := json.Unmarshal(f.Summary, &summary); err != nil {
		return fmt.Errorf("read the summary of %s: %w", f.Name, err)
	}
	for reason, n := range summary.ByReason {
		r.Reasons[reason] += n
	}
	return nil
}

// addReceipt adds what the first sink did: all sinks took the same delivery.
func addReceipt(ctx context.Context, s *store.Store, x store.Export, of func(string) *typeReport) error {
	done, err := s.In(x.Tenant).Publications(ctx, x.ID)
	if err != nil || len(done) == 0 {
		return err
	}
	var receipt sink.Receipt
	if err := json.Unmarshal(done[0].Receipt, &receipt); err != nil {
		return fmt.Errorf("read the receipt of sink %s: %w", done[0].Sink, err)
	}
	for _, t := range receipt.Types {
		r := of(t.ResourceType)
		r.New, r.Changed, r.Unchanged, r.Deleted = t.New, t.Changed, t.Unchanged, t.Deleted
	}
	return nil
}
