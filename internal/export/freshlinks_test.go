package export

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// listed is an entry of a manifest, counted when count is not negative.
func listedFile(place int, kind, url string, count int64) store.File {
	return store.File{
		Name: fmt.Sprintf("0-output-%d-%s", place, kind), Section: "output", ResourceType: kind, URL: "https://ehr.example/" + url, Expected: count,
	}
}

func TestAFreshLinkIsThatOfTheSameFile(t *testing.T) {
	file := func(place int, url string, count int64) store.File { return listedFile(place, "Patient", url, count) }
	plain := []store.File{file(0, "a?sig=1", -1), file(1, "b?sig=1", -1)}
	queries := []store.File{
		file(0, "a?sig=1", -1), file(1, "q?job=7&f=2&end=1&sig=1", -1), file(2, "q?job=7&f=3&end=1&sig=2", -1), file(3, "q?job=7&f=4&end=2&sig=3", -1),
	}
	counted := []store.File{file(0, "t1", 5), file(1, "t2", 7), file(2, "t3", 9), file(3, "t4", 9)}
	summed := []store.File{file(0, "t1", -1), file(1, "t2", -1)}
	summed[0].Checksum, summed[1].Checksum = "aa", "bb"
	turned := []store.File{file(0, "u1", -1), file(1, "u2", -1)}
	turned[0].Checksum, turned[1].Checksum = "bb", "aa"
	for name, c := range map[string]struct {
		known, fresh []store.File
		want         []string // the URL of each known file
		placed       bool
	}{
		"in the same order":  {plain, []store.File{file(0, "a?sig=2", -1), file(1, "b?sig=2", -1)}, []string{"a?sig=2", "b?sig=2"}, false},
		"in another order":   {plain, []store.File{file(0, "b?sig=2", -1), file(1, "a?sig=2", -1)}, []string{"a?sig=2", "b?sig=2"}, false},
		"one fewer":          {plain, []store.File{file(0, "b?sig=2", -1)}, []string{"", "b?sig=2"}, false},
		"one more":           {plain, []store.File{file(0, "c?sig=2", -1), file(1, "a?sig=2", -1), file(2, "b?sig=2", -1)}, []string{"a?sig=2", "b?sig=2"}, false},
		"of another type":    {plain, []store.File{listedFile(0, "Claim", "a?sig=2", -1), file(1, "b?sig=2", -1)}, []string{"", "b?sig=2"}, false},
		"with another count": {plain, []store.File{file(0, "a?sig=2", 4), file(1, "b?sig=2", -1)}, []string{"", "b?sig=2"}, false},
		"named by a query and turned": {
			queries,
			[]store.File{
				file(0, "q?job=7&f=4&end=2&sig=8", -1), file(1, "q?job=7&f=2&end=3&sig=7", -1), file(2, "a?sig=9", -1), file(3, "q?job=7&f=3&end=4&sig=6", -1),
			},
			[]string{"a?sig=9", "q?job=7&f=2&end=3&sig=7", "q?job=7&f=3&end=4&sig=6", "q?job=7&f=4&end=2&sig=8"},
			false,
		},
		"known by their counts":                {counted, []store.File{file(0, "u1", 9), file(1, "u2", 7), file(2, "u3", 9), file(3, "u4", 5)}, []string{"u4", "u2", "", ""}, false},
		"known by their checksums":             {summed, turned, []string{"u2", "u1"}, false},
		"under other names in the same places": {plain, []store.File{file(0, "c", -1), file(1, "d", -1)}, []string{"c", "d"}, true},
		"under other names, one fewer":         {plain, []store.File{file(0, "c", -1)}, []string{"", ""}, false},
		"under other names, of another type":   {plain, []store.File{file(0, "c", -1), listedFile(1, "Claim", "d", -1)}, []string{"", ""}, false},
		"nothing at all":                       {plain, nil, []string{"", ""}, false},
	} {
		t.Run(name, func(t *testing.T) {
			links, placed := freshLinks(c.known, c.fresh)
			want := map[string]string{}
			for i, url := range c.want {
				if url != "" {
					want[c.known[i].Name] = "https://ehr.example/" + url
				}
			}
			if diff := cmp.Diff(want, links); diff != "" || placed != c.placed {
				t.Errorf("placed %v, links (-want +got):\n%s", placed, diff)
			}
		})
	}
}

func TestAPageThatHasMoreFilesOfATypeHasGrown(t *testing.T) {
	known := []store.File{listedFile(0, "Patient", "a", -1), listedFile(1, "Patient", "b", -1), listedFile(2, "Claim", "c", -1)}
	for name, c := range map[string]struct {
		fresh []store.File
		want  bool
	}{
		"the same":           {known, false},
		"fewer":              {known[1:], false},
		"one more":           {append(known[:3:3], listedFile(3, "Claim", "d", -1)), true},
		"one instead":        {[]store.File{known[0], known[1], listedFile(2, "Patient", "d", -1)}, true},
		"of a type besides":  {append(known[:3:3], listedFile(3, "Device", "d", -1)), false}, // which was not wanted before
		"in another section": {append(known[:3:3], store.File{Section: "error", ResourceType: "Claim"}), false},
	} {
		if got := grew(known, c.fresh); got != c.want {
			t.Errorf("%s: grew %v", name, got)
		}
	}
}

func TestTwinsAreFilesOfOneTypeWithTheSameContent(t *testing.T) {
	file := func(name, kind, sum string, bytes int64) store.File {
		return store.File{Name: name, Section: "output", ResourceType: kind, SHA256: sum, Bytes: bytes}
	}
	a, b := file("a", "Patient", "1", 9), file("b", "Patient", "2", 9)
	for name, c := range map[string]struct {
		more store.File
		want string
	}{
		"of another content": {file("c", "Patient", "3", 9), ""}, "of another type": {file("c", "Claim", "1", 9), ""},
		"empty": {file("c", "Patient", "1", 0), ""}, "the same": {file("c", "Patient", "1", 9), "a c"},
	} {
		first, second, ok := twins([]store.File{a, b, c.more})
		if got := first + " " + second; ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
}
