package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	// pagesAtMost bounds a manifest's chain of pages; so does the limit of files
	// per export, because a page is there to name files.
	pagesAtMost = 10_000
	// betweenPages is the pause before a page that the server says nothing about.
	betweenPages = time.Second
	// remarksAtMost bounds what is told of one page of a manifest, by kind.
	remarksAtMost = 50
)

// listed stores a page of the manifest as received and reads what it names.
// https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-output-manifest
func (s *Steps) listed(ctx context.Context, t *config.Tenant, w Work, status *bulkdata.Status) (Outcome, error) {
	m, x := status.Manifest, w.Export
	if err := s.room(); err != nil {
		return nil, err
	}
	if err := s.keepManifest(ctx, t, w, status.Raw); err != nil {
		return nil, err
	}
	if err := s.linked(ctx, t, x, m.Next); err != nil {
		return nil, err
	}
	known, err := s.Store.In(t.ID).ErrorURLs(ctx, x.ID, x.Page)
	if err != nil {
		return nil, err
	}
	if err := s.countable(ctx, m, x); err != nil {
		return nil, err
	}
	l := Listed{Listing: store.Listing{
		TransactionTime: saidTime(m.TransactionTime), NextSince: s.nextSince(t, m, x.KickoffSentAt),
		RequiresToken: string(m.Access), OrganizedBy: saidType(m.OutputOrganizedBy), ExpiresAt: status.Expires,
		Page: x.Page, PageURL: pageURL(x), NextURL: m.Next,
	}}
	if m.Next != "" {
		l.NextPoll = s.pageAt(t, status.RetryAfter, status.Answered)
	}
	if x.Page > 0 {
		l.keepEarliest(x)
	}
	l.Notes = append(l.Notes, remarks(status)...)
	return l, l.read(t, w.Export.Intent, m, known)
}

// pageAt says when to ask for the next page: soon, unless the server said when.
func (s *Steps) pageAt(t *config.Tenant, told bulkdata.RetryAfter, answered time.Time) time.Time {
	return answered.Add(max(betweenPages, s.believed(t, told)))
}

// saidTime gives a server's time as it came, if it looks like one: the ledger
// and what people see keep no text of a server's choice.
func saidTime(text string) string {
	if len(text) > 40 || strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789-+:.,TtZz ", r) }) {
		return ""
	}
	return text
}

// otherType stands in the place of a type that R4 does not know: what the ledger
// keeps and people see is no text of a server's choice.
const otherType = "other"

// saidType gives a type that a server names, if there is such a one.
func saidType(text string) string {
	if text == "" || quarantine.KnownType(text) {
		return text
	}
	return otherType
}

// countable refuses a manifest of more files than one export may have.
func (s *Steps) countable(ctx context.Context, m *bulkdata.Manifest, x store.Export) error {
	before, err := s.Store.In(x.Tenant).FilesBefore(ctx, x.ID, x.Page)
	if err != nil {
		return err
	}
	files := int(before)
	for range m.Files() {
		files++
	}
	if most := s.Config.Limits.FilesPerExport; files > most {
		return problem.New(problem.ManifestInvalid, fmt.Sprintf("the manifest names more than %d files", most),
			"If the practice really is so large, raise limits.files_per_export in the configuration; then resume. Nothing of this export is published.")
	}
	return nil
}

// linked refuses a chain of pages that does not end.
func (s *Steps) linked(ctx context.Context, t *config.Tenant, x store.Export, next string) error {
	if next == "" {
		return nil
	}
	page, seen, err := s.Store.In(t.ID).PageWithURL(ctx, x.ID, next)
	if err != nil {
		return err
	}
	why := ""
	if most := min(pagesAtMost, s.Config.Limits.FilesPerExport); x.Page+1 >= int64(most) {
		why = fmt.Sprintf("the manifest has more than %d pages", most)
	}
	if seen && page <= x.Page {
		why = fmt.Sprintf("page %d of the manifest links back to page %d", x.Page, page)
	}
	if next == pageURL(x) {
		why = fmt.Sprintf("page %d of the manifest links to itself", x.Page)
	}
	if why == "" {
		return nil
	}
	return problem.New(problem.ManifestInvalid, why,
		"Report this to the vendor; the pages are kept in the raw folder as they were received. Nothing of this export is published.")
}

// keepEarliest holds on to the first page's word: a later one may differ, and
// the earliest transaction time loses nothing (I6).
func (l *Listed) keepEarliest(x store.Export) {
	if l.TransactionTime != x.TransactionTime {
		l.Notes = append(l.Notes, Note{"transaction_time_differs", fmt.Sprintf("page %d: %s, before: %s", l.Page, l.TransactionTime, x.TransactionTime)})
		if ours, err := fhir.ParseInstant(x.TransactionTime); err == nil {
			if theirs, err := fhir.ParseInstant(l.TransactionTime); err != nil || ours.Before(theirs) {
				l.TransactionTime = x.TransactionTime
			}
		}
	}
	ours, err := fhir.ParseInstant(x.NextSince)
	theirs, err2 := fhir.ParseInstant(l.NextSince)
	if err == nil && (err2 != nil || ours.Before(theirs)) {
		l.NextSince = x.NextSince
	}
	if l.ExpiresAt.IsZero() || !x.ExpiresAt.IsZero() && x.ExpiresAt.Before(l.ExpiresAt) {
		l.ExpiresAt = x.ExpiresAt
	}
}

