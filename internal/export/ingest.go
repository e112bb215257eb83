package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// textForWorker is how many bytes of NDJSON are worth another worker.
const textForWorker = 4 << 20

// ingest turns the raw files of a unit into staged rows and quarantined lines.
func (s *Steps) ingest(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	scope, err := s.scope(t, w)
	if err != nil {
		return nil, err
	}
	files, err := s.unit(ctx, w, store.FileIngesting)
	if err != nil {
		return nil, err
	}
	o, err := s.ingestOptions(ctx, t, w.Export, files[0])
	if err != nil {
		return nil, err
	}
	o.Scope, o.First = scope, w.Lease.Epoch == 1 && w.Export.EndedAt.IsZero() // a resumed export has new steps
	sources, ends, text := make([]ingest.Source, len(files)), make([]tail, len(files)), int64(0)
	for i, file := range files {
		sources[i] = sourceOf(w.Export, file, func(ctx context.Context) (io.ReadCloser, error) {
			raw, err := s.openRaw(ctx, scope, w, file.Name)
			return watch(raw, &ends[i]), err
		})
		text += file.Bytes
	}
	o.Workers = min(o.Workers, 1+int(text/textForWorker)) // each has parts of its own
	summaries, err := ingest.Unit(ctx, o, sources...)
	if err != nil {
		return nil, err
	}
	staged := Staged{Tables: summaries[0].Tables}
	for i, file := range files {
		of, err := s.stagedFile(ctx, scope, w, file, summaries[i], &ends[i])
		if err != nil {
			return nil, err
		}
		staged.Files = append(staged.Files, of)
	}
	return staged, nil
}

// sourceOf gives an output file to ingest.
func sourceOf(x store.Export, f store.File, open func(context.Context) (io.ReadCloser, error)) ingest.Source {
	return ingest.Source{File: f.Name, Section: ingest.Section(f.Section), Type: f.ResourceType, Origin: x.Origin, Open: open}
}

// stagedFile says what became of one file, which ended like that.
func (s *Steps) stagedFile(ctx context.Context, scope *blob.Scope, w Work, file store.File, summary ingest.Summary, end *tail) (StagedFile, error) {
	if w.Export.Purpose == store.Replay {
		return s.restage(ctx, scope, w, summary)
	}
	of := StagedFile{Summary: summary, Notes: countNotes(file, summary), Short: shortBy(file, summary)}
	if err := end.short(file, file.SHA256); err != nil && of.Short == 0 {
		of.Short = 1
		of.Notes = append(of.Notes, Note{"not_whole", err.Error()})
	}
	if of.Short == 0 && file.ResourceType != "OperationOutcome" && summary.OutcomeOnly() {
		of.Short = 1
		of.Notes = append(of.Notes, Note{"not_whole", "output file " + file.Name + " has outcomes in the place of resources"})
	}
	return of, nil
}

// ingestOptions say by which rules a file's lines are taken; where to is for
// the caller to add.
func (s *Steps) ingestOptions(ctx context.Context, t *config.Tenant, x store.Export, file store.File) (ingest.Options, error) {
	salt, err := s.attachSalt(ctx, t, x)
	return ingest.Options{
		Export: x.ID, Views: s.Views, Workers: s.Config.Limits.IngestWorkers, MaxLine: int(s.Config.Limits.LineBytes),
		Guide: s.guide(t), RefuseErrors: t.Validation.OnError == config.QuarantineErrors, Plans: s.Plans,
		Generic: ingest.Generic{Codings: t.Fills(config.TableCoding), References: t.Fills(config.TableReference)},
		Base:    t.FHIRBaseURL, Organized: file.ResourceType == organized, Salt: salt,
		Permits: func(resourceType string) bool { return wanted(t, x.Intent, resourceType) }, Limits: limitsOf(t),
	}, err
}

// limitsOf gives what of the permitted types the tenant's agreement does not
// permit to hold (I1).
func limitsOf(t *config.Tenant) ingest.Limits {
	limits := ingest.Limits{Withheld: agreement.Withheld(t.Agreement)}
	if t.Agreement != nil {
		limits.Earliest = t.Agreement.EarliestServiceDate.Time
	}
	return limits
}

// guide gives the rules by which a tenant's resources are judged; nil for none.
func (s *Steps) guide(t *config.Tenant) *uscore.Guide { return s.Guides[t.Validation.USCore] }

// watch looks at a raw file from its beginning as it is read.
func watch(raw io.ReadCloser, end *tail) io.ReadCloser {
	*end = tail{}
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(raw, end), raw}
}

// scope gives where the tenant's files are, while the agreement permits the
// export (I1).
func (s *Steps) scope(t *config.Tenant, w Work) (*blob.Scope, error) {
	if err := s.permitted(agreement.AtLanding, t, w.Export, w.Export.Sinks); err != nil { // I1
		return nil, err
	}
	return s.Files.Tenant(t.ID)
}

// shortBy is how many resources the manifest promised beyond what came. A
// server may or may not count the headers of organized blocks.
func shortBy(file store.File, s ingest.Summary) int64 {
	return max(0, file.Expected-(s.Lines-s.Blank+s.Headers))
}

// countNotes compares with the manifest, and says what in the lines was not as
// the manifest had it.
func countNotes(file store.File, s ingest.Summary) []Note {
	var notes []Note
	if got := s.Lines - s.Blank; file.Expected >= 0 && (got > file.Expected || shortBy(file, s) > 0) {
		notes = append(notes, Note{"count_mismatch", fmt.Sprintf("%s: %d resources, the manifest promised %d", file.Name, got, file.Expected)})
	}
	if s.Mismatched > 0 {
		notes = append(notes, Note{"type_mismatch", fmt.Sprintf("%s: %d resources are of another type", file.Name, s.Mismatched)})
	}
	if s.OutcomeLines > 0 {
		notes = append(notes, Note{"outcomes_in_output", fmt.Sprintf("%s: %d lines are OperationOutcomes", file.Name, s.OutcomeLines)})
	}
	if len(s.EntriesRefused) > 0 {
		notes = append(notes, Note{"deletions_refused", fmt.Sprintf("%s: entries that are no deletions of this server's resources: %v", file.Name, s.EntriesRefused)})
	}
	if len(s.Parameters) > 0 {
		notes = append(notes, Note{"parameters_ignored", strings.Join(s.Parameters, ",")})
	}
	return notes
}

// openRaw gives the bytes of a raw file as delivered, and counts them.
func (s *Steps) openRaw(ctx context.Context, scope *blob.Scope, w Work, name string) (io.ReadCloser, error) {
	d, err := s.openDecoded(ctx, scope, w, name)
	if err != nil {
		return nil, err
	}
	d.Reader = &metered{ctx: ctx, r: d.z, count: s.Meter.of(w.Export.ID).ingested}
	return d, nil
}

func (s *Steps) openDecoded(ctx context.Context, scope *blob.Scope, w Work, name string) (*decoded, error) {
	key, err := scope.RawKey(w.Export.ID, name)
	if err != nil {
		return nil, err
	}
	raw, err := scope.Open(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, problem.Wrap(err, problem.StorageDamaged, "raw file "+name+" is not there",
			"Check the disk of the state folder. Once the file is back, resume; if it is lost, bulkhead doctor --repair has the export fetch it again when it is resumed.")
	}
	if err != nil {
		return nil, err
	}
	return s.codecs.decompress(raw)
}
