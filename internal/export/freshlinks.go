package export

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// linksPlaced is what the timeline calls links that were renewed by the place of
// their files alone.
const linksPlaced = "links_placed"

// errUnmatched says that a page of the manifest that was asked for again does
// not say which of its files is the one whose link has lapsed, or that it has
// grown.
var errUnmatched = errors.New("the manifest is another than before")

func unmatched(t *config.Tenant, cause error) *problem.Problem {
	return problem.Wrap(cause, problem.DownloadFailed,
		"its link has lapsed, and the manifest that the server gives now is another: nobody can tell which file it is, or there are more of them than before",
		"Start a new export with bulkhead export "+t.ID+"; if it happens again, ask the vendor for links that last longer.").For(t.ID)
}

// freshLinks gives the fresh URLs of a page's files by name. A server need not
// keep their order, nor their number: a file is found again by its URL, of which
// the signature and its time may differ, or by a checksum or a count that no
// other file has. No file gets the URL of another, nor of a file of another type.
//
// Where nothing of that is of any use, and the page has the same files in the
// same order as far as it says, they are found by their place, and placed is
// true: that is a guess, which distinct puts to the test.
func freshLinks(known, fresh []store.File) (links map[string]string, placed bool) {
	links = map[string]string{}
	given := map[*store.File]bool{}
	for _, of := range marks(known, fresh) {
		now := byMark(fresh, of)
		for key, f := range byMark(known, of) {
			again := now[key]
			if f == nil || again == nil || links[f.Name] != "" || given[again] || contradicts(*f, *again) {
				continue
			}
			links[f.Name], given[again] = again.URL, true
		}
	}
	if len(links) > 0 || !samePlaces(known, fresh) {
		return links, false
	}
	for i, f := range known {
		links[f.Name] = fresh[i].URL
	}
	return links, true
}

// grew reports whether a page has more files of a type than before: what they
// hold nobody has, and what the others hold may not be what it was.
func grew(known, fresh []store.File) bool {
	left := map[[2]string]int{}
	for _, f := range known {
		left[[2]string{f.Section, f.ResourceType}]++
	}
	for _, f := range fresh {
		kind := [2]string{f.Section, f.ResourceType}
		n, known := left[kind]
		if known && n == 0 {
			return true
		}
		if known {
			left[kind]--
		}
	}
	return false
}

// contradicts reports whether two entries of a manifest cannot be of one file.
func contradicts(a, b store.File) bool {
	return a.Section != b.Section || a.ResourceType != b.ResourceType || a.Expected != b.Expected || a.Checksum != b.Checksum
}

// samePlaces reports whether two listings have the same files, as far as they say.
func samePlaces(known, fresh []store.File) bool {
	if len(known) != len(fresh) {
		return false
	}
	for i := range known {
		if known[i].Name != fresh[i].Name || contradicts(known[i], fresh[i]) {
			return false
		}
	}
	return true
}

// A mark is what a file may be known by; empty when it has no such mark.
type mark func(store.File) string

// byMark gives the files that have a mark, nil for one that several have.
func byMark(files []store.File, of mark) map[string]*store.File {
	by := map[string]*store.File{}
	for i, f := range files {
		key := of(f)
		if key == "" {
			continue
		}
		if _, several := by[key]; several {
			by[key] = nil
			continue
		}
		by[key] = &files[i]
	}
	return by
}

// marks are those of files that both listings may share, the surest first.
func marks(known, fresh []store.File) []mark {
	list := []mark{
		func(f store.File) string { return f.URL },
		func(f store.File) string { return unsigned(f.URL) },
	}
	for _, name := range naming(known, fresh) {
		list = append(list, func(f store.File) string { return parameter(f, name) })
	}
	return append(list,
		func(f store.File) string {
			if f.Checksum == "" {
				return ""
			}
			return f.Section + " " + f.ResourceType + " " + f.Checksum
		},
		func(f store.File) string {
			if f.Expected < 0 {
				return ""
			}
			return fmt.Sprint(f.Section, " ", f.ResourceType, " ", f.Expected)
		})
}

// naming gives the parameters of queries that name a file where several have the
// rest of their URL in common: each has one, no two the same, and both listings
// know some of the values. A signature is another in each.
func naming(known, fresh []store.File) (names []string) {
	before, now := byPath(known), byPath(fresh)
	for path, files := range before {
		u, err := url.Parse(files[0].URL)
		if err != nil || len(files) == 1 {
			continue
		}
		for name := range u.Query() {
			if shared(distinctValues(files, name), distinctValues(now[path], name)) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func byPath(files []store.File) map[string][]store.File {
	by := map[string][]store.File{}
	for _, f := range files {
		by[unsigned(f.URL)] = append(by[unsigned(f.URL)], f)
	}
	return by
}

func shared(a, b map[string]bool) bool {
	for value := range a {
		if b[value] {
			return true
		}
	}
	return false
}

// distinctValues gives the values that a parameter has in the files' queries;
// none where two files have the same, or one has none.
func distinctValues(files []store.File, name string) map[string]bool {
	values := map[string]bool{}
	for _, f := range files {
		value := parameter(f, name)
		if value == "" || values[value] {
			return nil
		}
		values[value] = true
	}
	return values
}

// parameter gives the place of a file with one parameter of its query; empty
// when it has none of the name.
func parameter(f store.File, name string) string {
	u, err := url.Parse(f.URL)
	if err != nil || u.Query().Get(name) == "" {
		return ""
	}
	return unsigned(f.URL) + "?" + u.Query().Get(name)
}

// unsigned gives a URL without its query.
func unsigned(url string) string {
	url, _, _ = strings.Cut(url, "?")
	return url
}

// distinct refuses files of which one was taken for another. Links that were
// renewed by place lead elsewhere when the server has changed the order: then
// what one file has comes twice, and what another has never.
func (s *Steps) distinct(ctx context.Context, x store.Export, files []store.File) error {
	first, second, ok := twins(files)
	if !ok {
		return nil
	}
	happened, err := s.Store.In(x.Tenant).Timeline(ctx, x.ID)
	if err != nil {
		return err
	}
	for _, e := range happened {
		if e.Kind == linksPlaced {
			return problem.New(problem.ManifestInvalid,
				fmt.Sprintf("the server's links had lapsed, and after they were renewed files %s and %s are the same byte for byte: others are missing", first, second),
				"Start a new export with bulkhead export "+x.Tenant+", and ask the vendor for links that last longer, or that name their file. Nothing of this export is published.").For(x.Tenant)
		}
	}
	return nil
}

// twins gives two files of one type that have the same content, and some.
func twins(files []store.File) (first, second string, ok bool) {
	seen := map[string]string{}
	for _, f := range files {
		if f.Section != "output" || f.Bytes == 0 || f.SHA256 == "" {
			continue
		}
		key := f.ResourceType + " " + f.SHA256
		if before := seen[key]; before != "" {
			return before, f.Name, true
		}
		seen[key] = f.Name
	}
	return "", "", false
}
