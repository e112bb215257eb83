package bulkdata

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// pageOf writes a page with files of those names and a link to next, if any.
func pageOf(time, next string, output ...string) string {
	var files []string
	for _, name := range output {
		files = append(files, `{"type":"Patient","url":"BASE/`+name+`"}`)
	}
	text := `{"transactionTime":"` + time + `","requiresAccessToken":true,"request":"x","output":[` + strings.Join(files, ",") +
		`],"error":[{"type":"OperationOutcome","url":"BASE/e1"}]`
	if next != "" {
		text += `,"link":[{"relation":"self","url":"BASE/no"},{"relation":"next","url":"` + next + `"}]`
	}
	return text + "}"
}

const pageTime = "2026-01-02T03:04:05Z"

// allFiles follows a manifest from its status URL to its end and gives the
// paths of the files.
func allFiles(t *testing.T, c *Client, p *Pages, r StatusRequest) ([]string, error) {
	t.Helper()
	var paths []string
	read := c.StatusOf
	for !p.Complete {
		s, err := read(t.Context(), r)
		if err != nil {
			return paths, err
		}
		files, _, err := p.Add(r.URL, s)
		for _, f := range files {
			paths = append(paths, f.File.URL[strings.LastIndexByte(f.File.URL, '/'):])
		}
		if err != nil {
			return paths, err
		}
		if p.Next != "" && p.Next != r.URL {
			r.URL, read = p.Next, c.Page
		}
		stored, err := json.Marshal(p) // what a caller may do between two pages
		if err != nil {
			t.Fatal(err)
		}
		*p = Pages{}
		if err := json.Unmarshal(stored, p); err != nil {
			t.Fatal(err)
		}
	}
	return paths, nil
}

