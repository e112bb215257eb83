package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbered is a text of n lines that say their number, of about 100 bytes each.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d%s\n", i+1, strings.Repeat(" ", 90))
	}
	return b.String()
}

func TestEveryLineComesOnceAndInTurn(t *testing.T) {
	t.Parallel()
	const n = 60_000 // many blocks
	for _, workers := range []int{1, 2, 5} {
		var mu sync.Mutex
		seen := map[int64]bool{}
		var order []int64
		totals, err := Run(t.Context(), Options{Workers: workers}, strings.NewReader(numbered(n)), func(_ int, b *Block) error {
			var here []int64
			for l := range b.Lines() {
				if got := strings.TrimSpace(string(l.Bytes)); got != fmt.Sprint(l.Number) {
					t.Errorf("line %d says %s", l.Number, got)
				}
				here = append(here, l.Number)
			}
			mu.Lock()
			for _, number := range here {
				if seen[number] {
					t.Errorf("line %d came twice", number)
				}
				seen[number] = true
			}
			mu.Unlock()
			if b.Number%2 == 0 {
				return nil // wants no turn
			}
			return b.InTurn(func() error { order = append(order, b.Number); return nil })
		})
		if err != nil || totals.Lines != n || len(seen) != n {
			t.Fatalf("%d workers: %+v, %d lines seen, %v", workers, totals, len(seen), err)
		}
		for i := 1; i < len(order); i++ {
			if order[i] <= order[i-1] {
				t.Fatalf("%d workers: turns %v", workers, order)
			}
		}
	}
}

func TestTheFirstErrorEndsTheRunAndIsReturned(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := Run(t.Context(), Options{Workers: 4}, strings.NewReader(numbered(50_000)), func(_ int, b *Block) error {
		return b.InTurn(func() error {
			if b.Number > 10_000 {
				return broken
			}
			return nil
		})
	})
	if !errors.Is(err, broken) {
		t.Errorf("error of take: %v", err)
	}
	_, err = Run(t.Context(), Options{}, io.MultiReader(strings.NewReader(numbered(10)), iotest.ErrReader(broken)), func(int, *Block) error { return nil })
	if !errors.Is(err, broken) || errors.Is(err, ndjson.ErrDamaged) {
		t.Errorf("error of the source: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Run(ctx, Options{Workers: 2}, strings.NewReader(numbered(50_000)), func(int, *Block) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error of a context that ended: %v", err)
	}
}

func TestAPanicIsAProblemWithoutItsText(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Options{Workers: 2}, strings.NewReader("canary\n"), func(_ int, b *Block) error { panic("met " + string(b.Bytes)) })
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok || p.Code != problem.Internal || strings.Contains(err.Error(), "canary") {
		t.Errorf("a panic became %v", err)
	}
}

func TestCompressedStreamsAreRead(t *testing.T) {
	t.Parallel()
	text := numbered(2000)
	var zipped bytes.Buffer
	gz := gzip.NewWriter(&zipped)
	if _, err := gz.Write([]byte(text)); err != nil || gz.Close() != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	for name, stream := range map[string][]byte{"plain": []byte(text), "gzip": zipped.Bytes(), "zstd": enc.EncodeAll([]byte(text), nil)} {
		totals, err := Run(t.Context(), Options{}, bytes.NewReader(stream), func(int, *Block) error { return nil })
		if diff := cmp.Diff(Totals{2000, int64(len(text))}, totals); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if name == "plain" {
			continue
		}
		_, err = Run(t.Context(), Options{}, bytes.NewReader(stream[:len(stream)-9]), func(int, *Block) error { return nil })
		if !errors.Is(err, ndjson.ErrDamaged) {
			t.Errorf("%s without its end: %v", name, err)
		}
	}
}

func TestOverLongLinesAreToldByTheirPlace(t *testing.T) {
	t.Parallel()
	text := "a\n" + strings.Repeat("x", 5000) + "\nb\n"
	var told []int64
	totals, err := Run(t.Context(), Options{MaxLine: 1000, OverLong: func(l ndjson.LongLine) error {
		told = append(told, l.Number, l.Offset)
		return nil
	}}, strings.NewReader(text), func(int, *Block) error { return nil })
	if diff := cmp.Diff([]int64{2, 2}, told); diff != "" || err != nil || totals.Lines != 3 {
		t.Errorf("told %v of %+v, %v", told, totals, err)
	}
}
