package export

import (
	"context"
	"errors"
	"net/http"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// open requests a file. A link that has lapsed is renewed once: the page of
// the manifest that named the file is asked for again, and may name it anew.
// https://hl7.org/fhir/uv/bulkdata/export.html#response---complete-status
func (s *Steps) open(ctx context.Context, client *bulkdata.Client, t *config.Tenant, w Work, o bulkdata.OpenOptions) (*bulkdata.Body, error) {
	file, err := s.Store.In(t.ID).File(ctx, w.Export.ID, w.Lease.Subject)
	if err != nil {
		return nil, err
	}
	if !s.Config.FileAllowed(t, file.URL) {
		return nil, problem.New(problem.DownloadFailed, "the manifest names a file on a host where "+s.Config.Profile(t).Title+" has none",
			"If the vendor confirms the host, name it in the tenant's allowed_origins, or in file_origins of a profile of yours; nothing was requested there.")
	}
	body, err := client.Open(ctx, entryOf(file, w.Export), o)
	if !lapsed(err) {
		return body, err
	}
	url, renewErr := s.renewed(ctx, client, t, w, file)
	if _, ok := errors.AsType[*Later](renewErr); ok || bulkdata.Temporary(renewErr) || refusesUs(renewErr) {
		return nil, renewErr // the link may be had anew, but not now, or not by us
	}
	if errors.Is(renewErr, errUnmatched) {
		return nil, unmatched(t, err)
	}
	if renewErr != nil {
		return nil, errors.Join(err, renewErr) // the first is what a person is told
	}
	if url == "" {
		return nil, err
	}
	file.URL = url
	if !s.Config.FileAllowed(t, url) {
		return nil, err
	}
	return client.Open(ctx, entryOf(file, w.Export), o)
}

// entryOf gives a file as the manifest had it.
func entryOf(f store.File, x store.Export) bulkdata.File {
	access := f.Access
	if access == "" {
		access = x.RequiresToken
	}
	return bulkdata.File{Section: bulkdata.Section(f.Section), Type: typeOf(f), URL: f.URL, Access: bulkdata.AccessRule(access)}
}

func typeOf(f store.File) string {
	if f.ResourceType == organized {
		return ""
	}
	return f.ResourceType
}

// lapsed reports whether a refusal may mean that the link's time is over. Google's
// storage says 400.
func lapsed(err error) bool {
	status, ok := errors.AsType[*bulkdata.StatusError](err)
	if !ok {
		return false
	}
	switch status.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

// renewed gives a file's fresh URL, empty when there is none, and records
// those of the page's other files that are not in raw yet. Another step may
// have done so already.
func (s *Steps) renewed(ctx context.Context, client *bulkdata.Client, t *config.Tenant, w Work, file store.File) (string, error) {
	scope := s.Store.In(t.ID)
	now, err := scope.File(ctx, w.Export.ID, file.Name)
	if err != nil || now.URL != file.URL {
		return now.URL, err
	}
	page, ok, err := scope.PageURL(ctx, w.Export.ID, file.Page)
	if err != nil || !ok {
		return "", err
	}
	at := w.Export
	at.Page, at.PageURL = file.Page, ""
	if file.Page > 0 {
		at.PageURL = page
	}
	status, err := s.ask(ctx, client, at)
	if err != nil || status.Manifest == nil {
		return "", err
	}
	fresh := Listed{Listing: store.Listing{Page: file.Page}}
	if err := fresh.read(t, w.Export.Intent, status.Manifest, nil); err != nil {
		return "", err
	}
	files, err := scope.PageFiles(ctx, w.Export.ID, file.Page)
	if err != nil {
		return "", err
	}
	links, placed := freshLinks(files, fresh.Files)
	if links[file.Name] == "" || grew(files, fresh.Files) {
		return "", errUnmatched
	}
	err = scope.Do(ctx, func(tx *store.Tx) error {
		if err := tx.Hold(w.Lease); err != nil {
			return err
		}
		for name, url := range links {
			if err := tx.RenewFile(&w.Export, name, url); err != nil {
				return err
			}
		}
		if placed {
			if err := tx.NoteOnce(w.Export.ID, "engine", linksPlaced, file.Name); err != nil {
				return err
			}
		}
		return tx.Note(w.Export.ID, "engine", "links_renewed", file.Name)
	})
	return links[file.Name], err
}

// ask requests the status, or the page of the manifest, that the export stands at.
func (s *Steps) ask(ctx context.Context, client *bulkdata.Client, x store.Export) (*bulkdata.Status, error) {
	request := bulkdata.StatusRequest{URL: pageURL(x), Separate: x.SeparateStatus}
	if x.PageURL != "" {
		return client.Page(ctx, request)
	}
	return client.StatusOf(ctx, request)
}
