package export

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// publish gives the whole export to one sink.
func (s *Steps) publish(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	name := w.Lease.Subject
	files, err := s.Store.In(t.ID).Files(ctx, w.Export.ID)
	if err != nil {
		return nil, err
	}
	if err := s.permitted(agreement.AtDelivery, t, w.Export, []string{name}, outputTypes(files...)...); err != nil { // I1
		return nil, err
	}
	destination, ok := s.Sinks[name]
	if !ok {
		return nil, problem.New(problem.ConfigInvalid, "sink "+name+" is no longer configured",
			"Configure it again, or cancel the export and start a new one.")
	}
	d, release, err := s.delivery(ctx, t, w.Export, files)
	if err != nil {
		return nil, err
	}
	defer release()
	if d.After, err = s.before(ctx, w); err != nil {
		return nil, err
	}
	receipt, err := destination.Publish(ctx, d)
	if errors.Is(err, sink.ErrLost) {
		return nil, problem.New(problem.SinkFailed, "sink "+name+" has lost what was published to it: it does not know export "+d.After,
			"Bring its file or folder back (is its disk mounted?), then resume with bulkhead export "+t.ID+" --resume; if it is lost for good, start anew with bulkhead export "+t.ID+" --full.")
	}
	if errors.Is(err, merge.ErrLocked) { // somebody reads the tables: that passes
		return nil, fmt.Errorf("publish to sink %s: %w", name, merge.ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("publish to sink %s: %w", name, err)
	}
	text, err := json.Marshal(receipt)
	if err != nil {
		return nil, err
	}
	published := Published{Receipt: text}
	if w.Export.Mode == Full {
		published.Kept = slices.DeleteFunc(slices.Clone(w.Export.Types), func(t string) bool { return slices.Contains(d.Replace, t) })
	}
	return published, nil
}

// before gives the export on which a delivery of changes builds, if the sink
// must have it: that which moved the stream's watermark, or whose lines are
// taken again. It is empty for a full export, which builds on nothing.
func (s *Steps) before(ctx context.Context, w Work) (string, error) {
	scope, id := s.Store.In(w.Lease.Tenant), w.Export.Origin
	if id == "" && w.Export.Mode == Full {
		return "", nil
	}
	if id == "" {
		mark, ok, err := scope.Watermark(ctx, w.Export.Stream)
		if err != nil || !ok {
			return "", err
		}
		id = mark.Export
	}
	x, err := scope.Export(ctx, id)
	if err != nil || x.State != life.Completed || !slices.Contains(x.Sinks, w.Lease.Subject) {
		return "", err
	}
	return id, nil
}

// delivery gathers what the export brings. release frees its local files.
func (s *Steps) delivery(ctx context.Context, t *config.Tenant, x store.Export, files []store.File) (d sink.Delivery, release func(), err error) {
	if err := errors.Join(addUp(files), s.distinct(ctx, x, files)); err != nil {
		return d, nil, err
	}
	others, err := s.Store.In(t.ID).OtherStreams(ctx, x)
	if err != nil {
		return d, nil, err
	}
	d = sink.Delivery{Tenant: t.ID, Export: x.ID, Mode: sink.Mode(x.Mode), Partial: len(x.Parameters.Elements) > 0}
	d.TransactionTime, _ = fhir.ParseInstant(x.TransactionTime) // zero when the server gave none
	if d.Replace, err = Replaceable(x, files, others); err != nil {
		return d, nil, err
	}
	for _, f := range files {
		d.Files = append(d.Files, cmp.Or(x.Origin, x.ID)+"/"+f.Name)
	}
	parts, release, err := s.localParts(ctx, t, x)
	if err != nil {
		return d, nil, err
	}
	d.Index, d.Deleted, d.Withheld = parts[table.Index.Name], parts[table.Deleted.Name], parts[table.Withheld.Name]
	if x.Purpose == store.Replay {
		free, err := s.said(ctx, t, x, &d)
		if err != nil {
			release()
			return d, nil, err
		}
		release = each(release, free)
	}
	types := fhir.TypeSet(append(outputTypes(files...), x.Types...))
	for _, schema := range append(s.Views.TablesOf(types), ownTables(t, parts)...) {
		d.Tables = append(d.Tables, sink.Table{Table: schema, Files: parts[schema.Name]})
	}
	return d, release, nil
}

// each gives a function that calls both.
func each(first, second func()) func() {
	return func() {
		first()
		second()
	}
}

// ownTables are the tables of all types: that of resources without a view, and
// those that are wanted or that have rows.
func ownTables(t *config.Tenant, parts map[string][]sink.File) []table.Table {
	own := []table.Table{table.Resource}
	for _, of := range []struct {
		table  table.Table
		wanted bool
	}{{table.Attachment, t.Attachments.Fetch}, {table.Coding, t.Fills(config.TableCoding)}, {table.Reference, t.Fills(config.TableReference)}} {
		if of.wanted || len(parts[of.table.Name]) > 0 {
			own = append(own, of.table)
		}
	}
	return own
}

// outputTypes gives the resource types that files of the manifest's output
// bring, asked for or not: those that the manifest names, and once a file is
// ingested those that its lines have.
func outputTypes(files ...store.File) (types []string) {
	for _, f := range files {
		if f.Section != "output" {
			continue
		}
		if f.ResourceType != organized {
			types = append(types, f.ResourceType)
		}
		types = append(types, ingested(f)...)
	}
	return fhir.TypeSet(types)
}

// ingested gives the types of an ingested file's lines.
func ingested(f store.File) (types []string) {
	var s ingest.Summary
	if len(f.Summary) == 0 || json.Unmarshal(f.Summary, &s) != nil {
		return nil // our own text, which publish reads again
	}
	for _, t := range s.Types {
		types = append(types, t.Type)
	}
	return types
}

// addUp checks that every line of every file is accounted for (I4).
func addUp(files []store.File) error {
	for _, f := range files {
		if f.Lines != f.Delivered+f.Quarantined+f.Blank {
			return problem.New(problem.CountMismatch,
				fmt.Sprintf("file %s: %d lines are not %d delivered + %d quarantined + %d blank", f.Name, f.Lines, f.Delivered, f.Quarantined, f.Blank),
				"Report this: it is a bug in bulkhead. Nothing was published.")
		}
	}
	return nil
}

// localParts gives the staged files of an export by table: of some tables, or
// of all when none is named.
func (s *Steps) localParts(ctx context.Context, t *config.Tenant, x store.Export, tables ...string) (map[string][]sink.File, func(), error) {
	scope, err := s.Files.Tenant(t.ID)
	if err != nil {
		return nil, nil, err
	}
	parts, err := s.Store.In(t.ID).Parts(ctx, x.ID)
	if err != nil {
		return nil, nil, err
	}
	var releases []func()
	release := func() {
		for _, r := range releases {
			r()
		}
	}
	local := map[string][]sink.File{}
	for _, p := range parts {
		if len(tables) > 0 && !slices.Contains(tables, p.Table) {
			continue
		}
		path, done, err := scope.LocalPath(ctx, blob.Key(p.Key))
		if err != nil {
			release()
			return nil, nil, err
		}
		releases = append(releases, done)
		local[p.Table] = append(local[p.Table], sink.File{Path: path, Rows: p.Rows})
	}
	return local, release, nil
}
