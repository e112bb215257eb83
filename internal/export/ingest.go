package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// ingest turns one raw file into staged rows and quarantined lines.
func (s *Steps) ingest(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	file, scope, err := s.subject(ctx, t, w)
	if err != nil {
		return nil, err
	}
	o, err := s.ingestOptions(ctx, t, w.Export, file)
	if err != nil {
		return nil, err
	}
	o.Scope, o.First = scope, w.Lease.Epoch == 1 && w.Export.EndedAt.IsZero() // a resumed export has new steps
	end := &tail{}
	summary, err := ingest.Run(ctx, o, ingest.Source{
		File: file.Name, Section: ingest.Section(file.Section), Type: file.ResourceType, Origin: w.Export.Origin,
		Open: func(ctx context.Context) (io.ReadCloser, error) {
			raw, err := s.openRaw(ctx, scope, w, file.Name)
			return watch(raw, end), err
		},
	})
	if err != nil {
		return nil, err
	}
	if w.Export.Purpose == store.Replay {
		return s.restage(ctx, scope, w, summary)
	}
	staged := Staged{Summary: summary, Notes: countNotes(file, summary), Short: shortBy(file, summary)}
	if err := end.short(file, file.SHA256); err != nil && staged.Short == 0 {
		staged.Short = 1
		staged.Notes = append(staged.Notes, Note{"not_whole", err.Error()})
	}
	return staged, nil
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
		Permits: func(resourceType string) bool { return wanted(t, x.Intent, resourceType) },
	}, err
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

// subject gives the output file that a step is about, and where the tenant's
// files are, while the agreement permits the export (I1).
func (s *Steps) subject(ctx context.Context, t *config.Tenant, w Work) (file store.File, scope *blob.Scope, err error) {
	if err = s.permitted(agreement.AtLanding, t, w.Export, w.Export.Sinks); err != nil { // I1
		return file, nil, err
	}
	if file, err = s.Store.In(t.ID).File(ctx, w.Export.ID, w.Lease.Subject); err != nil {
		return file, nil, err
	}
	scope, err = s.Files.Tenant(t.ID)
	return file, scope, err
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
	z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &decoded{Reader: z, z: z, raw: raw}, nil
}

type decoded struct {
	io.Reader
	z   *zstd.Decoder
	raw io.Closer
}

func (d *decoded) Close() error {
	d.z.Close()
	return d.raw.Close()
}
