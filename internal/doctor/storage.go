package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A loss is what of one output file is not in storage, or not as it was.
type loss struct {
	raw, rawBytes  bool // not there; there and different
	staged, footer bool
	quarantine     bool
}

func (l loss) of() bool     { return l != loss{} }
func (l loss) ofRaw() bool  { return l.raw || l.rawBytes }
func (l loss) ofRows() bool { return l.staged || l.footer || l.quarantine }

// losses looks at the files of one export.
type losses struct {
	*patient
	x     *store.Export
	scope *blob.Scope
	files []store.File
	parts map[string][]store.Part
	by    map[string]loss  // by output file
	units map[string]*loss // by unit: what of its staged parts is lost
}

func (l *losses) look(ctx context.Context) error {
	l.by, l.units = map[string]loss{}, map[string]*loss{}
	for _, f := range l.files {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		lost, err := l.file(ctx, f)
		if err != nil {
			return fmt.Errorf("output file %s: %w", f.Name, err)
		}
		if lost.of() {
			l.by[f.Name] = lost
		}
	}
	return nil
}

func (l *losses) file(ctx context.Context, f store.File) (lost loss, err error) {
	stored := f.State == store.FileStored || f.State == store.FileIngesting || f.State == store.FileIngested
	if stored && l.keepsRaw() && !l.disposed(l.x.ID, agreement.KindRaw) {
		if lost.raw, lost.rawBytes, err = l.raw(ctx, f); err != nil {
			return lost, err
		}
	}
	if f.State != store.FileIngested {
		return lost, nil
	}
	if !l.disposed(l.x.ID, agreement.KindStaged) {
		if lost.staged, lost.footer, err = l.rows(ctx, f); err != nil {
			return lost, err
		}
	}
	if l.x.Purpose != store.Replay && f.Quarantined > 0 && !l.disposed(export.Keeper(l.x.ID, f), agreement.KindQuarantine) { // what a replay keeps is counted with its origin
		lost.quarantine, err = l.refused(ctx, f)
	}
	return lost, err
}

// keepsRaw reports whether the export's raw files should be there. A replay lets
// its copies of lines go when it has ended, and those of replays that had
// failed before it.
func (l *losses) keepsRaw() bool {
	if l.x.Purpose != store.Replay || !l.x.State.Over() {
		return true
	}
	return l.x.State == life.Failed && !slices.ContainsFunc(l.exports, func(o store.Export) bool {
		return o.Origin == l.x.Origin && o.State == life.Completed && o.RequestedAt.After(l.x.RequestedAt)
	})
}

// raw looks whether a raw file is there, and in depth whether it is what was
// downloaded (I3, I10).
func (l *losses) raw(ctx context.Context, f store.File) (gone, damaged bool, err error) {
	key, err := l.scope.RawKey(l.x.ID, f.Name)
	if err != nil {
		return false, false, err
	}
	st, err := l.scope.Stat(ctx, key)
	if gone, err = missing(err); gone || err != nil {
		return gone, false, err
	}
	if st.Size == 0 || !l.Deep {
		return false, st.Size == 0, nil // an empty file is a zstd frame, too
	}
	raw, err := l.scope.Open(ctx, key)
	if err != nil {
		return false, false, err
	}
	defer raw.Close() //nolint:errcheck // it was only read
	z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return false, true, nil
	}
	defer z.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, ndjson.Until(ctx, z))
	if ctx.Err() != nil {
		return false, false, context.Cause(ctx)
	}
	l.looked.Read += n
	return false, err != nil || n != f.Bytes || hex.EncodeToString(sum.Sum(nil)) != f.SHA256, nil
}

// rows looks at the staged parts that have rows of a file: those of its unit,
// which are looked at once, and those of its documents.
func (l *losses) rows(ctx context.Context, f store.File) (gone, damaged bool, err error) {
	of := l.units[f.Unit]
	if of == nil {
		of = &loss{}
		l.units[f.Unit] = of
		if of.staged, of.footer, err = l.staged(ctx, l.parts[f.Unit]); err != nil {
			return false, false, err
		}
	}
	if f.Name != f.Unit {
		gone, damaged, err = l.staged(ctx, l.parts[f.Name])
	}
	return gone || of.staged, damaged || of.footer, err
}

