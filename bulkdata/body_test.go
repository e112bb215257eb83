package bulkdata

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustRead(t *testing.T, b *Body, want string) {
	t.Helper()
	got, err := io.ReadAll(b)
	if err != nil {
		t.Errorf("read: %v", err)
	}
	if string(got) != want {
		t.Errorf("read %d bytes, want %d", len(got), len(want))
	}
	if b.DecodedBytes() != int64(len(want)) {
		t.Errorf("DecodedBytes = %d, want %d", b.DecodedBytes(), len(want))
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func zip(t testing.TB, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func openAnswer(t testing.TB, answer *http.Response, change func(*Config)) (*Body, error) {
	t.Helper()
	return clientOf(t, func(*http.Request) (*http.Response, error) { return answer, nil }, change).
		Open(t.Context(), patientFile(base+"/f", TokenRequired), OpenOptions{})
}

func TestEveryWayOfCompressionGivesTheSameLines(t *testing.T) {
	t.Attr("shows", "BD-132 BD-133 D6")
	for name, c := range map[string]struct {
		encoding, body string
		note           []Deviation
	}{
		"plain":         {"", ndjson, nil},
		"identity":      {"identity", ndjson, nil},
		"gzip":          {"gzip", zip(t, ndjson), nil},
		"x-gzip":        {"X-GZIP", zip(t, ndjson), nil},
		"members":       {"gzip", zip(t, ndjson[:20]) + zip(t, "") + zip(t, ndjson[20:]), nil},
		"unannounced":   {"", zip(t, ndjson), []Deviation{GzipUnannounced}},
		"twice":         {"gzip", zip(t, zip(t, ndjson)), []Deviation{GzipTwice}},
		"one at a time": {"gzip", zip(t, ndjson), nil},
	} {
		t.Run(name, func(t *testing.T) {
			answer := reply(200, c.body, "Content-Type", ndjsonType, "Content-Length", strconv.Itoa(len(c.body)))
			if c.encoding != "" {
				answer.Header.Set("Content-Encoding", c.encoding)
			}
			if name == "one at a time" {
				answer.Body = io.NopCloser(iotest.OneByteReader(answer.Body))
			}
			b, err := openAnswer(t, answer, nil)
			if err != nil {
				t.Fatal(err)
			}
			mustRead(t, b, ndjson)
			if b.WireBytes() != int64(len(c.body)) {
				t.Errorf("WireBytes = %d, want %d", b.WireBytes(), len(c.body))
			}
			if diff := cmp.Diff(c.note, b.Deviations); diff != "" {
				t.Error(diff)
			}
		})
	}
	empty, err := openAnswer(t, reply(200, "", "Content-Type", ndjsonType, "Content-Encoding", "gzip"), nil)
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, empty, "")
}

func TestGzipComesThroughARealServer(t *testing.T) {
	c, srv := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", ndjsonType)
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, zip(t, ndjson))
	}, nil)
	b, err := c.Open(t.Context(), patientFile(srv.URL+"/f", TokenRequired), OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, b, ndjson)
}

func TestUnreadableCompressionIsRefused(t *testing.T) {
	t.Attr("shows", "BD-133 BD-134")
	whole := zip(t, strings.Repeat(ndjson, 1000))
	flipped := []byte(whole)
	flipped[len(flipped)-6] ^= 0xff // in the checksum
	for name, c := range map[string]struct {
		encoding, body string
		reason         Reason // "" for a truncation
	}{
		"brotli":           {"br", ndjson, EncodingUnknown},
		"deflate":          {"deflate", ndjson, EncodingUnknown},
		"two":              {"gzip, br", whole, EncodingUnknown},
		"no gzip":          {"gzip", ndjson, EncodingBroken},
		"checksum":         {"gzip", string(flipped), EncodingBroken},
		"trailing":         {"gzip", whole + "garbage, and more of it", EncodingBroken},
		"cut":              {"gzip", whole[:len(whole)/2], ""},
		"cut trailer":      {"gzip", whole[:len(whole)-3], ""},
		"cut header":       {"gzip", whole[:5], ""},
		"unannounced, cut": {"", whole[:len(whole)-3], ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer := reply(200, c.body, "Content-Type", ndjsonType)
			if c.encoding != "" {
				answer.Header.Set("Content-Encoding", c.encoding)
			}
			b, err := openAnswer(t, answer, nil)
			if err == nil {
				_, err = io.Copy(io.Discard, b)
				if _, again := b.Read(make([]byte, 1)); again == nil || again.Error() != err.Error() {
					t.Errorf("a second Read gives %v", again)
				}
			}
			p, protocol := errors.AsType[*ProtocolError](err)
			_, cut := errors.AsType[*TruncatedError](err)
			if protocol != (c.reason != "") || protocol && p.Reason != c.reason || cut == protocol || Temporary(err) != cut {
				t.Errorf("read = %v", err)
			}
		})
	}
}

