package main

import (
	"context"
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

// The processes that are measured are this test binary too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childWord {
		os.Exit(runChild(context.Background(), os.Args[2:]))
	}
	os.Exit(m.Run())
}

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
	for title, want := range map[string]string{"Failure isolation": "first", "Ingest": "third", "Memory of an export": "a peak"} {
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

// Both sides must give the same rows of every file, or there is no figure.
func TestFlatteningComparesTheRowsOfBothSides(t *testing.T) {
	c, err := newCorpus(t.TempDir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	text, err := flattening(t.Context(), options{pairs: 1, scale: 0.01, out: io.Discard}, c)
	if err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(text, "\n| "); rows != len(contests)+2 {
		t.Errorf("%d contests give %d rows with the head:\n%s", len(contests), rows, text)
	}
}

func TestRowsThatOneSideLacksAreCounted(t *testing.T) {
	dir := t.TempDir()
	file := func(name, rows string) string {
		path := filepath.Join(dir, name)
		if _, err := spend(t.Context(), 1, "duckdb", "1", copyStatement("SELECT * FROM (VALUES "+rows+") AS t(id, value)", path)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	columns, numeric := []string{"id", "value"}, map[string]bool{"value": true}
	ours := file("ours", "('a', '1.50'), ('b', '2'), ('b', '2')")
	for rows, want := range map[string]int64{
		"('b', '2.0'), ('a', '1.5'), ('b', '2')": 0,
		"('b', '2'), ('a', '1.5')":               1,
		"('b', '2'), ('b', '2'), ('a', '1.6')":   2,
		"('b', '2'), ('b', '2'), ('a', NULL)":    2,
	} {
		got, err := ask(t.Context(), differences(ours, file("theirs", rows), columns, numeric))
		if err != nil || got != want {
			t.Errorf("against %s: %d rows differ, want %d: %v", rows, got, want, err)
		}
	}
}

func TestAChildThatFailsIsNotMeasured(t *testing.T) {
	for _, args := range [][]string{{"luck"}, {"bulkhead", "flatten"}, {"duckdb", "1", "SELECT"}} {
		if s, err := spend(t.Context(), 1, args...); err == nil {
			t.Errorf("%v took %v", args, s.cost)
		}
	}
}

func TestALargeFileIsMeasuredWithOneAndTwoWorkers(t *testing.T) {
	c, err := newCorpus(t.TempDir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	text, err := largeFile(t.Context(), options{scale: 0.001, out: io.Discard}, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"of 5 MB", "160 ", "240 "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not told:\n%s", want, text)
		}
	}
}

func TestParsingTellsEveryWayOfEachFile(t *testing.T) {
	c, err := newCorpus(t.TempDir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	text, err := parsing(t.Context(), options{rounds: 1, scale: 0.01}, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"json.Valid", "jsontext", extraction, "Encounter", "1 GB/s"} {
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

func TestBothSidesOfADuelAreMeasured(t *testing.T) {
	c, err := newCorpus(t.TempDir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	list := duels()
	for _, d := range []duel{list[0], list[len(list)-1]} {
		row, err := d.row(t.Context(), options{pairs: 1, scale: 0.001}, c)
		if err != nil {
			t.Fatalf("%s: %v", d.story, err)
		}
		if ratio := row[5]; !strings.HasPrefix(ratio, "**") || ratio == "**0.00**" {
			t.Errorf("the ratio is %s, of %v", ratio, row)
		}
	}
}
