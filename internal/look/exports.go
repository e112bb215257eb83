package look

import (
	"context"
	"errors"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Export gives an export of a practice; access.ErrNotFound when it has none of that
// id.
func (rd *Reader) Export(ctx context.Context, tenant, id string) (store.Export, error) {
	x, err := rd.Store.In(tenant).Export(ctx, id)
	if isUsage(err) {
		return x, access.ErrNotFound
	}
	return x, err
}

// isUsage reports whether an error says that what was asked for is not there,
// or cannot be done.
func isUsage(err error) bool {
	p, ok := errors.AsType[*problem.Problem](err)
	return ok && p.Code == problem.Usage
}

// PageOfExports gives a page of exports, and behind which one the next begins;
// empty after the last. An export that is not the practice's is access.ErrNotFound.
func PageOfExports(ctx context.Context, in *store.Scope, before string, most int) ([]store.Export, string, error) {
	list, err := in.ExportsBefore(ctx, before, most+1)
	if isUsage(err) {
		return nil, "", access.ErrNotFound
	}
	if err != nil || len(list) <= most {
		return list, "", err
	}
	list = list[:most]
	return list, list[most-1].ID, nil
}

// FileStates gives the states of output files, those that a person wants to see
// first.
func FileStates() []string { return slices.Clone(fileStates) }

var fileStates = []string{
	store.FileFailed, store.FileDownloading, store.FileIngesting, store.FileStored, store.FileListed, store.FileIngested,
}

// FilesOfInterest gives so many output files at most: those that failed, those in
// hand, and of the others the first.
func FilesOfInterest(ctx context.Context, in *store.Scope, export string, most int) ([]store.File, error) {
	var files []store.File
	for _, state := range fileStates {
		some, err := in.FilesIn(ctx, export, state, -1, most-len(files))
		if err != nil {
			return nil, err
		}
		if files = append(files, some...); len(files) == most {
			break
		}
	}
	return files, nil
}

// PageOfFiles gives a page of files, and behind which position the next begins;
// -1 after the last.
func PageOfFiles(ctx context.Context, in *store.Scope, export, state string, after int64, most int) ([]store.File, int64, error) {
	list, err := in.FilesIn(ctx, export, state, after, most+1)
	if err != nil || len(list) <= most {
		return list, -1, err
	}
	list = list[:most]
	return list, list[most-1].Position, nil
}
