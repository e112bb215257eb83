package sandbox

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// observations starts an open practice and returns the URL of a file and its
// whole content.
func observations(t *testing.T) (*Server, *caller, string, []byte) {
	t.Helper()
	p := openPractice(quick(Standard()))
	p.Source = records{}.add("Observation", 2000)
	p.Knobs.FilesPer = 0
	srv, c := play(t, Config{Practices: []Practice{p}})
	m := c.wait(c.kickoff(srv.Practice("open").Base(), "/$export"))
	if len(m.Output) != 1 {
		t.Fatalf("%d files, want one", len(m.Output))
	}
	r := c.get(m.Output[0].URL, 200)
	if r.Header.Get("Content-Type") != "application/fhir+ndjson" {
		t.Errorf("content type %q", r.Header.Get("Content-Type"))
	}
	return srv, c, m.Output[0].URL, r.body
}

func TestRangesGiveTheSameBytes(t *testing.T) {
	_, c, u, whole := observations(t)
	size := len(whole)
	tag := c.send(http.MethodHead, u, nil, 200).Header.Get("ETag")
	if tag == "" {
		t.Fatal("no ETag")
	}
	for spec, want := range map[string][]byte{
		"bytes=0-9":                     whole[:10],
		"bytes=100-":                    whole[100:],
		"bytes=-7":                      whole[size-7:],
		fmt.Sprintf("bytes=-%d", 1<<40): whole,
		fmt.Sprintf("bytes=%d-%d", size-5, size+1000): whole[size-5:],
	} {
		r := c.send(http.MethodGet, u, map[string]string{"Range": spec, "If-Range": tag, "Accept-Encoding": "gzip"}, 206)
		if !bytes.Equal(r.body, want) {
			t.Errorf("%s: %d bytes, want %d", spec, len(r.body), len(want))
		}
		if cr := r.Header.Get("Content-Range"); !strings.HasSuffix(cr, fmt.Sprintf("/%d", size)) {
			t.Errorf("%s: Content-Range %q", spec, cr)
		}
	}
	for _, ignored := range []map[string]string{
		{"Range": "bytes=5-", "If-Range": `"another"`}, {"Range": "lines=1-2"}, {"Range": "bytes=9-3"}, {"Range": "bytes=1-2,4-5"},
	} {
		if r := c.send(http.MethodGet, u, ignored, 200); !bytes.Equal(r.body, whole) {
			t.Errorf("%v: not the whole file", ignored)
		}
	}
	r := c.send(http.MethodGet, u, map[string]string{"Range": fmt.Sprintf("bytes=%d-", size)}, 416)
	if r.Header.Get("Content-Range") != fmt.Sprintf("bytes */%d", size) {
		t.Errorf("Content-Range %q", r.Header.Get("Content-Range"))
	}
}

func TestGzipWhenAsked(t *testing.T) {
	srv, c, u, whole := observations(t)
	r := c.send(http.MethodGet, u, map[string]string{"Accept-Encoding": "br, gzip;q=0.5"}, 200)
	if r.Header.Get("Content-Encoding") != "gzip" || len(r.body) > len(whole)/2 {
		t.Fatalf("encoding %q, %d bytes", r.Header.Get("Content-Encoding"), len(r.body))
	}
	zip, err := gzip.NewReader(bytes.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(zip); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("decoded %d bytes (%v), want %d", len(got), err, len(whole))
	}
	for accept, want := range map[string]string{"gzip;q=0": "", "identity": "", "deflate": ""} {
		if r := c.send(http.MethodGet, u, map[string]string{"Accept-Encoding": accept}, 200); r.Header.Get("Content-Encoding") != want {
			t.Errorf("%s: encoding %q", accept, r.Header.Get("Content-Encoding"))
		}
	}
	srv.Practice("open").Set(func(k *Knobs) { k.Gzip, k.Ranges = false, false })
	r = c.send(http.MethodGet, u, map[string]string{"Accept-Encoding": "gzip", "Range": "bytes=0-1"}, 200)
	if !bytes.Equal(r.body, whole) || r.Header.Get("ETag") != "" {
		t.Error("knobs off, and still a part or gzip")
	}
}