func TestABombIsStopped(t *testing.T) {
	bomb := zip(t, strings.Repeat(" ", 20<<20))
	for ratio, stopped := range map[int]bool{0: true, 100: true, -1: false} {
		b, err := openAnswer(t, reply(200, bomb, "Content-Type", ndjsonType, "Content-Encoding", "gzip"),
			func(cfg *Config) { cfg.Limits.DecompressionRatio = ratio })
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, b)
		p, ok := errors.AsType[*ProtocolError](err)
		if ok != stopped || ok && (p.Reason != RatioExceeded || n > freeBytes+(1<<20)) {
			t.Errorf("ratio %d: %d bytes, %v", ratio, n, err)
		}
	}
}

func TestAShortTransferIsTruncated(t *testing.T) {
	t.Attr("shows", "BD-134 D7")
	c, srv := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", ndjsonType)
		if r.URL.Path == "/length" {
			w.Header().Set("Content-Length", "100000")
		}
		_, _ = io.WriteString(w, strings.Repeat(ndjson, 200))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, nil)
	for path, want := range map[string]int64{"/length": 100000, "/chunked": -1} {
		b, err := c.Open(t.Context(), patientFile(srv.URL+path, TokenRequired), OpenOptions{})
		if err == nil {
			_, err = io.Copy(io.Discard, b)
		}
		e, ok := errors.AsType[*TruncatedError](err)
		if !ok || e.Want != want || e.Got > int64(200*len(ndjson)) || !Temporary(err) {
			t.Errorf("%s: %v", path, err)
		}
	}
	answer := reply(200, ndjson, "Content-Type", ndjsonType)
	answer.ContentLength = int64(len(ndjson)) + 1
	b, err := openAnswer(t, answer, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, b)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a silent end is %v", err)
	}
}

func TestTheRestOfAFile(t *testing.T) {
	t.Attr("shows", "BD-134")
	for name, c := range map[string]struct {
		answer *http.Response
		offset int64
		body   string
		reason Reason
	}{
		"honoured":      {reply(206, ndjson[10:], "Content-Type", ndjsonType, "Content-Range", "bytes 10-71/72"), 10, ndjson[10:], ""},
		"ignored":       {reply(200, ndjson, "Content-Type", ndjsonType), 0, ndjson, ""},
		"another part":  {reply(206, ndjson[5:], "Content-Type", ndjsonType, "Content-Range", "bytes 5-71/72"), 0, "", RangeInvalid},
		"no range said": {reply(206, ndjson[10:], "Content-Type", ndjsonType), 0, "", RangeInvalid},
		"compressed":    {reply(206, "x", "Content-Type", ndjsonType, "Content-Range", "bytes 10-71/72", "Content-Encoding", "gzip"), 0, "", RangeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			client := clientOf(t, func(r *http.Request) (*http.Response, error) {
				want := http.Header{"Range": {"bytes=10-"}, "If-Range": {`"v1"`}, "Accept-Encoding": {"identity"}}
				for header := range want {
					if r.Header.Get(header) != want.Get(header) {
						t.Errorf("%s: %q", header, r.Header.Get(header))
					}
				}
				return c.answer, nil
			}, nil)
			b, err := client.Open(t.Context(), patientFile(base+"/f", TokenRequired), OpenOptions{Offset: 10, IfRange: `"v1"`})
			if p, refused := errors.AsType[*ProtocolError](err); refused != (c.reason != "") || refused && p.Reason != c.reason {
				t.Fatalf("Open = %v", err)
			}
			if err == nil {
				if b.Offset != c.offset {
					t.Errorf("Offset = %d, want %d", b.Offset, c.offset)
				}
				mustRead(t, b, c.body)
			}
		})
	}
}

func TestResumableNeedsAStrongTagAndPlainBytes(t *testing.T) {
	for _, c := range []struct {
		lines []string
		body  string
		want  bool
	}{
		{[]string{"ETag", `"v1"`, "Accept-Ranges", "bytes"}, ndjson, true},
		{[]string{"ETag", `W/"v1"`, "Accept-Ranges", "bytes"}, ndjson, false},
		{[]string{"Accept-Ranges", "bytes"}, ndjson, false},
		{[]string{"ETag", `"v1"`}, ndjson, false},
		{[]string{"ETag", `"v1"`, "Accept-Ranges", "bytes", "Content-Encoding", "gzip"}, zip(t, ndjson), false},
	} {
		b, err := openAnswer(t, reply(200, c.body, append(c.lines, "Content-Type", ndjsonType)...), nil)
		if err != nil {
			t.Fatal(err)
		}
		if b.Resumable() != c.want {
			t.Errorf("Resumable with %v = %v", c.lines, b.Resumable())
		}
		mustRead(t, b, ndjson)
	}
}