func (l *losses) staged(ctx context.Context, parts []store.Part) (gone, damaged bool, err error) {
	for _, part := range parts {
		st, err := l.scope.Stat(ctx, blob.Key(part.Key))
		if absent, err := missing(err); absent || err != nil {
			gone = gone || absent
			if err != nil {
				return gone, damaged, err
			}
			continue
		}
		ok := st.Size > 0
		if ok && l.Deep {
			if ok, err = l.footer(ctx, part); err != nil {
				return gone, damaged, err
			}
		}
		damaged = damaged || !ok
	}
	return gone, damaged, nil
}

// footer reports whether a staged file can be read as Parquet and has the rows
// that it should.
func (l *losses) footer(ctx context.Context, part store.Part) (bool, error) {
	path, release, err := l.scope.LocalPath(ctx, blob.Key(part.Key))
	if p, ok := errors.AsType[*problem.Problem](err); ok && p.Code == problem.StorageDamaged {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer release()
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		return false, nil //nolint:nilerr // that is what is found
	}
	rows := r.NumRows()
	return rows == part.Rows && r.Close() == nil, nil
}

// refused looks whether the quarantine of a file is there, and in depth whether
// it has all its entries.
func (l *losses) refused(ctx context.Context, f store.File) (bool, error) {
	keeper := export.Keeper(l.x.ID, f)
	key, err := l.scope.QuarantineKey(keeper, f.Name)
	if err != nil {
		return false, err
	}
	st, err := l.scope.Stat(ctx, key)
	if gone, err := missing(err); gone || err != nil {
		return gone, err
	}
	if st.Size == 0 || !l.Deep {
		return st.Size == 0, nil
	}
	entries := int64(0)
	for _, err := range quarantine.Entries(ctx, l.scope, keeper, f.Name) {
		if p, ok := errors.AsType[*problem.Problem](err); ok && p.Code == problem.StorageDamaged {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		entries++
	}
	return entries != f.Quarantined, nil
}

// findings puts what was lost into words, together for the whole export.
func (l *losses) findings() (found []Finding) {
	of := func(want func(loss) bool) (files []string) {
		for _, f := range l.files {
			if want(l.by[f.Name]) {
				files = append(files, f.Name)
			}
		}
		return files
	}
	lost := l.toMake()
	for _, kind := range []struct {
		check Check
		want  func(loss) bool
		says  string
	}{
		{RawMissing, func(f loss) bool { return f.raw }, "raw lacks %s of export %s: %s"},
		{RawDamaged, func(f loss) bool { return f.rawBytes }, "raw has other bytes than were downloaded for %s of export %s: %s"},
		{StagedMissing, func(f loss) bool { return f.staged }, "the staged rows of %s of export %s are not all there: %s"},
		{StagedDamaged, func(f loss) bool { return f.footer }, "the staged rows of %s of export %s cannot be read as they were written: %s"},
		{Quarantine, func(f loss) bool { return f.quarantine }, "the refused lines of %s of export %s are not all in quarantine: %s"},
	} {
		files := of(kind.want)
		if len(files) == 0 {
			continue
		}
		f := newFinding(kind.check, kind.says, count(len(files), "file", "files"), l.x.ID, names(files)).of(l.ID, l.x.ID).about(files...)
		found = append(found, l.weighed(f, lost))
	}
	return found
}

// toMake says which files must be made again for the export to come to its end,
// and from where; none when it has ended, or needs none of what was lost.
func (l *losses) toMake() engine.Loss {
	again := engine.Loss{Tenant: l.ID, Export: l.x.ID}
	stage := l.x.State
	if stage == life.Failed || stage == life.Waiting {
		stage = l.x.FailedIn
	}
	if stage != life.Downloading && stage != life.Ingesting && stage != life.Publishing {
		return again
	}
	unstaged := map[string]bool{} // units of which something must be ingested again, and so all of their files
	for _, f := range l.files {
		if l.by[f.Name].ofRows() {
			unstaged[f.Unit] = true
		}
	}
	for _, f := range l.files {
		lost := l.by[f.Name]
		switch {
		case lost.ofRaw() && (f.State != store.FileIngested || unstaged[f.Unit] || stage != life.Publishing):
			again.Raw = append(again.Raw, f.Name)
		case lost.ofRows() && !lost.ofRaw():
			again.Staged = append(again.Staged, f.Name)
		}
	}
	return again
}

// weighed says how much a loss matters, and how it is cured.
func (l *losses) weighed(f Finding, again engine.Loss) Finding {
	if len(again.Raw)+len(again.Staged) > 0 {
		return f.next("Run `bulkhead doctor --repair`.").curedBy(redo(again, l.x.State == life.Failed))
	}
	staged := f.Check == StagedMissing || f.Check == StagedDamaged
	switch {
	case l.x.State == life.Completed && staged:
		return f.as(Notice).next("Nothing, as long as no refused lines of an earlier export are replayed: the sinks have these rows.")
	case l.superseded():
		return f.as(Notice).next("Nothing: a later full export has brought everything again.")
	case l.x.State.Over() && l.x.State != life.Completed && l.x.State != life.Failed:
		return f.as(Notice).next("Nothing: the export was " + string(l.x.State) + ".")
	case l.x.State == life.Completed || l.x.State == life.Publishing || l.x.FailedIn == life.Publishing:
		f.Next = "What the files brought is in the tables, or staged for them. " + strings.ReplaceAll(fullExport, "TENANT", l.ID)
	}
	return f
}

// superseded reports whether a later full export of the same stream is
// complete.
func (l *losses) superseded() bool {
	return l.x.State.Over() && slices.ContainsFunc(l.exports, func(y store.Export) bool {
		return y.State == life.Completed && y.Purpose == store.Delivery && y.Mode == "full" && y.Plain() && y.Since == "" && y.ServerErrors == 0 &&
			y.Stream == l.x.Stream && y.RequestedAt.After(l.x.RequestedAt)
	})
}

// kept looks at the documents that were fetched.
func (p *patient) kept(ctx context.Context) (found []Finding, err error) {
	if p.Files == nil {
		return nil, nil
	}
	scope, err := p.Options.Files.Tenant(p.ID)
	if err != nil {
		return nil, err
	}
	documents, err := p.Ledger.In(p.ID).KeptAttachments(ctx)
	if err != nil {
		return nil, err
	}
	var lost []string
	for _, d := range documents {
		ok, err := p.document(ctx, scope, d)
		if err != nil {
			return nil, err
		}
		if !ok {
			lost = append(lost, d.Location)
		}
	}
	if len(lost) > 0 {
		found = append(found, newFinding(Attachments, "%s not in storage as fetched: %s", count(len(lost), "document is", "documents are"), names(lost)).
			of(p.ID, "").about(lost...))
	}
	logs, err := p.logs(ctx, scope)
	return append(found, logs...), err
}

func (p *patient) document(ctx context.Context, scope *blob.Scope, d store.Fetched) (bool, error) {
	st, err := scope.Stat(ctx, blob.Key(d.Location))
	if gone, err := missing(err); gone || err != nil {
		return false, err
	}
	if st.Size != d.Size || !p.Deep {
		return st.Size == d.Size, nil
	}
	r, err := scope.Open(ctx, blob.Key(d.Location))
	if err != nil {
		return false, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	sum := sha256.New()
	if _, err := io.Copy(sum, ndjson.Until(ctx, r)); err != nil {
		return false, context.Cause(ctx)
	}
	return hex.EncodeToString(sum.Sum(nil)) == d.SHA256, nil
}

// logs looks at the event logs of exports that have settled.
func (p *patient) logs(ctx context.Context, scope *blob.Scope) (found []Finding, err error) {
	written, err := p.Ledger.In(p.ID).WrittenLogs(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range written {
		key, err := scope.LogKey(id)
		if err != nil {
			return nil, err
		}
		_, err = scope.Stat(ctx, key)
		gone, err := missing(err)
		if err != nil {
			return nil, err
		}
		if gone && !p.disposed(id, agreement.KindHistory) {
			found = append(found, newFinding(LogMissing, "the event log of export %s is not there", id).of(p.ID, id).as(Leftover).curedBy(writeLog(p.ID, id)))
		}
	}
	return found, nil
}
