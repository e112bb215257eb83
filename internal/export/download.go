package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// download brings output files into raw, one after the other. A file is visible
// there only when it is whole and durable (I3), so running the step again is
// harmless.
func (s *Steps) download(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	files, err := s.unit(ctx, w, store.FileDownloading)
	if err != nil {
		return nil, err
	}
	if err := s.permitted(agreement.AtDownload, t, w.Export, w.Export.Sinks, outputTypes(files...)...); err != nil { // I1: no token is asked for either
		return nil, err
	}
	scope, err := s.Files.Tenant(t.ID)
	if err != nil {
		return nil, err
	}
	client, err := s.Connect(t, w.Export.Types)
	if err != nil {
		return nil, err
	}
	return bring(ctx, w, files, func(ctx context.Context, w Work, file store.File) (*arrival, error) {
		if err := s.permitted(agreement.AtDownload, t, w.Export, w.Export.Sinks, outputTypes(file)...); err != nil { // I1
			return nil, err
		}
		a, err := s.stream(ctx, client, t, scope, w, file)
		return a, downloadFailed(t, w, err)
	})
}

// stream streams one output file, compressed by us and otherwise as it came
// (I10).
func (s *Steps) stream(ctx context.Context, client *bulkdata.Client, t *config.Tenant, scope *blob.Scope, w Work, file store.File) (*arrival, error) {
	body, err := begin(ctx, s.resumes(t, w), func(ctx context.Context, o bulkdata.OpenOptions) (*bulkdata.Body, error) {
		return s.open(ctx, client, t, w, o)
	})
	if err != nil {
		return nil, err
	}
	defer func() { body.Close() }() //nolint:errcheck // it is read to its end or given up
	a, err := s.keep(ctx, scope, w, file, body)
	if err == nil && file.Checksum != "" && file.Checksum != a.file.SHA256 {
		a.notes = append(a.notes, Note{"checksum_differs", file.Name})
	}
	return a, err
}

// resumes gives how often a transfer may be taken up: a server that gives a
// file so many times only counts each of them.
func (s *Steps) resumes(t *config.Tenant, w Work) int {
	if most := s.Config.Profile(t).MaxFileDownloads; most > 0 {
		return max(0, min(resumesAtMost, most-2-int(w.Lease.Attempt)))
	}
	return resumesAtMost
}

func (s *Steps) keep(ctx context.Context, scope *blob.Scope, w Work, file store.File, body *transfer) (_ *arrival, err error) {
	out, err := rawWriter(ctx, scope, w.Export.ID, file.Name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, out.Close())
		}
	}()
	hash, end := sha256.New(), &tail{}
	n, err := s.codecs.compress(out, io.TeeReader(&metered{ctx: ctx, r: s.spare(body), count: s.Meter.of(w.Export.ID).downloaded}, io.MultiWriter(hash, end)))
	if err != nil {
		return nil, err
	}
	file.SHA256 = hex.EncodeToString(hash.Sum(nil))
	if err := end.short(file, file.SHA256); err != nil && w.Lease.Attempt+1 < tries {
		return nil, err
	}
	file.Bytes, file.WireBytes = n, body.WireBytes()
	return &arrival{file: file, out: out}, nil
}

// rawWriter begins the raw file of an output file.
func rawWriter(ctx context.Context, scope *blob.Scope, export, file string) (*blob.Writer, error) {
	key, err := scope.RawKey(export, file)
	if err != nil {
		return nil, err
	}
	return scope.Create(ctx, key)
}

// downloadFailed tells a file that cannot be had from an export that cannot go on.
func downloadFailed(t *config.Tenant, w Work, err error) error {
	if err == nil {
		return nil
	}
	err = explain(t, w, err)
	if p, ok := errors.AsType[*problem.Problem](err); ok && p.Code.Kind() == problem.DownloadFailed.Kind() {
		return problem.Wrap(p.Err, problem.DownloadFailed, fmt.Sprintf("output file %s: %s", w.Lease.Subject, p.Summary), p.Remedy)
	}
	return putOffForEver(t, w, err, "files")
}

// putOffForEver gives a problem in the place of an error by which a server says
// later, when it has only ever said that of what is asked for.
func putOffForEver(t *config.Tenant, w Work, err error, what string) error {
	if !isLater(err) || time.Since(w.Export.StateAt) <= stuckAfter {
		return err
	}
	return problem.New(problem.ExportStuck, "the server has put off the "+what+" of the export for over "+days(stuckAfter),
		"Ask the practice or its vendor why; then resume with bulkhead export "+t.ID+" --resume.").For(t.ID)
}
