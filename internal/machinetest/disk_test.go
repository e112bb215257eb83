package machinetest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
)

// fulls are the disks that fill up, and when.
var fulls = []struct {
	name, disk string
	way        way
	says       string
	other      string // the sinks of the other practice, which completes
}{
	{"raw", "state/files", way{Halt: "raw: before create", Nth: 3}, "no space is left in the storage folder", ""},
	{"staged", "state/files", way{Halt: "staged: before create", Nth: 1}, "no space is left in the storage folder", ""},
	{"quarantine", "state/files", way{Halt: "quarantine: before create", Nth: 1}, "no space is left in the storage folder", ""},
	{"ledger", "state", way{Halt: "record download: written", Nth: 1}, "no space is left for the ledger", ""},
	{"DuckDB", "tables", way{Halt: "duckdb: attached", Nth: 1}, "no space left for the tables", "lake"},
	{"Parquet", "lake", way{Halt: "record ingest: written", Nth: 1}, "no space left for the tables", "tables"},
}

func TestADiskThatIsFullEndsTheExportAndItGoesOn(t *testing.T) {
	t.Attr("fault", "machine: disk full while writing raw, staged, quarantine or ledger -> failed with storage_full, exit status 3, nothing temporary stays; resumed when there is space, complete as a calm one, with the same kick-off")
	t.Attr("fault", "machine: disk full while publishing to the DuckDB file or the Parquet folder -> failed with storage_full, exit status 3; practices that publish elsewhere complete; resumed when there is space, complete as a calm one")
	for _, f := range fulls {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, spec{other: f.other})
			p.disk(t, f.disk)
			c := p.start(t, f.way, "export", "--all")
			c.halts()
			p.fill(t, f.disk)
			c.goesOn()
			c.wants(3, f.says, "next: ", "--resume", "storage_full")
			if f.other != "" {
				if x := p.latest(t, "hillcrest"); x.State != life.Completed {
					t.Errorf("the practice that does not need the disk is %s", x.State)
				}
			}
			p.bulkhead(t, "status").wants(0, "lakeside")
			p.free(t, f.disk)
			p.goOn(t)
			p.check(t)
		})
	}
}

// gones are the folders that vanish while bulkhead works, and when.
var gones = []struct {
	folder string
	way    way
	code   string
	other  string // the sinks of the other practice, which completes
}{
	{"state", way{Halt: "record download: committed", Nth: 1}, "storage_unwritable", ""},
	{"state/files/raw", way{Halt: "raw: before create", Nth: 3}, "storage_", ""},
	{"state/files/staged", way{Halt: "staged: before rename", Nth: 2}, "storage_unwritable", ""},
	{"tables", way{Halt: "record ingest: written", Nth: 1}, "sink_failed", "lake"},
	{"lake", way{Halt: "record ingest: written", Nth: 1}, "sink_failed", "tables"},
}

func TestAFolderThatVanishesEndsTheExportAndItGoesOn(t *testing.T) {
	t.Attr("fault", "machine: the state folder, raw or staged vanishes while bulkhead works -> failed with storage_unwritable or storage_damaged, exit status 3; resumed when it is back, complete as a calm one, with the same kick-off")
	t.Attr("fault", "machine: the folder of a sink vanishes while bulkhead works -> tried again, then failed with sink_failed, exit status 3; practices that publish elsewhere complete; resumed when it is back, complete as a calm one")
	for _, g := range gones {
		t.Run(g.folder, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, spec{other: g.other})
			c := p.start(t, g.way, "export", "--all")
			c.halts()
			p.move(t, g.folder, g.folder+"-gone")
			c.goesOn()
			c.wants(3, "next: ", g.code)
			if g.other != "" {
				if x := p.latest(t, "hillcrest"); x.State != life.Completed {
					t.Errorf("the practice that does not need the folder is %s", x.State)
				}
			}
			if _, err := os.Lstat(p.path(g.folder)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was put in its place: %v", err)
			}
			p.move(t, g.folder+"-gone", g.folder)
			p.goOn(t)
			p.check(t)
		})
	}
}

func (p *place) move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(p.path(from), p.path(to)); err != nil {
		t.Fatal(err)
	}
}

// readOnlys are the disks that are read-only when bulkhead starts or, with a
// way, are made so while it works.
var readOnlys = []struct {
	disk  string
	way   way
	code  string
	other string
}{
	{"state", way{}, "storage_unwritable", ""},
	{"state/files", way{}, "storage_unwritable", ""},
	{"tables", way{Halt: "record ingest: written", Nth: 1}, "sink_failed", "lake"},
	{"lake", way{Halt: "record ingest: written", Nth: 1}, "sink_failed", "tables"},
}

func TestADiskThatIsReadOnlyEndsTheExportAndItGoesOn(t *testing.T) {
	t.Attr("fault", "machine: the state folder, or that of raw and staged, is read-only when bulkhead starts -> storage_unwritable, exit status 3; it goes on when the folder can be written, complete as a calm one, with the same kick-off")
	t.Attr("fault", "machine: the folder of a sink becomes read-only while bulkhead works -> tried again, then failed with sink_failed, exit status 3; practices that publish elsewhere complete; resumed when it can be written, complete as a calm one")
	for _, r := range readOnlys {
		t.Run(r.disk, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, spec{other: r.other})
			p.disk(t, r.disk)
			if r.way.Halt == "" {
				first := p.start(t, way{Halt: "staged: before create", Nth: 1}, "export", "--all")
				first.halts()
				first.signal(os.Kill)
				first.ends()
			}
			if r.way.Halt == "" {
				p.turn(t, r.disk, true)
			}
			c := p.start(t, r.way, "export", "--all")
			if r.way.Halt != "" {
				c.halts()
				p.turn(t, r.disk, true)
				c.goesOn()
			}
			c.wants(3, "next: ", r.code)
			if r.other != "" {
				if x := p.latest(t, "hillcrest"); x.State != life.Completed {
					t.Errorf("the practice that does not need the folder is %s", x.State)
				}
			}
			p.turn(t, r.disk, false)
			p.goOn(t)
			p.check(t)
		})
	}
}

func TestChangesDoNotGoToASinkThatHasLostTheRest(t *testing.T) {
	t.Attr("fault", "machine: the folder of a sink, or its disk, is not there when bulkhead starts -> a full export makes it; an incremental one fails with sink_failed, exit status 3, and puts nothing in its place; resumed when it is back, complete")
	for _, sink := range []string{"tables", "lake"} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, spec{})
			p.bulkhead(t, "export", "lakeside").wants(0)
			p.move(t, sink, sink+"-gone")
			p.bulkhead(t, "export", "lakeside").wants(3, "has lost what was published to it", "next: ", "--resume", "--full", "sink_failed")
			files := 0
			err := filepath.WalkDir(p.path(sink), func(path string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() && filepath.Base(path) != "lock" {
					files++
				}
				return err
			})
			if err != nil || files > 0 {
				t.Errorf("%d files are in its place: %v", files, err)
			}
			if err := os.RemoveAll(p.path(sink)); err != nil {
				t.Fatal(err)
			}
			p.move(t, sink+"-gone", sink)
			p.bulkhead(t, "export", "lakeside", "--resume").wants(0, "lakeside", "completed", "incremental export")
			p.bulkhead(t, "doctor").wants(0)
		})
	}
}
