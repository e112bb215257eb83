package bulkdata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFileRequestsSayWhatTheyTake(t *testing.T) {
	t.Attr("shows", "BD-099 BD-125 BD-131 BD-132 D9")
	for _, encoding := range []string{"", "gzip"} {
		body := map[string]string{"": ndjson, "gzip": zip(t, ndjson[:20]) + zip(t, ndjson[20:])}[encoding]
		c, s := scriptOf(t, nil, said{200, body, []string{"Content-Type", ndjsonType, "Content-Encoding", encoding}})
		f := patientFile(s.url+"/f", TokenRequired)
		f.Size, f.Count = new(int64(5)), new(int64(9)) // planning hints only
		b, err := c.Open(t.Context(), f, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		mustRead(t, b, ndjson)
		h := s.requests()[0].header
		if diff := cmp.Diff([2][]string{{"application/fhir+ndjson"}, {"gzip"}}, [2][]string{h.Values("Accept"), h.Values("Accept-Encoding")}); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAServerMayWantAnotherAccept(t *testing.T) {
	t.Attr("shows", "D9")
	const accept = "application/fhir+ndjson, application/ndjson;q=.9, */*;q=.1"
	c, s := scriptOf(t, func(cfg *Config) { cfg.Tolerances.FileAccept = accept }, said{200, ndjson, []string{"Content-Type", ndjsonType}})
	b, err := c.Open(t.Context(), patientFile(s.url+"/f", TokenRequired), OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, b, ndjson)
	if got := s.requests()[0].header.Values("Accept"); len(got) != 1 || got[0] != accept {
		t.Errorf("Accept = %v", got)
	}
}

func TestAFileWhoseManifestForbidsTheTokenGetsNone(t *testing.T) {
	t.Attr("shows", "BD-127 BD-128 BS-103 D2")
	everyDialect(t, func(t *testing.T, d Dialect) {
		store, seen := scriptOf(t, nil, said{200, ndjson, []string{"Content-Type", ndjsonType}})
		c, s := scriptOf(t, func(cfg *Config) {
			cfg.Dialect, cfg.HTTPClient, cfg.AllowedOrigins = d, &http.Client{Transport: store.transport}, []string{seen.url}
		}, said{200, `{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":false,"output":[` +
			`{"type":"Patient","url":"` + seen.url + `/f?X-Sig=1"},{"type":"Patient","url":"BASE/f"}],"error":[]}`, nil},
			said{200, ndjson, []string{"Content-Type", ndjsonType}})
		status, err := c.Status(t.Context(), s.url+"/fhir/status/1")
		if err != nil {
			t.Fatal(err)
		}
		for f := range status.Manifest.Files() {
			b, err := c.Open(t.Context(), f, OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			mustRead(t, b, ndjson)
		}
		for _, a := range append(seen.requests(), s.requests()[1:]...) {
			if _, there := a.header["Authorization"]; there {
				t.Errorf("%s carries a token", a.uri)
			}
		}
		if len(seen.requests()) != 1 || len(s.requests()) != 2 {
			t.Errorf("asked %v and %v", seen.uris(), s.uris())
		}
	})
}

func TestATokenToANewOriginNeedsConsent(t *testing.T) {
	t.Attr("shows", "BD-129 K6")
	store, seen := scriptOf(t, nil, said{200, ndjson, []string{"Content-Type", ndjsonType}})
	for _, allowed := range []bool{false, true} {
		c, _ := scriptOf(t, func(cfg *Config) {
			cfg.HTTPClient = &http.Client{Transport: store.transport}
			if allowed {
				cfg.AllowedOrigins = []string{seen.url}
			}
		}, accepted)
		b, err := c.Open(t.Context(), patientFile(seen.url+"/f", TokenRequired), OpenOptions{})
		if _, refused := errors.AsType[*OriginError](err); refused == allowed || refused && len(seen.requests()) != 0 {
			t.Errorf("allowed %v: %v after %v", allowed, err, seen.uris())
		}
		if err == nil {
			mustRead(t, b, ndjson)
			if got := seen.requests()[0].header.Get("Authorization"); got != "Bearer token-1" {
				t.Errorf("Authorization = %q", got)
			}
		}
	}
}

func TestOneFailingFileDoesNotStopTheOthers(t *testing.T) {
	t.Attr("shows", "BD-136")
	c, s := scriptOf(t, nil, said{404, "", nil}, said{200, ndjson, []string{"Content-Type", ndjsonType}},
		said{503, "", []string{"Retry-After", "7"}}, said{200, ndjson, []string{"Content-Type", ndjsonType}})
	var got []string
	for i := range 4 {
		b, err := c.Open(t.Context(), patientFile(s.url+"/f/"+strconv.Itoa(i), TokenRequired), OpenOptions{})
		e, _ := errors.AsType[*StatusError](err)
		if err == nil {
			mustRead(t, b, ndjson)
			got = append(got, "read")
			continue
		}
		got = append(got, fmt.Sprint(e.Status, e.Gone(), Temporary(err), e.RetryAfter.Wait))
	}
	if diff := cmp.Diff([]string{"404 true false 0s", "read", "503 false true 7s", "read"}, got); diff != "" {
		t.Error(diff)
	}
}

// slowly gives its text one byte at a time, each after a wait.
type slowly struct {
	text string
	wait time.Duration
	ctx  context.Context
}

func (r *slowly) Read(p []byte) (int, error) {
	if r.text == "" {
		return 0, io.EOF
	}
	select {
	case <-time.After(r.wait):
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	}
	p[0] = r.text[0]
	r.text = r.text[1:]
	return 1, nil
}

func (*slowly) Close() error { return nil }

func TestATransferGoesOnPastItsDeadlines(t *testing.T) {
	t.Attr("shows", "BD-123 BS-113")
	synctest.Test(t, func(t *testing.T) {
		source := &aging{life: 5 * time.Minute}
		c := clientOf(t, func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/r4/abcdef/f/1" {
				return reply(200, wholeManifest, "Expires", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)), nil
			}
			answer := reply(200, "", "Content-Type", ndjsonType)
			answer.ContentLength, answer.Body = int64(len(ndjson)), &slowly{ndjson, time.Minute, r.Context()}
			return answer, nil
		}, func(cfg *Config) { cfg.Tokens, cfg.Limits.SlowBytes = source, -1 })
		s, err := c.Status(t.Context(), statusURL)
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.Open(t.Context(), s.Manifest.Output[0], OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		mustRead(t, b, ndjson)
		if time.Now().Before(s.Expires.Add(time.Minute)) || source.dropped != 0 {
			t.Errorf("read in %v, dropping %d tokens", time.Since(start), source.dropped)
		}
	})
}

func TestAResumedPartCarriesAFreshToken(t *testing.T) {
	t.Attr("shows", "BD-134 BS-113")
	c, s := scriptOf(t, nil, said{401, "", nil}, said{206, ndjson[10:], []string{"Content-Type", ndjsonType, "Content-Range", "bytes 10-71/72", "ETag", `"v1"`}})
	b, err := c.Open(t.Context(), patientFile(s.url+"/f", TokenRequired), OpenOptions{Offset: 10, IfRange: `"v1"`})
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, b, ndjson[10:])
	last := s.requests()[1].header
	if last.Get("Authorization") != "Bearer token-2" || last.Get("Range") != "bytes=10-" || last.Get("If-Range") != `"v1"` {
		t.Errorf("asked with %v", last)
	}
}

// Links that live for five minutes lapse while twenty files of a minute each
// wait for their turn; the manifest gives fresh ones.
func TestLinksThatLapseInTheQueueAreRenewed(t *testing.T) {
	t.Attr("shows", "BD-117 BD-118 D4")
	synctest.Test(t, func(t *testing.T) {
		manifests := 0
		c := clientOf(t, func(r *http.Request) (*http.Response, error) {
			if r.URL.String() == statusURL {
				manifests++
				var files []string
				for i := range 20 {
					files = append(files, fmt.Sprintf(`{"type":"Patient","url":"https://store.example/%d?until=%d"}`, i, time.Now().Add(5*time.Minute).Unix()))
				}
				return reply(200, `{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":false,"output":[`+strings.Join(files, ",")+`],"error":[]}`), nil
			}
			until, err := strconv.ParseInt(r.URL.Query().Get("until"), 10, 64)
			if err != nil || time.Now().Unix() >= until {
				return reply(403, "<Error>expired</Error>"), nil
			}
			return reply(200, ndjson, "Content-Type", ndjsonType), nil
		}, nil)
		s, err := c.Status(t.Context(), statusURL)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(s.Manifest.Output); {
			f, _ := s.Manifest.File(OutputSection, i)
			b, err := c.Open(t.Context(), f, OpenOptions{})
			if e, refused := errors.AsType[*StatusError](err); refused && e.Status == http.StatusForbidden {
				if s, err = c.Status(t.Context(), statusURL); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			mustRead(t, b, ndjson)
			<-time.After(time.Minute)
			i++
		}
		if manifests != 4 {
			t.Errorf("the manifest was read %d times", manifests)
		}
	})
}

func TestAPartIsJoinedOnlyToItsOwnFile(t *testing.T) {
	t.Attr("shows", "BD-134")
	rest := ndjson[10:]
	for name, x := range map[string]struct {
		body   string
		lines  []string
		reason Reason
		cut    bool
	}{
		"whole":             {rest, []string{"Content-Range", "bytes 10-71/72", "ETag", `"v1"`}, "", false},
		"no tag":            {rest, []string{"Content-Range", "Bytes 10-71/72"}, "", false},
		"unknown size":      {rest, []string{"Content-Range", "bytes 10-71/*"}, "", false},
		"a part of it":      {rest[:20], []string{"Content-Range", "bytes 10-29/72"}, "", true},
		"another file":      {rest, []string{"Content-Range", "bytes 10-71/72", "ETag", `"v2"`}, RangeInvalid, false},
		"another part":      {rest, []string{"Content-Range", "bytes 11-72/73"}, RangeInvalid, false},
		"another length":    {rest[:20], []string{"Content-Range", "bytes 10-71/72"}, RangeInvalid, false},
		"no range":          {rest, nil, RangeInvalid, false},
		"other unit":        {rest, []string{"Content-Range", "lines 10-71/72"}, RangeInvalid, false},
		"backwards":         {rest, []string{"Content-Range", "bytes 10-5/72"}, RangeInvalid, false},
		"beyond the end":    {rest, []string{"Content-Range", "bytes 10-71/50"}, RangeInvalid, false},
		"negative":          {rest, []string{"Content-Range", "bytes -10-71/72"}, RangeInvalid, false},
		"compressed":        {rest, []string{"Content-Range", "bytes 10-71/72", "Content-Encoding", "gzip"}, RangeInvalid, false},
		"several in one":    {rest, []string{"Content-Type", "multipart/byteranges; boundary=x"}, RangeInvalid, false},
		"said to be nobody": {"", []string{"Content-Range", "bytes */72"}, RangeInvalid, false},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "several in one" {
				x.lines = append(x.lines, "Content-Type", ndjsonType)
			}
			c, s := scriptOf(t, nil, said{206, x.body, x.lines})
			b, err := c.Open(t.Context(), patientFile(s.url+"/f", TokenRequired), OpenOptions{Offset: 10, IfRange: `"v1"`})
			if p, refused := errors.AsType[*ProtocolError](err); refused != (x.reason != "") || refused && p.Reason != x.reason {
				t.Fatalf("Open = %v", err)
			}
			if err != nil {
				return
			}
			got, err := io.ReadAll(b)
			_, cut := errors.AsType[*TruncatedError](err)
			if string(got) != x.body || cut != x.cut || !cut && err != nil || b.Offset != 10 {
				t.Errorf("read %d bytes from %d: %v", len(got), b.Offset, err)
			}
			_ = b.Close()
		})
	}
	c, s := scriptOf(t, nil, said{416, "", []string{"Content-Range", "bytes */10"}})
	_, err := c.Open(t.Context(), patientFile(s.url+"/f", TokenRequired), OpenOptions{Offset: 10, IfRange: `"v1"`})
	if e, ok := errors.AsType[*StatusError](err); !ok || e.Status != 416 || Temporary(err) {
		t.Errorf("416 = %v", err)
	}
}

func TestADeleteAnswersForItself(t *testing.T) {
	t.Attr("shows", "BD-120 D10")
	for status, done := range map[int]bool{200: true, 202: true, 204: true, 404: true, 410: true, 400: false, 403: false, 500: false} {
		c, s := scriptOf(t, nil, said{status, "", nil})
		err := c.Cancel(t.Context(), s.url+"/fhir/status/1")
		e, failed := errors.AsType[*StatusError](err)
		if failed == done || failed && e.ExportEnded() || MayHaveStarted(err) || len(s.uris()) != 1 {
			t.Errorf("%d: %v after %v", status, err, s.uris())
		}
	}
}
