package export

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

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
	if _, ok := errors.AsType[*Later](renewErr); ok || bulkdata.Temporary(renewErr) {
		return nil, renewErr // the link may be had anew, but not now
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
	links := freshLinks(files, fresh.Files)
	err = scope.Do(ctx, func(tx *store.Tx) error {
		if err := tx.Hold(w.Lease); err != nil {
			return err
		}
		for name, url := range links {
			if err := tx.RenewFile(&w.Export, name, url); err != nil {
				return err
			}
		}
		return tx.Note(w.Export.ID, "engine", "links_renewed", file.Name)
	})
	return links[file.Name], err
}

// freshLinks gives the fresh URLs of a page's files by name. A server need not
// keep their order: a file is found again by its URL without the query, which
// holds the signature; where no file is, by its place, if nothing speaks
// against that. No file gets the URL of another.
func freshLinks(known, fresh []store.File) map[string]string {
	byURL, byPlace := map[string][]string{}, map[string]store.File{}
	for _, f := range known {
		byURL[unsigned(f.URL)] = append(byURL[unsigned(f.URL)], f.Name)
		byPlace[f.Name] = f
	}
	links, placed := map[string]string{}, map[string]string{}
	for _, f := range fresh {
		names := byURL[unsigned(f.URL)]
		now, ok := byPlace[f.Name]
		same := ok && now.Expected == f.Expected && now.Checksum == f.Checksum
		switch {
		case len(names) == 1:
			links[names[0]] = f.URL
		case same && slices.Contains(names, f.Name): // their queries tell them apart
			links[f.Name] = f.URL
		case same && len(names) == 0:
			placed[f.Name] = f.URL
		}
	}
	if len(links) > 0 {
		return links
	}
	return placed
}

// unsigned gives a URL without its query.
func unsigned(url string) string {
	url, _, _ = strings.Cut(url, "?")
	return url
}

// ask requests the status, or the page of the manifest, that the export stands at.
func (s *Steps) ask(ctx context.Context, client *bulkdata.Client, x store.Export) (*bulkdata.Status, error) {
	request := bulkdata.StatusRequest{URL: pageURL(x), Separate: x.SeparateStatus}
	if x.PageURL != "" {
		return client.Page(ctx, request)
	}
	return client.StatusOf(ctx, request)
}