func TestEveryPagesFilesBelongToTheExport(t *testing.T) {
	t.Attr("shows", "BD-110 BD-112 BD-114 P12")
	c, s := scriptOf(t, in(STU3),
		said{200, pageOf(pageTime, "BASE/fhir/status/1?page=2", "a", "b"), nil},
		said{200, pageOf(pageTime, "BASE/fhir/status/1?page=3", "c"), nil},
		said{200, pageOf(pageTime, "", "d"), nil})
	p := &Pages{}
	got, err := allFiles(t, c, p, StatusRequest{URL: s.url + "/fhir/status/1"})
	if diff := cmp.Diff([]string{"/a", "/b", "/e1", "/c", "/d"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if diff := cmp.Diff([]string{"GET /fhir/status/1", "GET /fhir/status/1?page=2", "GET /fhir/status/1?page=3"}, s.uris()); diff != "" {
		t.Error(diff)
	}
	for _, a := range s.requests() {
		if a.header.Get("Authorization") != "Bearer token-1" || a.header.Get("Accept") != "application/json" {
			t.Errorf("%s with %v", a.uri, a.header)
		}
	}
	if p.TransactionTime != pageTime || len(p.Visited) != 3 {
		t.Errorf("%+v", p)
	}
}

func TestTheLastPageIsPolledLikeAStatus(t *testing.T) {
	t.Attr("shows", "BD-108 BD-111 P12")
	for _, separate := range []bool{false, true} {
		as := func(status int, body string) said {
			if separate {
				return said{200, body, []string{"X-Export-Status", strconv.Itoa(status)}}
			}
			return said{status, body, []string{"Content-Type", "application/json"}}
		}
		c, s := scriptOf(t, in(STU3),
			as(202, ""),
			as(202, pageOf(pageTime, "", "a")),
			as(202, pageOf(pageTime, "", "a")),
			as(202, pageOf(pageTime, "BASE/fhir/p2", "a")),
			as(202, pageOf(pageTime, "", "b")),
			as(202, ""),
			as(200, pageOf(pageTime, "BASE/fhir/p3", "b")),
			as(200, pageOf(pageTime, "", "c")))
		got, err := allFiles(t, c, &Pages{}, StatusRequest{URL: s.url + "/fhir/status/1", Separate: separate})
		if diff := cmp.Diff([]string{"/a", "/e1", "/b", "/c"}, got); diff != "" || err != nil {
			t.Errorf("separate %v: %v %s", separate, err, diff)
		}
		one, two := "GET /fhir/status/1", "GET /fhir/p2"
		if diff := cmp.Diff([]string{one, one, one, one, two, two, two, "GET /fhir/p3"}, s.uris()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAPartialManifestMayBeReadAtOnceAndIsNotFinal(t *testing.T) {
	t.Attr("shows", "BD-108")
	c, s := scriptOf(t, in(STU3), said{202, manifestAtBase, []string{"Content-Type", "application/json"}},
		said{200, ndjson, []string{"Content-Type", ndjsonType}}, said{202, `{"transactionTime":7}`, nil}, said{202, `{"transactionTime":"` + pageTime + `"}`, nil},
		said{202, `{"progress":"x"}`, nil}, said{202, `{"transactionTime":"2026`, nil}, said{200, manifestAtBase, nil})
	url := s.url + "/fhir/status/1"
	status, err := c.Status(t.Context(), url)
	if err != nil || status.State != InProgress || status.Manifest == nil || string(status.Raw) != strings.ReplaceAll(manifestAtBase, "BASE", s.url) {
		t.Fatalf("Status = %+v, %v", status, err)
	}
	b, err := c.Open(t.Context(), status.Manifest.Output[0], OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, b, ndjson)
	for _, odd := range []bool{true, true, false, true} {
		status, err := c.Status(t.Context(), url)
		if err != nil || status.State != InProgress || status.Manifest != nil || (len(status.Deviations) == 1) != odd {
			t.Errorf("Status = %+v, %v", status, err)
		}
	}
	if status, err = c.Status(t.Context(), url); err != nil || status.State != Complete {
		t.Errorf("Status = %+v, %v", status, err)
	}
}

func TestAPageReadAgainBringsNoFileTwice(t *testing.T) {
	t.Attr("shows", "BD-109 BD-112")
	page := func(signature string) *Status {
		m, err := ParseManifest([]byte(strings.ReplaceAll(pageOf(pageTime, "https://h/p2", "a?"+signature, "b?"+signature), "BASE", "https://h")), ManifestOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return &Status{State: Complete, Manifest: m}
	}
	p := &Pages{}
	for i, want := range []int{3, 0, 0} {
		files, _, err := p.Add("https://h/s", page("sig="+strconv.Itoa(i)))
		if err != nil || len(files) != want {
			t.Errorf("reading %d: %v, %v", i, files, err)
		}
	}
	last := page("z")
	last.Manifest.Next = ""
	if files, _, err := p.Add("https://h/p2", last); err != nil || len(files) != 2 || !p.Complete {
		t.Errorf("the second page: %v, %v", files, err)
	}
	if files, _, err := p.Add("https://h/s", page("late")); err != nil || len(files) != 0 || !p.Complete {
		t.Errorf("the first page for fresh URLs: %v, %v, complete %v", files, err, p.Complete)
	}
	if files, notes, err := p.Add("https://h/s", &Status{State: InProgress}); files != nil || notes != nil || err != nil {
		t.Errorf("an answer without a manifest: %v, %v, %v", files, notes, err)
	}
}

func TestOfDifferingTransactionTimesTheEarliestCounts(t *testing.T) {
	t.Attr("shows", "BD-112")
	for name, times := range map[string][2]string{
		"earlier page": {"2026-01-02T03:04:05Z", "2026-01-02T03:04:04Z"},
		"later page":   {"2026-01-02T03:04:04Z", "2026-01-02T03:04:05Z"},
		"zones":        {"2026-01-02T00:00:00Z", "2026-01-02T03:04:04+05:00"},
	} {
		p := &Pages{}
		var noted []Deviation
		for i, time := range times {
			m, err := ParseManifest([]byte(pageOf(time, "")), ManifestOptions{})
			if err != nil {
				t.Fatal(err)
			}
			_, deviations, err := p.Add(fmt.Sprint("https://h/", i), &Status{State: Complete, Manifest: m})
			if err != nil {
				t.Fatal(err)
			}
			noted = append(noted, deviations...)
		}
		want := map[string]string{"earlier page": times[1], "later page": times[0], "zones": times[1]}[name]
		if p.TransactionTime != want || len(noted) != 1 || noted[0] != TransactionTimeDiffers {
			t.Errorf("%s: %s with %v", name, p.TransactionTime, noted)
		}
	}
}

func TestAChainThatDoesNotEndIsAnError(t *testing.T) {
	t.Attr("shows", "BD-115")
	for name, x := range map[string]struct {
		answers []said
		reason  Reason
		asked   int
	}{
		"to itself": {[]said{{200, pageOf(pageTime, "BASE/fhir/status/1", "a"), nil}}, PageRepeated, 1},
		"in a ring": {[]said{{200, pageOf(pageTime, "BASE/fhir/p2", "a"), nil}, {200, pageOf(pageTime, "BASE/fhir/status/1", "b"), nil}}, PageRepeated, 2},
		"too long": {[]said{
			{200, pageOf(pageTime, "BASE/fhir/p2", "a"), nil}, {200, pageOf(pageTime, "BASE/fhir/p3", "b"), nil}, {200, pageOf(pageTime, "BASE/fhir/p4", "c"), nil},
		}, PagesTooMany, 3},
	} {
		c, s := scriptOf(t, in(STU3), x.answers...)
		files, err := allFiles(t, c, &Pages{Limit: 3}, StatusRequest{URL: s.url + "/fhir/status/1"})
		p, ok := errors.AsType[*ProtocolError](err)
		if !ok || p.Reason != x.reason || Temporary(err) || len(s.uris()) != x.asked || len(files) != x.asked+1 {
			t.Errorf("%s: %v, %v after %v", name, files, err, s.uris())
		}
	}
}

func TestAPageOnAForeignOriginGetsNoToken(t *testing.T) {
	t.Attr("shows", "BD-114 BS-103")
	foreign, seen := scriptOf(t, nil, said{200, pageOf(pageTime, "", "b"), nil})
	for _, allowed := range []bool{false, true} {
		c, s := scriptOf(t, func(cfg *Config) {
			cfg.Dialect, cfg.HTTPClient = STU3, &http.Client{Transport: foreign.transport}
			if allowed {
				cfg.AllowedOrigins = []string{seen.url}
			}
		}, said{200, pageOf(pageTime, seen.url+"/p2", "a"), nil})
		got, err := allFiles(t, c, &Pages{}, StatusRequest{URL: s.url + "/fhir/status/1"})
		if err != nil || len(got) != 4 {
			t.Errorf("%v, %v", got, err)
		}
		all := seen.requests()
		want := map[bool]string{false: "", true: "Bearer token-1"}[allowed]
		if a := all[len(all)-1]; a.uri != "/p2" || a.header.Get("Authorization") != want {
			t.Errorf("allowed %v: %s with %v", allowed, a.uri, a.header)
		}
		if _, err := c.Status(t.Context(), seen.url+"/p2"); (err == nil) != allowed {
			t.Errorf("as a status URL, allowed %v: %v", allowed, err)
		}
	}
	for _, url := range []string{"http://h/p2", "%", "/p2", "https://u:p@h/"} {
		if _, err := clientOf(t, nil, nil).Page(t.Context(), StatusRequest{URL: url}); err == nil {
			t.Errorf("%s was asked for", url)
		}
	}
}

func TestAPageFailsAsAStatusDoes(t *testing.T) {
	t.Attr("shows", "BD-082")
	c, s := scriptOf(t, in(STU3), said{200, pageOf(pageTime, "BASE/fhir/p2", "a"), nil}, said{500, outcomeOf("timeout"), nil},
		said{500, outcomeOf("processing"), nil})
	p := &Pages{}
	got, err := allFiles(t, c, p, StatusRequest{URL: s.url + "/fhir/status/1"})
	if !Temporary(err) || len(got) != 2 || p.Complete {
		t.Errorf("%v, %v", got, err)
	}
	_, err = c.Page(t.Context(), StatusRequest{URL: p.Next})
	if e, ok := errors.AsType[*StatusError](err); !ok || Temporary(err) || !e.ExportEnded() || p.Complete || p.TransactionTime != pageTime {
		t.Errorf("Page = %v, %+v", err, p)
	}
}

func TestALinkMayBeOneObject(t *testing.T) {
	t.Attr("shows", "BD-110")
	for link, want := range map[string]string{
		`[{"relation":"next","url":"https://h/2"}]`:     "https://h/2",
		`{"relation":"next","url":"https://h/2"}`:       "https://h/2",
		`[{"relation":"previous","url":"https://h/0"}]`: "",
		`[]`: "", `null`: "",
	} {
		m, err := ParseManifest([]byte(`{"transactionTime":"`+pageTime+`","requiresAccessToken":true,"output":[],"error":[],"link":`+link+`}`), ManifestOptions{})
		if err != nil || m.Next != want {
			t.Errorf("%s: %q, %v", link, m.Next, err)
		}
	}
}
