package machinetest

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
)

const ledger = "state/ledger.db"

// atWork gives a place whose exports were told to end while they were taken
// apart, with a ledger that nobody holds.
func atWork(t *testing.T) *place {
	t.Helper()
	p := newPlace(t, spec{})
	c := p.start(t, way{Halt: "staged: before create", Nth: 1}, "export", "--all")
	c.halts()
	c.signal(os.Interrupt)
	c.goesOn()
	c.wants(130)
	return p
}

func (p *place) read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(p.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// execute changes the ledger as nobody should.
func (p *place) execute(t *testing.T, statement string, args ...any) {
	t.Helper()
	db := p.database(t)
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// database opens the ledger as another program does.
func (p *place) database(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+p.path(ledger))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

// pageSize is that of SQLite.
const pageSize = 4096

// damages are what may become of a ledger's bytes.
var damages = []struct {
	name  string
	do    func(t *testing.T, p *place, text []byte) []byte
	found bool // before anything is written
}{
	{"a page is overwritten", func(t *testing.T, p *place, text []byte) []byte {
		var root int
		db := p.database(t)
		if err := db.QueryRowContext(t.Context(), `SELECT rootpage FROM sqlite_schema WHERE name = 'export'`).Scan(&root); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		copy(text[(root-1)*pageSize:root*pageSize], bytes.Repeat([]byte{0xff}, pageSize))
		return text
	}, false},
	{"the header is overwritten", func(_ *testing.T, _ *place, text []byte) []byte {
		copy(text, make([]byte, 100))
		return text
	}, true},
	{"truncated", func(_ *testing.T, _ *place, text []byte) []byte { return text[:len(text)/2/pageSize*pageSize] }, true},
	{"a text file", func(*testing.T, *place, []byte) []byte {
		return []byte(strings.Repeat("a file of somebody else\n", 1000))
	}, true},
}

func TestALedgerThatCannotBeReadStopsBulkheadAndStaysAsItIs(t *testing.T) {
	t.Attr("fault", "machine: a page or the header of the ledger is overwritten, it is truncated, or a text file -> ledger_damaged, exit status 3; what is no ledger at all is not touched; with the ledger put back it goes on, complete as a calm one")
	t.Attr("fault", "machine: the ledger is of a newer bulkhead -> ledger_newer, exit status 3, nothing is changed")
	t.Parallel()
	p := atWork(t)
	good := p.read(t, ledger)
	for _, d := range damages {
		p.write(t, ledger, string(good))
		bad := d.do(t, p, bytes.Clone(good))
		p.refuses(t, bad, "ledger_damaged")
		if now := p.read(t, ledger); d.found && !bytes.Equal(now, bad) {
			t.Errorf("%s: the ledger is not as it was: %d bytes, were %d", d.name, len(now), len(bad))
		}
	}
	p.write(t, ledger, string(good))
	p.execute(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	newer := p.read(t, ledger)
	p.refuses(t, newer, "ledger_newer")
	if !bytes.Equal(p.read(t, ledger), newer) {
		t.Error("the newer ledger is not as it was")
	}
	p.write(t, ledger, string(good))
	p.goOn(t)
	p.check(t)
}

// refuses demands that no verb takes a ledger of these bytes.
func (p *place) refuses(t *testing.T, bad []byte, code string) {
	t.Helper()
	p.write(t, ledger, string(bad))
	for _, args := range [][]string{{"export", "--all"}, {"run"}, {"status"}} {
		p.bulkhead(t, args...).wants(3, "next: ", code)
	}
	for _, beside := range []string{"-wal", "-shm"} {
		if err := os.Remove(p.path(ledger + beside)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func TestAnEmptyLedgerIsANewOne(t *testing.T) {
	t.Attr("fault", "machine: the ledger is an empty file -> it is a new one: each practice is exported anew and in full, and nothing is there twice")
	t.Parallel()
	p := newPlace(t, spec{})
	p.bulkhead(t, "export", "--all").wants(0)
	p.write(t, ledger, "")
	p.bulkhead(t, "export", "--all").wants(0, "full export")
	if diff := cmp.Diff(p.calm(t), p.end(t)); diff != "" {
		t.Errorf("it differs from the calm end:\n%s", diff)
	}
	p.bulkhead(t, "doctor").wants(3, "there are files of an export that the ledger does not know")
}

func TestALostWriteAheadLogCostsWorkAndNothingElse(t *testing.T) {
	t.Attr("fault", "machine: the ledger's write-ahead log is lost after a kill -> what it knew is done again, complete as a calm one")
	t.Parallel()
	p := atWork(t)
	c := p.start(t, way{Halt: "duckdb: attached", Nth: 2}, "export", "--all")
	c.halts()
	c.signal(os.Kill)
	c.ends()
	for _, beside := range []string{"-wal", "-shm"} {
		if err := os.Remove(p.path(ledger + beside)); err != nil {
			t.Fatal(err)
		}
	}
	if x := p.latest(t, "lakeside"); x.State == life.Publishing {
		t.Fatal("nothing of the ledger was lost")
	}
	p.goOn(t)
	p.check(t)
}

func TestALedgerThatAnotherProgramLocksIsWaitedFor(t *testing.T) {
	t.Attr("fault", "machine: another program locks the ledger for longer than a write waits -> a command says ledger_locked, exit status 3; bulkhead run goes on when it is free, complete as a calm one")
	t.Parallel()
	p := newPlace(t, spec{})
	run := p.start(t, way{Halt: "raw: after sync folder", Nth: 1}, "run")
	run.says("bulkhead looks after 2 practices")
	export := p.start(t, way{}, "export", "--all")
	run.halts()
	db := p.database(t)
	db.SetMaxOpenConns(1)
	tx, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the lock", func() bool { _, err := tx.ExecContext(t.Context(), "BEGIN IMMEDIATE"); return err == nil })
	run.goesOn()
	run.says("step could not be recorded; it will be tried again")
	p.bulkhead(t, "cancel", "lakeside").wants(3, "another program has kept the ledger locked", "next: ", "ledger_locked")
	if _, err := tx.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tx.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	export.wants(0, "completed")
	p.settled(t)
	run.stops(os.Interrupt, 0, lastOfRun)
	p.check(t)
}
