package bulkdata

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// emptyMember is a gzip stream of nothing.
func emptyMember(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A loop gives the same bytes for ever.
type loop struct {
	text []byte
	at   int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.text[l.at:])
	l.at = (l.at + n) % len(l.text)
	return n, nil
}

func TestEndlessBytesThatDecodeToNothingEnd(t *testing.T) {
	member := emptyMember(t)
	c := clientOf(t, func(*http.Request) (*http.Response, error) {
		resp := reply(200, "", "Content-Type", ndjsonType, "Content-Encoding", "gzip")
		resp.Body, resp.ContentLength = io.NopCloser(&loop{text: member}), -1
		return resp, nil
	}, func(cfg *Config) { cfg.Limits.FileBytes = 1 << 20 })
	body, err := c.Open(t.Context(), File{URL: base + "/f", Access: TokenForbidden}, OpenOptions{})
	if err == nil {
		_, err = io.Copy(io.Discard, body)
		body.Close()
	}
	if p, ok := errors.AsType[*ProtocolError](err); !ok || p.Reason != TooLarge {
		t.Errorf("it ended with %v", err)
	}
}

// A drip gives a byte at a time, with a pause before each.
type drip struct {
	ctx   context.Context
	pause time.Duration
	left  int
}

func (d *drip) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(d.pause):
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
	d.left--
	p[0] = '\n'
	return 1, nil
}

// dripping reads a file that comes byte by byte and gives how long it took.
func dripping(t *testing.T, pause time.Duration, bytes int, limits Limits) (took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(t, func(r *http.Request) (*http.Response, error) {
			resp := reply(200, "", "Content-Type", ndjsonType)
			resp.Body, resp.ContentLength = io.NopCloser(&drip{r.Context(), pause, bytes}), -1
			return resp, nil
		}, func(cfg *Config) { cfg.Limits = limits })
		began := time.Now()
		body, openErr := c.Open(t.Context(), File{URL: base + "/f", Access: TokenForbidden}, OpenOptions{})
		if err = openErr; err == nil {
			_, err = io.Copy(io.Discard, body)
			body.Close()
		}
		took = time.Since(began)
	})
	return took, err
}

func TestATransferThatHardlyMovesEnds(t *testing.T) {
	took, err := dripping(t, time.Second, 100_000, Limits{})
	if e, ok := errors.AsType[*TruncatedError](err); !ok || !errors.Is(e, errSlow) || !Temporary(err) || took > slowAfter+time.Second {
		t.Errorf("a byte a second ended after %v with %v", took, err)
	}
	if took, err := dripping(t, 30*time.Millisecond, 40_000, Limits{}); err != nil {
		t.Errorf("33 bytes a second ended after %v with %v", took, err)
	}
	if took, err := dripping(t, time.Second, 2000, Limits{SlowBytes: -1}); err != nil {
		t.Errorf("without a bound, a byte a second ended after %v with %v", took, err)
	}
}

func TestATransferThatTakesTooLongEndsForGood(t *testing.T) {
	took, err := dripping(t, time.Second, 100_000, Limits{SlowBytes: -1, FileTime: time.Hour})
	if p, ok := errors.AsType[*ProtocolError](err); !ok || p.Reason != TooSlow || Temporary(err) || took > time.Hour+time.Second {
		t.Errorf("it ended after %v with %v", took, err)
	}
}

func TestAFileIsNoLargerThanTheLimit(t *testing.T) {
	const line = `{"resourceType":"Patient"}` + "\n"
	text := strings.Repeat(line, 100)
	for limit, ok := range map[int64]bool{int64(len(text)): true, int64(len(text)) - 1: false, 1: false} {
		c := clientOf(t, func(*http.Request) (*http.Response, error) {
			return reply(200, text, "Content-Type", ndjsonType), nil
		}, func(cfg *Config) { cfg.Limits.FileBytes = limit })
		body, err := c.Open(t.Context(), File{URL: base + "/f", Access: TokenForbidden}, OpenOptions{})
		if err == nil {
			_, err = io.Copy(io.Discard, body)
			body.Close()
		}
		if p, large := errors.AsType[*ProtocolError](err); ok != (err == nil) || !ok && (!large || p.Reason != TooLarge) {
			t.Errorf("%d bytes of %d allowed: %v", len(text), limit, err)
		}
	}
}
