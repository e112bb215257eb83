package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	b := []byte(text)
	if strings.HasSuffix(name, ".gz") {
		var buf bytes.Buffer
		zip := gzip.NewWriter(&buf)
		zip.Write(b)
		zip.Close()
		b = buf.Bytes()
	}
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func collect(t *testing.T, src Source, q Query) []string {
	t.Helper()
	var lines []string
	for line, err := range src.Open(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	return lines
}

// numbered returns n lines, each longer than the last, the first of them
// number from.
func numbered(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"n\":%d,\"pad\":%q}\n", from+i, strings.Repeat("x", i%50))
	}
	return b.String()
}

func TestDirServesItsFilesInOrderInAnyNumberOfShards(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "Patient.000.ndjson", "\n"+numbered(0, 1500)+" \n")
	put(t, dir, "Patient.001.ndjson.gz", strings.TrimSuffix(numbered(1500, 2700), "\n"))
	put(t, dir, "Patient-2.ndjson", strings.ReplaceAll(numbered(4200, 2), "\n", "\r\n"))
	put(t, dir, "Condition.ndjson", "")
	put(t, dir, "log.ndjson", "{}\n")
	put(t, dir, "Patient.json", "{}\n")
	d, err := DirSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Condition", "Patient"}; !slices.Equal(d.Types(), want) {
		t.Errorf("types %v, want %v", d.Types(), want)
	}
	whole := collect(t, d, Query{Type: "Patient"})
	if len(whole) != 4202 || !strings.HasPrefix(whole[0], `{"n":4200,`) || !strings.HasSuffix(whole[1], "\r") {
		t.Fatalf("%d lines, first %q", len(whole), whole[0])
	}
	for _, shards := range []int{1, 2, 7, 100} {
		var all []string
		for i := range shards {
			q := Query{Type: "Patient", Shard: i, Shards: shards}
			lines := collect(t, d, q)
			n, exact, err := d.Size(t.Context(), q)
			if err != nil || !exact || n != len(lines) {
				t.Fatalf("Size of shard %d of %d: %d %v %v, want %d", i, shards, n, exact, err, len(lines))
			}
			all = append(all, lines...)
		}
		if !slices.Equal(all, whole) {
			t.Errorf("%d shards are not the whole", shards)
		}
	}
	if n, exact, err := d.Size(t.Context(), Query{Type: "Goal"}); n != 0 || !exact || err != nil {
		t.Errorf("Size of a type it has not: %d %v %v", n, exact, err)
	}
}

func TestDirReadsLinesOfAnyLength(t *testing.T) {
	dir := t.TempDir()
	long := `{"pad":"` + strings.Repeat("y", 1<<20) + `"}`
	put(t, dir, "Binary.ndjson", "{}\n"+long+"\n{}\n")
	d, err := DirSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := collect(t, d, Query{Type: "Binary"}); !slices.Equal(got, []string{"{}", long, "{}"}) {
		t.Errorf("%d lines", len(got))
	}
}

func TestDirFiltersByWhatMetaSays(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "Patient.ndjson", strings.Join([]string{
		`{"id":"old","meta":{"lastUpdated":"2024-01-01T00:00:00Z"}}`,
		`{"id":"new","meta" : { "versionId":"1", "lastUpdated": "2024-03-01T00:00:00.5+01:00"}}`,
		`{"id":"untold","meta":{"versionId":"2"},"note":"lastUpdated"}`,
		`{"id":"broken","meta":{"lastUpdated":"soon"}}`,
	}, "\n"))
	d, err := DirSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	since := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	q := Query{Type: "Patient", Since: since}
	got := strings.Join(collect(t, d, q), " ")
	for id, want := range map[string]bool{"old": false, "new": true, "untold": true, "broken": true} {
		if strings.Contains(got, `"`+id+`"`) != want {
			t.Errorf("%s is there: %v, want %v", id, !want, want)
		}
	}
	if n, _, err := d.Size(t.Context(), q); n != 3 || err != nil {
		t.Errorf("Size %d %v, want 3", n, err)
	}
}

func TestDirErrors(t *testing.T) {
	if _, err := DirSource(t.TempDir()); err == nil {
		t.Error("an empty folder is no practice")
	}
	if _, err := DirSource(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no folder is no practice")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Patient.ndjson.gz"), []byte("no gzip"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := DirSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Size(t.Context(), Query{Type: "Patient"}); err == nil {
		t.Error("a broken file has a size")
	}
	srv, c := play(t, Config{Practices: []Practice{{Code: "x", Profile: ProfileStandard, Open: true, Source: d, Knobs: quick(Standard())}}})
	r := c.pollUntilDone(c.kickoff(srv.Practice("x").Base(), "/$export"))
	if r.StatusCode != 500 || r.outcome() != "processing" {
		t.Errorf("an export of broken records: %d %s", r.StatusCode, r.body)
	}
}

// The shared data set is an extra: the promise itself is tested above.
func TestDirServesSynthea(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "datasets", "synthea-100")
	d, err := DirSource(dir)
	if err != nil {
		t.Logf("the data set is not here: %v", err)
		return
	}
	k := quick(ECW())
	k.FilesPer = 5000
	p := ecwPractice(k)
	p.Source = d
	srv, c := play(t, Config{Practices: []Practice{p}})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, "system/*.r system/Group.read")
	m := c.wait(c.kickoff(base, "/Group/"+groupUUID+"/$export"))
	total, types := 0, map[string]bool{}
	for _, i := range m.Output {
		types[i.Type] = true
		for line := range bytes.Lines(c.get(i.URL, 200).body) {
			if !json.Valid(line) {
				t.Fatalf("a line of %s is no JSON", i.Type)
			}
			total++
		}
	}
	if total != 38_483 || len(types) != 19 {
		t.Errorf("%d resources of %d types, want 38,483 of 19", total, len(types))
	}
}
