package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// Gather is the step of a replay that stands in the place of a download: it
// writes the refused lines of files into raw.
const Gather = "gather"

// gather writes the raw files of a replay. A file is visible only when it is
// whole and durable (I3), so running the step again is harmless.
func (s *Steps) gather(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	scope, err := s.scope(t, w)
	if err != nil {
		return nil, err
	}
	files, err := s.unit(ctx, w, store.FileDownloading)
	if err != nil {
		return nil, err
	}
	return bring(ctx, w, files, func(ctx context.Context, w Work, file store.File) (*arrival, error) {
		return s.regain(ctx, scope, w, file)
	})
}

// regain writes the raw file of one file of a replay.
func (s *Steps) regain(ctx context.Context, scope *blob.Scope, w Work, file store.File) (*arrival, error) {
	refused, of, err := s.refused(ctx, scope, w.Export, file.Name)
	if err != nil {
		return nil, err
	}
	wanted, err := RefusedFor(of, refused.Reason)
	if err != nil {
		return nil, err
	}
	out, err := keepRefused(ctx, refused, scope, w.Export.ID, &file)
	if err != nil {
		return nil, err
	}
	if file.Lines != wanted { // I4: what is taken again is all that was refused
		return nil, errors.Join(out.Close(), problem.New(problem.StorageDamaged, fmt.Sprintf("the quarantine of file %s has %d such lines, the ledger knows %d", file.Name, file.Lines, wanted),
			"Look at the folder quarantine of the state folder; a full export brings the practice's records again."))
	}
	return &arrival{file: file, out: out}, nil
}

// refused gives the entries that a replay is of, and their file as the origin
// has it.
func (s *Steps) refused(ctx context.Context, scope *blob.Scope, x store.Export, name string) (quarantine.Selection, store.File, error) {
	of, err := s.Store.In(x.Tenant).File(ctx, x.Origin, name)
	return quarantine.Selection{Scope: scope, Export: Keeper(x.Origin, of), File: name, Reason: x.Parameters.Reason}, of, err
}

// keepRefused writes the selected lines as the raw file of an export, and notes
// its bytes, its hash and how many lines there are. It is for the caller to
// commit it.
func keepRefused(ctx context.Context, from quarantine.Selection, to *blob.Scope, export string, file *store.File) (_ *blob.Writer, err error) {
	out, err := rawWriter(ctx, to, export, file.Name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, out.Close())
		}
	}()
	z, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	hash, length := sha256.New(), new(lengthOf)
	file.Lines, err = from.Unroll(ctx, io.MultiWriter(z, hash, length))
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, err
	}
	file.SHA256, file.Bytes = hex.EncodeToString(hash.Sum(nil)), int64(*length)
	return out, nil
}

// lengthOf counts bytes.
type lengthOf int64

func (n *lengthOf) Write(p []byte) (int, error) {
	*n += lengthOf(len(p))
	return len(p), nil
}

// restage makes of an ingested raw file of a replay what the ledger is to know:
// the lines that were taken again, without the empty ones between them, and
// what of the origin's file stays in quarantine.
func (s *Steps) restage(ctx context.Context, scope *blob.Scope, w Work, summary ingest.Summary) (f StagedFile, err error) {
	refused, _, err := s.refused(ctx, scope, w.Export, summary.File)
	if err != nil {
		return f, err
	}
	renewed, err := refused.Renew(ctx, w.Export.ID)
	if err != nil {
		return f, err
	}
	summary.Lines, summary.Blank, summary.Headers = summary.Lines-summary.Blank, 0, 0
	if summary.Lines != renewed.Taken { // I4
		return f, problem.New(problem.CountMismatch, fmt.Sprintf("file %s: %d refused lines were taken again, and %d were judged", summary.File, renewed.Taken, summary.Lines),
			"Report this: it is a bug in bulkhead. The lines are in quarantine as before, and nothing of them was published.")
	}
	return StagedFile{Summary: summary, Remaining: renewed.Remaining}, nil
}

// said adds to a replay's delivery what later exports have said of resources,
// and what its own origin had to withhold: a line that it takes again may be the
// older form of one that it does not. release frees the local files.
func (s *Steps) said(ctx context.Context, t *config.Tenant, x store.Export, d *sink.Delivery) (release func(), err error) {
	origin, err := s.Store.In(t.ID).Export(ctx, x.Origin)
	if err != nil {
		return nil, err
	}
	later, err := s.Store.In(t.ID).Later(ctx, origin)
	if err != nil {
		return nil, err
	}
	var releases []func()
	release = func() {
		for _, r := range releases {
			r()
		}
	}
	gone, err := s.Store.In(t.ID).Disposed(ctx, origin.ID)
	if err != nil {
		return nil, err
	}
	spoke := later
	if _, destroyed := gone[string(agreement.KindStaged)]; !destroyed { // else all that was withheld is taken again
		spoke = append([]store.Export{origin}, later...)
	}
	d.Again = true
	for _, l := range spoke {
		parts, done, err := s.localParts(ctx, t, l, table.Index.Name, table.Deleted.Name, table.Withheld.Name)
		if err != nil {
			release()
			return nil, problem.Wrap(err, problem.StorageDamaged, "what export "+l.ID+" brought cannot be read, so nobody can say whether a refused line is out of date",
				"Check the disk of the state folder; or leave the refused lines and run a full export, which brings everything anew.")
		}
		releases = append(releases, done)
		if l.ID == origin.ID {
			d.Withheld = append(d.Withheld, parts[table.Withheld.Name]...)
			continue
		}
		d.Later = append(d.Later, parts[table.Index.Name]...)
		d.LaterDeleted = append(d.LaterDeleted, parts[table.Deleted.Name]...)
		d.LaterWithheld = append(d.LaterWithheld, parts[table.Withheld.Name]...)
	}
	return release, nil
}

// forget removes what a replay that has ended leaves behind: its copies of
// lines in raw, and the quarantine of its origin's files that another has
// taken the place of. When it has completed, so it does with the copies of
// earlier replays that had failed: they can be resumed no more. Doing it again
// changes nothing.
func (s *Steps) forget(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	scope, err := s.Files.Tenant(t.ID)
	if err != nil {
		return nil, err
	}
	if err := scope.DeleteExport(ctx, blob.Raw, w.Export.ID); err != nil {
		return nil, err
	}
	in := s.Store.In(t.ID)
	keepers, err := in.Replays(ctx, w.Export.Origin)
	if err != nil {
		return nil, err
	}
	place := slices.Index(keepers, w.Export.ID) // a later replay may be at work
	earlier, keepers := slices.Clone(keepers[:place]), append(keepers[:place+1], w.Export.Origin)
	files, err := in.Files(ctx, w.Export.ID)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		for _, failed := range earlier {
			if w.Export.State != life.Completed {
				break
			}
			if err := scope.DeleteFiles(ctx, blob.Raw, failed, f.Name); err != nil {
				return nil, err
			}
		}
		of, err := in.File(ctx, w.Export.Origin, f.Name)
		if err != nil {
			return nil, err
		}
		for _, keeper := range keepers {
			if keeper == Keeper(w.Export.Origin, of) {
				continue
			}
			if err := scope.DeleteFiles(ctx, blob.Quarantine, keeper, f.Name); err != nil {
				return nil, err
			}
		}
	}
	return Released{}, nil
}
