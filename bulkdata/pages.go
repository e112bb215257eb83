package bulkdata

import (
	"net/http"
	"slices"
	"time"
)

// defaultPages bounds the chain of a manifest whose Pages has no limit.
const defaultPages = 10_000

// Pages keeps account of the pages of one export's manifest. It sends nothing;
// the caller asks for [Pages.Next] with [Client.Page] and gives the answer to
// [Pages.Add]. All of it is exported so that it can be stored between two
// pages. The zero value is ready. It is not safe for concurrent use.
//
// A file is known by page, section and index, so that a page that is read again
// for fresh URLs brings no file twice. Outcome files, which the guide lets every
// page repeat, are known by URL as well. Of differing transaction times the
// earliest counts.
type Pages struct {
	// Limit is how many pages there may be; 0 means 10000.
	Limit int
	// Visited are the pages in the order of the chain.
	Visited []VisitedPage
	// TransactionTime is the earliest, as received; Time is its value.
	TransactionTime string
	Time            time.Time
	// OutcomeURLs are the URLs of the outcome files given so far.
	OutcomeURLs []string
	// Next is the page to ask for: the next one or, while the last one names
	// none, that one again until the export is complete. Empty before Add.
	Next string
	// Complete says that the last page was complete and named no next one:
	// every file of the export has been given.
	Complete bool
}

// A VisitedPage is one page and how many of its files were given.
type VisitedPage struct {
	URL                             string
	Output, Deleted, Error, Outcome int
}

// A PageFile is a file and the page that listed it, by its position.
type PageFile struct {
	Page int
	File File
}

// Add takes in an answer of the page at url that carries a manifest, and gives
// the files that no earlier answer brought. url is the status URL for the
// first page and Next from then on. An answer without a manifest leaves all as
// it is.
//
// A next page that was visited before, or one beyond the limit, is a
// [*ProtocolError]; the files of this page are given all the same.
func (p *Pages) Add(url string, s *Status) ([]PageFile, []Deviation, error) {
	if s.Manifest == nil {
		return nil, nil, nil
	}
	at := slices.IndexFunc(p.Visited, func(v VisitedPage) bool { return v.URL == url })
	if at < 0 {
		at = len(p.Visited)
		p.Visited = append(p.Visited, VisitedPage{URL: url})
	}
	deviations := p.keepEarliest(s.Manifest)
	files := p.newFiles(at, s.Manifest)
	return files, deviations, p.follow(at, s)
}

func (p *Pages) keepEarliest(m *Manifest) []Deviation {
	if p.TransactionTime == "" {
		p.TransactionTime, p.Time = m.TransactionTime, m.Time
		return nil
	}
	if m.TransactionTime == p.TransactionTime || m.TransactionTime == "" {
		return nil
	}
	if m.Time.Before(p.Time) && !m.Time.IsZero() || p.Time.IsZero() {
		p.TransactionTime, p.Time = m.TransactionTime, m.Time
	}
	return []Deviation{TransactionTimeDiffers}
}

func (p *Pages) newFiles(at int, m *Manifest) []PageFile {
	var files []PageFile
	for f := range m.Files() {
		given := p.Visited[at].given(f.Section)
		if f.Index < *given {
			continue
		}
		*given = f.Index + 1
		if f.Section == ErrorSection || f.Section == OutcomeSection {
			if slices.Contains(p.OutcomeURLs, f.URL) {
				continue
			}
			p.OutcomeURLs = append(p.OutcomeURLs, f.URL)
		}
		files = append(files, PageFile{at, f})
	}
	return files
}

func (v *VisitedPage) given(s Section) *int {
	switch s {
	case DeletedSection:
		return &v.Deleted
	case ErrorSection:
		return &v.Error
	case OutcomeSection:
		return &v.Outcome
	default:
		return &v.Output
	}
}

// follow decides what comes after the page at that position.
func (p *Pages) follow(at int, s *Status) error {
	next := s.Manifest.Next
	switch {
	case at < len(p.Visited)-1: // an earlier page, read again for fresh URLs
		return nil
	case next == "":
		p.Next, p.Complete = p.Visited[at].URL, s.State == Complete
		return nil
	case slices.ContainsFunc(p.Visited, func(v VisitedPage) bool { return v.URL == next }):
		return &ProtocolError{Op: OpStatus, Status: http.StatusOK, Reason: PageRepeated}
	case len(p.Visited) >= p.limit():
		return &ProtocolError{Op: OpStatus, Status: http.StatusOK, Reason: PagesTooMany}
	}
	p.Next, p.Complete = next, false
	return nil
}

func (p *Pages) limit() int {
	if p.Limit > 0 {
		return p.Limit
	}
	return defaultPages
}