func TestBadLinesKeepTheirPlaces(t *testing.T) {
	k := quick(Standard())
	k.FilesPer = 10
	k.Bad = []BadLines{{Type: "Patient", File: 0, Broken: 2, WrongType: 1, NoID: 3}}
	srv, c := play(t, Config{Practices: []Practice{openPractice(k)}})
	m := c.wait(c.kickoff(srv.Practice("open").Base(), "/$export"))
	lines := c.lines(m, "Patient")
	var kinds []string
	for _, l := range lines {
		switch {
		case !strings.HasSuffix(l, "}"):
			kinds = append(kinds, "broken")
		case !strings.Contains(l, `"resourceType":"Patient"`):
			kinds = append(kinds, "type")
		case !strings.Contains(l, `"id"`):
			kinds = append(kinds, "id")
		default:
			kinds = append(kinds, "ok")
		}
	}
	if got := strings.Join(kinds, " "); got != "broken broken type id id id ok ok ok ok" {
		t.Errorf("lines: %s", got)
	}
	for _, l := range c.lines(m, "Observation") {
		if !strings.HasPrefix(l, `{"resourceType":"Observation","id":`) {
			t.Errorf("another type's line is damaged: %s", l)
		}
	}
}

func TestFilesHoldAboutTheNumberAskedFor(t *testing.T) {
	k := quick(ECW())
	k.FilesPer = 4
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(k)}})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	m := c.wait(c.kickoff(base, "/Group/"+groupUUID+"/$export?_type=Observation"))
	if len(m.Output) != 7 {
		t.Errorf("%d files for 25 resources, want 7", len(m.Output))
	}
	seen := map[string]bool{}
	for _, l := range c.lines(m, "Observation") {
		seen[l] = true
	}
	if len(seen) != 25 {
		t.Errorf("%d different lines, want 25", len(seen))
	}
	r := c.send(http.MethodGet, m.Output[0].URL, map[string]string{"Accept-Encoding": "gzip", "Range": "bytes=0-1"}, 200)
	if r.Header.Get("Content-Encoding") != "" || r.Header.Get("Accept-Ranges") != "" {
		t.Error("ecw serves gzip or ranges")
	}
}

// endless is a source of one file without end.
type endless struct {
	records
	yielded atomic.Int64
	stopped chan struct{}
}

func (e *endless) Size(context.Context, Query) (int, bool, error) { return 1, true, nil }

func (e *endless) Open(context.Context, Query) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		defer close(e.stopped)
		line := []byte(e.records["Observation"][0].text)
		for yield(line, nil) {
			e.yielded.Add(int64(len(line)))
		}
	}
}

func TestFilesAreMadeWhileTheyAreRead(t *testing.T) {
	src := &endless{records: records{}.add("Observation", 1), stopped: make(chan struct{})}
	p := openPractice(quick(Standard()))
	p.Source = src
	srv, c := play(t, Config{Practices: []Practice{p}})
	m := c.wait(c.kickoff(srv.Practice("open").Base(), "/$export"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.Output[0].URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	const read = 8 << 20
	if _, err := io.CopyN(io.Discard, resp.Body, read); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	<-src.stopped // or the server goes on for nobody
	if ahead := src.yielded.Load() - read; ahead > 32<<20 {
		t.Errorf("the server made %d bytes more than were read", ahead)
	}
}

func TestABodyMayHangInTheMiddle(t *testing.T) {
	p, c := withFault(t, Fault{On: KindFile, Times: 1, Do: ActionHang, AtByte: 100})
	m := c.wait(c.kickoff(p.Base(), "/$export?_type=Observation"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.Output[0].URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	head := make([]byte, 100)
	if _, err := io.ReadFull(resp.Body, head); err != nil {
		t.Fatal(err)
	}
	if n := p.s.Pending("open"); n != 1 {
		t.Errorf("%d requests hang, want 1", n)
	}
	if err := p.s.Close(); err != nil {
		t.Error(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err == nil || n != 0 {
		t.Errorf("%d bytes more, error %v", n, err)
	}
}
