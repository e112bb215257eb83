package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestTheMedianIsTheMiddleOrTheMeanOfTheTwoMiddles(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 100}, 3.5}} {
		before := append([]float64(nil), c.values...)
		if got := median(c.values); got != c.want || !cmp.Equal(before, c.values) {
			t.Errorf("median(%v) = %v, want %v; the values are %v afterwards", before, got, c.want, c.values)
		}
	}
}

func TestPhasesAreTheTimesBetweenMoves(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	got := phases([]store.Entry{
		{At: at(0), Kind: "admit", Detail: "kicking_off"},
		{At: at(1), Kind: "accepted", Detail: "polling"},
		{At: at(2), Kind: "not_permitted", Detail: "Claim"},
		{At: at(4), Kind: "listed", Detail: "downloading"},
		{At: at(9), Kind: "refuse", Detail: "failed"},
		{At: at(10), Kind: "reload", Detail: "downloading"},
		{At: at(12), Kind: "stored", Detail: "ingesting"},
	})
	want := map[life.State]time.Duration{
		life.KickingOff: time.Second, life.Polling: 3 * time.Second, life.Downloading: 7 * time.Second, life.Failed: time.Second,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatWasNotMeasuredKeepsItsSection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "RESULTS.md")
	write := func(sections map[string]string) string {
		t.Helper()
		if err := writeResults(t.Context(), path, sections); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	write(map[string]string{"isolation": "first\n", "ingest": "second"})
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "memory.txt"), []byte("a peak\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	page := write(map[string]string{"ingest": "third"})
	for title, want := range map[string]string{"Failure isolation": "first", "Ingest": "third", "Memory": "a peak"} {
		if section := sectionOf(page, title); !strings.Contains(section, want) {
			t.Errorf("section %s is %q, want %q in it", title, section, want)
		}
	}
	if strings.Contains(page, "second") {
		t.Errorf("the old figures of what was measured again are still there:\n%s", page)
	}
}

// A side's own checks fail when an export does not bring everything, or when
// the sick practices are not sick to the end.
func TestEachSideIsMeasuredBesideThoseItNames(t *testing.T) {
	c, err := newCorpus(t.TempDir(), 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sides {
		r, err := s.read(t.Context(), c)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if r.wall <= 0 || r.cpu <= 0 || r.phases[life.Publishing] <= 0 {
			t.Errorf("%s took %v, CPU %v, phases %v", s.name, r.wall, r.cpu, r.phases)
		}
	}
}

func TestIngestionTellsEveryWay(t *testing.T) {
	c, err := newCorpus(t.TempDir(), 5)
	if err != nil {
		t.Fatal(err)
	}
	text, err := ingestion(t.Context(), options{rounds: 1, out: io.Discard}, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"encoding/json", "workers: 1", "workers: 2", "CPU ratio"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not told:\n%s", want, text)
		}
	}
}

func TestAPartThatIsNotThereIsRefused(t *testing.T) {
	if err := run(t.Context(), options{parts: "isolation,luck", out: io.Discard}); err == nil || !strings.Contains(err.Error(), "luck") {
		t.Errorf("error %v, want one that names the part", err)
	}
}
