package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// ExportsBefore gives the tenant's exports that were asked for before another
// one of it, newest first, at most limit; an empty id begins with the latest.
// It costs the same wherever in the history it begins.
func (s *Scope) ExportsBefore(ctx context.Context, id string, limit int) ([]Export, error) {
	if id == "" {
		return s.Exports(ctx, limit)
	}
	from, err := s.Export(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.queries().ExportsBefore(ctx, gen.ExportsBeforeParams{
		TenantID: s.tenant, RequestedAt: ms(from.RequestedAt), ExportID: id, Most: int64(limit),
	})
	if err != nil {
		return nil, Explain(fmt.Errorf("list exports: %w", err))
	}
	return exportsOf(rows)
}

// A Moved is an export's coming into a state.
type Moved struct {
	To life.State
	At time.Time
}

// Moves gives how exports of the tenant came from state to state, by export and
// in order. That they were requested is not among it.
func (s *Scope) Moves(ctx context.Context, exports ...string) (map[string][]Moved, error) {
	rows, err := s.store.queries().MovesOfExports(ctx, gen.MovesOfExportsParams{TenantID: s.tenant, ExportIds: exports})
	if err != nil {
		return nil, Explain(fmt.Errorf("list how exports moved: %w", err))
	}
	moves := make(map[string][]Moved, len(exports))
	for _, r := range rows {
		moves[r.ExportID] = append(moves[r.ExportID], Moved{life.State(r.Detail), at(r.At)})
	}
	return moves, nil
}

// LastEntries gives the last lines of an export's timeline, in order, at most
// limit.
func (s *Scope) LastEntries(ctx context.Context, export string, limit int) ([]Entry, error) {
	rows, err := s.store.queries().LastEvents(ctx, gen.LastEventsParams{TenantID: s.tenant, ExportID: export, Limit: int64(limit)})
	if err != nil {
		return nil, Explain(fmt.Errorf("list events: %w", err))
	}
	entries := make([]Entry, len(rows))
	for i, r := range rows {
		entries[len(rows)-1-i] = Entry{At: at(r.At), Actor: r.Actor, Kind: r.Kind, Detail: r.Detail}
	}
	return entries, nil
}

// A Pulse counts those output files of an export that are of one section and
// type, and came into raw, and were ingested, in the same spans of time.
type Pulse struct {
	Section, ResourceType string
	Stored, Ingested      int64 // number of the span, from 0; -1: not yet
	Files                 int64
	Failed, Moving        int64 // of them: given up, or in hand now
	Bytes, WireBytes      int64 // of NDJSON, and as they travelled
	Lines, Delivered      int64
	Quarantined           int64
}

// Pulse counts the output files of an export by spans of time of a width, the
// first of which begins at origin.
func (s *Scope) Pulse(ctx context.Context, export string, origin time.Time, width time.Duration) ([]Pulse, error) {
	rows, err := s.store.queries().FilePulse(ctx, gen.FilePulseParams{
		TenantID: s.tenant, ExportID: export, Origin: ms(origin), Width: max(width.Milliseconds(), 1),
	})
	if err != nil {
		return nil, Explain(fmt.Errorf("count output files: %w", err))
	}
	list := make([]Pulse, len(rows))
	for i, r := range rows {
		list[i] = Pulse{
			Section: r.Section, ResourceType: r.ResourceType, Stored: r.StoredIn, Ingested: r.IngestedIn, Files: r.Files, Failed: r.Failed, Moving: r.Moving,
			Bytes: r.Bytes, WireBytes: r.WireBytes, Lines: r.Lines, Delivered: r.Delivered, Quarantined: r.Quarantined,
		}
	}
	return list, nil
}

// FilesIn gives the output files of an export that are in a state, in manifest
// order from behind a position on, at most limit.
func (s *Scope) FilesIn(ctx context.Context, export, state string, after int64, limit int) ([]File, error) {
	rows, err := s.store.queries().FilesInState(ctx, gen.FilesInStateParams{
		TenantID: s.tenant, ExportID: export, State: state, Position: after, Limit: int64(limit),
	})
	if err != nil {
		return nil, Explain(fmt.Errorf("list output files: %w", err))
	}
	return filesOf(rows), nil
}

// RefusedTotals count what is in quarantine.
type RefusedTotals struct {
	Tenant string
	Export string // empty: of all of the tenant's
	Exports, Files,
	Lines int64
	Latest time.Time // when the last of them was refused
}

// RefusedByTenant counts the refused lines of every tenant that has some.
func (s *Store) RefusedByTenant(ctx context.Context) ([]RefusedTotals, error) {
	rows, err := s.queries().RefusedByTenant(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("count refused lines: %w", err))
	}
	list := make([]RefusedTotals, len(rows))
	for i, r := range rows {
		list[i] = RefusedTotals{Tenant: r.TenantID, Exports: r.Exports, Files: r.Files, Lines: r.Lines, Latest: at(r.Latest)}
	}
	return list, nil
}

// RefusedExports counts the refused lines of the tenant's exports that have
// some, newest first, from behind an export on, at most limit; an empty id
// begins with the latest.
func (s *Scope) RefusedExports(ctx context.Context, before string, limit int) ([]RefusedTotals, error) {
	if before == "" {
		before = "~" // behind every id
	}
	rows, err := s.store.queries().RefusedExports(ctx, gen.RefusedExportsParams{TenantID: s.tenant, Before: before, Most: int64(limit)})
	if err != nil {
		return nil, Explain(fmt.Errorf("count refused lines: %w", err))
	}
	list := make([]RefusedTotals, len(rows))
	for i, r := range rows {
		list[i] = RefusedTotals{Tenant: s.tenant, Export: r.ExportID, Exports: 1, Files: r.Files, Lines: r.Lines, Latest: at(r.Latest)}
	}
	return list, nil
}

