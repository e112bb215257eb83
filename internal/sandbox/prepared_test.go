package sandbox

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// prepared starts an open practice of three prepared files and returns what
// they hold, in the order of the manifest.
func prepared(t *testing.T, change func(*Knobs)) (*Server, *caller, []string) {
	t.Helper()
	dir := t.TempDir()
	contents := []string{"{\"n\":1}\r\n\n{\"n\":2}", numbered(0, 3000), ""}
	for i, name := range []string{"Encounter.a.ndjson", "Observation.1.ndjson", "Observation.2.ndjson"} {
		put(t, dir, name, contents[i])
	}
	src, err := PreparedSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := openPractice(quick(Standard()))
	p.Source, p.Knobs.FilesPer = src, 0
	if change != nil {
		change(p.Knobs)
	}
	srv, c := play(t, Config{Practices: []Practice{p}})
	return srv, c, contents
}

func TestPreparedFilesAreServedAsTheyAre(t *testing.T) {
	srv, c, contents := prepared(t, nil)
	m := c.wait(c.kickoff(srv.Practice("open").Base(), "/$export"))
	if len(m.Output) != len(contents) {
		t.Fatalf("%d files, want %d", len(m.Output), len(contents))
	}
	for i, o := range m.Output {
		r := c.send(http.MethodGet, o.URL, map[string]string{"Accept-Encoding": "identity"}, 200)
		if string(r.body) != contents[i] {
			t.Errorf("file %d has %d bytes, want the %d of the folder", i+1, len(r.body), len(contents[i]))
		}
		if i == 1 {
			part := c.send(http.MethodGet, o.URL, map[string]string{"Range": "bytes=100-", "If-Range": r.Header.Get("ETag")}, http.StatusPartialContent)
			if string(part.body) != contents[i][100:] {
				t.Errorf("the rest of file %d has %d bytes, want %d", i+1, len(part.body), len(contents[i])-100)
			}
		}
	}
	for _, use := range srv.Files("open") {
		if !use.Whole {
			t.Errorf("file %s was given whole, the record says otherwise", use.Name)
		}
	}
}

func TestKnobsAndFaultsHappenToPreparedFilesToo(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Knobs)
		same   bool // the second file comes as it is
	}{
		"gzip":     {func(k *Knobs) { k.Gzip = true }, true},
		"truncate": {func(k *Knobs) { k.Faults = []Fault{{On: KindFile, Do: ActionTruncate, AtByte: 1000}} }, false},
		"cut":      {func(k *Knobs) { k.CutAt = 1000 }, false},
		"crlf":     {func(k *Knobs) { k.EOL = EOLCRLF }, false},
		"noFinal":  {func(k *Knobs) { k.NoFinalEOL = true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			srv, client, contents := prepared(t, c.change)
			m := client.wait(client.kickoff(srv.Practice("open").Base(), "/$export"))
			var all []byte
			for _, o := range m.Output {
				if o.Type == "Observation" {
					all = append(all, client.get(o.URL, 200).body...)
				}
			}
			if got := bytes.Equal(all, []byte(contents[1])); got != c.same {
				t.Errorf("%d bytes are those of the file: %v, want %v", len(all), got, c.same)
			}
		})
	}
}

func TestACompressedFileIsNoPreparedOne(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "Patient.ndjson.gz", "{}\n")
	if _, err := PreparedSource(dir); err == nil {
		t.Error("no error")
	}
	if err := os.Remove(filepath.Join(dir, "Patient.ndjson.gz")); err != nil {
		t.Fatal(err)
	}
	if _, err := PreparedSource(dir); err == nil {
		t.Error("no error for an empty folder")
	}
}
