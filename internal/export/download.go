package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// download streams one output file into raw, compressed by us and otherwise as
// it came (I10). The file is visible in raw only when it is whole and durable
// (I3), so running the step again is harmless.
func (s *Steps) download(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	file, err := s.Store.In(t.ID).File(ctx, w.Export.ID, w.Lease.Subject)
	if err != nil {
		return nil, err
	}
	if err := s.permitted(agreement.AtDownload, t, w.Export, w.Export.Sinks, outputTypes(file)...); err != nil { // I1
		return nil, err
	}
	client, err := s.Connect(t, w.Export.Types)
	if err != nil {
		return nil, err
	}
	body, err := begin(ctx, s.resumes(t, w), func(ctx context.Context, o bulkdata.OpenOptions) (*bulkdata.Body, error) {
		return s.open(ctx, client, t, w, o)
	})
	if err != nil {
		return downloadFailed(t, w, err)
	}
	defer func() { body.Close() }() //nolint:errcheck // it is read to its end or given up
	scope, err := s.Files.Tenant(t.ID)
	if err != nil {
		return nil, err
	}
	if file, err = s.keep(ctx, scope, w, file, body); err != nil {
		return downloadFailed(t, w, err)
	}
	stored := Stored{File: file}
	if file.Checksum != "" && file.Checksum != file.SHA256 {
		stored.Notes = append(stored.Notes, Note{"checksum_differs", file.Name})
	}
	return stored, nil
}

// resumes gives how often a transfer may be taken up: a server that gives a
// file so many times only counts each of them.
func (s *Steps) resumes(t *config.Tenant, w Work) int {
	if most := s.Config.Profile(t).MaxFileDownloads; most > 0 {
		return max(0, min(resumesAtMost, most-2-int(w.Lease.Attempt)))
	}
	return resumesAtMost
}

func (s *Steps) keep(ctx context.Context, scope *blob.Scope, w Work, file store.File, body *transfer) (_ store.File, err error) {
	key, err := scope.RawKey(w.Export.ID, file.Name)
	if err != nil {
		return file, err
	}
	out, err := scope.Create(ctx, key)
	if err != nil {
		return file, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	hash, end := sha256.New(), &tail{}
	n, err := compress(out, io.TeeReader(&metered{ctx: ctx, r: s.spare(body), count: s.Meter.of(w.Export.ID).downloaded}, io.MultiWriter(hash, end)))
	if err != nil {
		return file, err
	}
	file.SHA256 = hex.EncodeToString(hash.Sum(nil))
	if err := end.short(file, file.SHA256); err != nil && w.Lease.Attempt+1 < tries {
		return file, err
	}
	if err := out.Commit(); err != nil { // I3
		return file, err
	}
	file.Bytes, file.WireBytes = n, body.WireBytes()
	return file, nil
}

func compress(w io.Writer, r io.Reader) (n int64, err error) {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(z, r)
	return n, errors.Join(err, z.Close())
}

// downloadFailed tells a file that cannot be had from an export that cannot go on.
func downloadFailed(t *config.Tenant, w Work, err error) (Outcome, error) {
	err = explain(t, w, err)
	if p, ok := errors.AsType[*problem.Problem](err); ok && p.Code.Kind() == problem.DownloadFailed.Kind() {
		p := problem.Wrap(p.Err, problem.DownloadFailed, fmt.Sprintf("output file %s: %s", w.Lease.Subject, p.Summary), p.Remedy)
		return FileFailed{p}, nil
	}
	if isLater(err) && time.Since(w.Export.StateAt) > stuckAfter { // a server that only ever says later
		return nil, problem.Wrap(err, problem.ExportStuck, "the server has put off the files of the export for over "+days(stuckAfter),
			"Ask the practice or its vendor why; then resume with bulkhead export "+t.ID+" --resume.").For(t.ID)
	}
	return nil, err
}