// RefusedFiles gives the output files of an export with the most refused
// lines, at most limit.
func (s *Scope) RefusedFiles(ctx context.Context, export string, limit int) ([]File, error) {
	rows, err := s.store.queries().RefusedFiles(ctx, gen.RefusedFilesParams{TenantID: s.tenant, ExportID: export, Limit: int64(limit)})
	if err != nil {
		return nil, Explain(fmt.Errorf("list refused files: %w", err))
	}
	return filesOf(rows), nil
}

// A Judged is what a complete export was worth, in few numbers.
type Judged struct {
	Tenant, Name, Export string
	Mode                 string // empty where nobody asked for it
	EndedAt              time.Time
	Lines                int64 // of output files, blank ones aside
	Refused              int64 // of them, those that went to the quarantine
	Broken               int64 // resources that break a rule of their profile
	Questions            int64
	Question             string // the worst of them
}

// LastJudged gives what each tenant's last delivery was worth, by tenant.
func (s *Store) LastJudged(ctx context.Context) ([]Judged, error) {
	rows, err := s.queries().LastQualities(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list what exports are worth: %w", err))
	}
	list := make([]Judged, len(rows))
	for i, r := range rows {
		list[i] = Judged{r.TenantID, r.Name, r.ExportID, r.Mode, at(r.EndedAt), r.Lines, r.Refused, r.Broken, r.Questions, r.Question}
	}
	return list, nil
}

// JudgedOverTime gives what the tenant's last deliveries were worth, the oldest
// first, at most limit.
func (s *Scope) JudgedOverTime(ctx context.Context, limit int) ([]Judged, error) {
	rows, err := s.store.queries().RefusedOverTime(ctx, gen.RefusedOverTimeParams{TenantID: s.tenant, Limit: int64(limit)})
	if err != nil {
		return nil, Explain(fmt.Errorf("list what exports are worth: %w", err))
	}
	list := make([]Judged, len(rows))
	for i, r := range rows {
		list[len(rows)-1-i] = Judged{Tenant: s.tenant, Export: r.ExportID, EndedAt: at(r.EndedAt), Lines: r.Lines, Refused: r.Refused}
	}
	return list, nil
}

// A Summarised is a complete export and the summary of its quality.
type Summarised struct {
	Export, Mode string
	EndedAt      time.Time
	Summary      json.RawMessage
}

// Qualities gives the summaries of the tenant's last deliveries, the oldest
// first, at most limit.
func (s *Scope) Qualities(ctx context.Context, limit int) ([]Summarised, error) {
	rows, err := s.store.queries().QualitiesOf(ctx, gen.QualitiesOfParams{TenantID: s.tenant, Limit: int64(limit)})
	if err != nil {
		return nil, Explain(fmt.Errorf("list quality summaries: %w", err))
	}
	list := make([]Summarised, len(rows))
	for i, r := range rows {
		list[i] = Summarised{r.ExportID, r.Mode, at(r.EndedAt), json.RawMessage(r.Summary)}
	}
	slices.Reverse(list)
	return list, nil
}

// A Step is a piece of work that is not done.
type Step struct {
	Tenant, Export, Kind, Subject string

	Running     bool
	Attempt     int64 // failures in a row that waiting may cure
	DueAt       time.Time
	HeartbeatAt time.Time // when whoever runs it last said so
	Since       time.Time
	ExportState life.State
}

// Steps gives the steps of all tenants that are not done, the first due first,
// at most limit.
func (s *Store) Steps(ctx context.Context, limit int) ([]Step, error) {
	rows, err := s.queries().StepsOpen(ctx, int64(limit))
	if err != nil {
		return nil, Explain(fmt.Errorf("list open steps: %w", err))
	}
	list := make([]Step, len(rows))
	for i, r := range rows {
		list[i] = Step{
			Tenant: r.TenantID, Export: r.ExportID, Kind: r.Kind, Subject: r.Subject, Running: r.State == "running", Attempt: r.Attempt,
			DueAt: at(r.DueAt), HeartbeatAt: at(r.HeartbeatAt), Since: at(r.CreatedAt), ExportState: life.State(r.ExportState),
		}
	}
	return list, nil
}

// FileStates counts the output files of an export by state.
func (s *Scope) FileStates(ctx context.Context, export string) (map[string]int64, error) {
	rows, err := s.store.queries().FileStates(ctx, gen.FileStatesParams{TenantID: s.tenant, ExportID: export})
	if err != nil {
		return nil, Explain(fmt.Errorf("count output files: %w", err))
	}
	counts := make(map[string]int64, len(rows))
	for _, r := range rows {
		counts[r.State] = r.Files
	}
	return counts, nil
}

// LastFulls gives the tenant's full deliveries that completed last, the latest
// first, at most limit.
func (s *Scope) LastFulls(ctx context.Context, limit int) ([]Export, error) {
	rows, err := s.store.queries().LastFulls(ctx, gen.LastFullsParams{TenantID: s.tenant, Limit: int64(limit)})
	if err != nil {
		return nil, Explain(fmt.Errorf("list full exports: %w", err))
	}
	return exportsOf(rows)
}

// TypesBrought gives the resource types of which an export brought files.
func (s *Scope) TypesBrought(ctx context.Context, export string) ([]string, error) {
	types, err := s.store.queries().TypesBrought(ctx, gen.TypesBroughtParams{TenantID: s.tenant, ExportID: export})
	return types, Explain(err)
}
