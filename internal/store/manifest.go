package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// FilesBefore counts the output files that the pages of an export's manifest
// before one have named.
func (s *Scope) FilesBefore(ctx context.Context, export string, page int64) (int64, error) {
	n, err := s.store.queries().CountFilesBefore(ctx, gen.CountFilesBeforeParams{TenantID: s.tenant, ExportID: export, Page: page})
	return n, Explain(err)
}

// ErrorURLs gives the URLs of the error files that the pages of an export's
// manifest before one have named.
func (s *Scope) ErrorURLs(ctx context.Context, export string, page int64) ([]string, error) {
	urls, err := s.store.queries().ErrorURLs(ctx, gen.ErrorURLsParams{TenantID: s.tenant, ExportID: export, Page: page})
	if err != nil {
		return nil, Explain(fmt.Errorf("list error files: %w", err))
	}
	return urls, nil
}

// PageWithURL gives the first listed page of an export's manifest that has a
// URL; ok is false when none has.
func (s *Scope) PageWithURL(ctx context.Context, export, url string) (page int64, ok bool, err error) {
	page, err = s.store.queries().PageWithURL(ctx, gen.PageWithURLParams{TenantID: s.tenant, ExportID: export, Url: url})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return page, err == nil, Explain(err)
}

// PageURL gives the URL of a listed page of an export's manifest; ok is false
// when it is not listed.
func (s *Scope) PageURL(ctx context.Context, export string, page int64) (url string, ok bool, err error) {
	url, err = s.store.queries().PageURL(ctx, gen.PageURLParams{TenantID: s.tenant, ExportID: export, Page: page})
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return url, err == nil, Explain(err)
}

// PageFiles gives the output files that one page of an export's manifest has
// named, in its order.
func (s *Scope) PageFiles(ctx context.Context, export string, page int64) ([]File, error) {
	rows, err := s.store.queries().PageFiles(ctx, gen.PageFilesParams{TenantID: s.tenant, ExportID: export, Page: page})
	if err != nil {
		return nil, Explain(fmt.Errorf("list the files of page %d: %w", page, err))
	}
	return filesOf(rows), nil
}