// remarks are what a person should know of an answer that was understood:
// departures from the standard, by their fixed names.
func remarks(status *bulkdata.Status) []Note {
	var notes []Note
	for _, d := range status.Deviations {
		notes = append(notes, Note{"deviation", string(d)})
	}
	var unknown []string
	for f := range status.Manifest.Files() {
		for _, name := range f.Extensions {
			if len(unknown) < remarksAtMost && !slices.Contains(unknown, name) {
				unknown = append(unknown, name)
			}
		}
	}
	if len(unknown) > 0 {
		notes = append(notes, Note{"unknown_extension", fmt.Sprintf("%d; the manifest in raw names them", len(unknown))})
	}
	return notes
}

func (s *Steps) keepManifest(ctx context.Context, t *config.Tenant, w Work, raw []byte) (err error) {
	scope, err := s.Files.Tenant(t.ID)
	if err != nil {
		return err
	}
	key, err := scope.ManifestKey(w.Export.ID, w.Export.Page)
	if err != nil {
		return err
	}
	f, err := scope.Create(ctx, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(raw); err != nil {
		return err
	}
	return f.Commit()
}

// nextSince gives the _since of the stream's next export: the server's own
// word, unless that is later than our kick-off or missing (I6), less the
// overlap that the vendor needs. What is sent twice is found out by its hash;
// what is never sent is lost.
func (s *Steps) nextSince(t *config.Tenant, m *bulkdata.Manifest, kickoff time.Time) string {
	overlap := s.Config.Profile(t).Overlap.Std()
	if m.Time.IsZero() || m.Time.After(kickoff) {
		return fhir.FormatInstant(kickoff.Add(-overlap))
	}
	if overlap > 0 {
		return fhir.FormatInstant(m.Time.Add(-overlap))
	}
	return m.TransactionTime
}

// read names the page's files by their place in it. Types that the agreement
// does not permit are left at the server (I1); outcomes that every page
// repeats are read once: known are the URLs of those of the pages before.
func (l *Listed) read(t *config.Tenant, i store.Intent, m *bulkdata.Manifest, known []string) error {
	repeated := map[string]bool{}
	for _, url := range known {
		repeated[url] = true
	}
	for f := range m.Files() {
		section, resourceType := string(f.Section), f.Type
		switch f.Section {
		case bulkdata.DeletedSection:
			resourceType = "Bundle"
		case bulkdata.ErrorSection, bulkdata.OutcomeSection:
			section, resourceType = "error", "OperationOutcome"
			if repeated[f.URL] {
				continue
			}
			repeated[f.URL] = true
		default:
			if m.Organized() {
				resourceType = organized
			} else if !wanted(t, i, resourceType) {
				if said := saidType(resourceType); len(l.NotPermitted) < remarksAtMost && !slices.Contains(l.NotPermitted, said) {
					l.NotPermitted = append(l.NotPermitted, said)
				}
				continue
			}
		}
		if err := l.add(f, section, resourceType); err != nil {
			return err
		}
	}
	return nil
}

// wanted reports whether files of the type are fetched: the agreement permits
// it (I1), and where the server could not be told what to send it is among
// what was to be asked for.
func wanted(t *config.Tenant, i store.Intent, resourceType string) bool {
	if i.Parameters.WithoutTypes && !slices.Contains(i.Types, resourceType) {
		return false
	}
	return len(agreement.NotPermitted(t.Agreement, []string{resourceType})) == 0
}

// organized stands in the place of the type of a file that holds several.
const organized = "Organized"

func (l *Listed) add(f bulkdata.File, section, resourceType string) error {
	index := f.Index
	if f.Section == bulkdata.OutcomeSection {
		index += outcomesFrom // error and outcome are one section of ours
	}
	name, err := blob.FileName(int(l.Page), section, index, resourceType)
	if err != nil {
		return problem.Wrap(err, problem.ManifestInvalid, fmt.Sprintf("entry %d of the manifest's %s names no resource type", f.Index, section),
			"Report this to the vendor; the manifest is kept in the raw folder as it was received.")
	}
	file := store.File{
		Name: name, Position: l.Page<<32 + int64(len(l.Files)), Section: section, ResourceType: resourceType,
		URL: f.URL, Access: string(f.Access), Expected: -1, Checksum: f.Checksum,
	}
	if f.Count != nil {
		file.Expected = *f.Count
	}
	l.Files = append(l.Files, file)
	return nil
}

// outcomesFrom keeps the files of outcome apart from those of error, which a
// server between two releases may both have.
const outcomesFrom = 1_000_000
