package machinetest

import (
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