// A trickle gives its text, then nothing until it is closed or its request ends.
type trickle struct {
	text string
	ctx  context.Context
}

func (r *trickle) Read(p []byte) (int, error) {
	if r.text != "" {
		n := copy(p, r.text)
		r.text = r.text[n:]
		return n, nil
	}
	<-r.ctx.Done()
	return 0, r.ctx.Err()
}

func (*trickle) Close() error { return nil }

func TestAStalledTransferEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(t, func(r *http.Request) (*http.Response, error) {
			answer := reply(200, "", "Content-Type", ndjsonType)
			answer.Body = &trickle{strings.Repeat(ndjson, 2000), r.Context()}
			return answer, nil
		}, nil)
		b, err := c.Open(t.Context(), patientFile(base+"/f", TokenRequired), OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour) //nolint:forbidigo // the bubble's clock: a slow reader is no stalled server
		start := time.Now()
		n, err := io.Copy(io.Discard, b)
		if e, ok := errors.AsType[*TruncatedError](err); !ok || !Temporary(err) || !errors.Is(e, errStalled) {
			t.Errorf("read = %v", err)
		}
		if n != int64(2000*len(ndjson)) || time.Since(start) != 2*time.Minute {
			t.Errorf("%d bytes in %v", n, time.Since(start))
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestOnlyAPlainEOFEndsAFileOfUnknownLength(t *testing.T) {
	answer := reply(200, "", "Content-Type", ndjsonType)
	answer.ContentLength = -1
	broken := iotest.ErrReader(fmt.Errorf("proxy: %w", io.EOF))
	answer.Body = io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat(ndjson, 2000)), broken))
	b, err := openAnswer(t, answer, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, b)
	if _, ok := errors.AsType[*TruncatedError](err); !ok {
		t.Errorf("read = %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheCallersEndIsNoWeather(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	c := clientOf(t, func(r *http.Request) (*http.Response, error) {
		answer := reply(200, "", "Content-Type", ndjsonType)
		answer.Body = &trickle{strings.Repeat(ndjson, 2000), r.Context()}
		return answer, nil
	}, nil)
	b, err := c.Open(ctx, patientFile(base+"/f", TokenRequired), OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("shutting down")
	cancel(why)
	_, err = io.Copy(io.Discard, b)
	if !errors.Is(err, why) || !errors.Is(err, context.Canceled) || Temporary(err) {
		t.Errorf("read = %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestASilentFileServerIsWeather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, nil)
		_, err := c.Open(t.Context(), patientFile(base+"/f", TokenRequired), OpenOptions{})
		if !Temporary(err) || !errors.Is(err, errTimeout) {
			t.Errorf("Open = %v", err)
		}
	})
}

func FuzzSniff(f *testing.F) {
	f.Add([]byte(ndjson), "application/json", "")
	f.Add([]byte(outcomeOf("expired")), "application/fhir+json", "")
	f.Add([]byte(zip(f, ndjson)), ndjsonType, "gzip")
	f.Fuzz(func(t *testing.T, body []byte, contentType, encoding string) {
		answer := reply(200, string(body))
		answer.Header = http.Header{"Content-Type": {contentType}, "Content-Encoding": {encoding}}
		b, err := openAnswer(t, answer, nil)
		if err != nil {
			return
		}
		got, err := io.ReadAll(b)
		if err == nil && b.layers == 0 && !bytes.Equal(got, body) {
			t.Errorf("%d bytes became %d", len(body), len(got))
		}
		if b.Close() != nil {
			t.Error("Close failed")
		}
	})
}

func BenchmarkRead(b *testing.B) {
	const lines = 200_000
	plain := strings.Repeat(ndjson, lines/2)
	for name, c := range map[string]struct{ encoding, body string }{
		"plain": {"", plain}, "gzip": {"gzip", zip(b, plain)},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				answer := &http.Response{
					StatusCode: 200, ContentLength: int64(len(c.body)), Body: io.NopCloser(strings.NewReader(c.body)),
					Header: http.Header{"Content-Type": {ndjsonType}, "Content-Encoding": {c.encoding}},
				}
				body, err := openAnswer(b, answer, nil)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, body); err != nil {
					b.Fatal(err)
				}
				if err := body.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
