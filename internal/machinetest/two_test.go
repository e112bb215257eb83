package machinetest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
)

func TestTwoProcessesOnOneLedgerDoTheWorkOnce(t *testing.T) {
	t.Attr("fault", "machine: bulkhead run is started twice on one ledger -> the second refuses with ledger_locked, exit status 3, and names the first")
	t.Attr("fault", "machine: bulkhead export, status and cancel beside bulkhead run -> it gets the requests; each practice is asked once")
	t.Parallel()
	p := newPlace(t, spec{knobs: hangs(sandbox.KindFile, 1000)})
	run := p.start(t, way{}, "run")
	run.says("bulkhead looks after 2 practices")
	p.bulkhead(t, "run").wants(3, fmt.Sprintf("another bulkhead (process %d) holds the ledger", run.cmd.Process.Pid), "next: ", "ledger_locked")
	p.bulkhead(t, "export", "hillcrest").wants(0, "it gets the request", "hillcrest", "completed")
	export := p.start(t, way{}, "export", "lakeside")
	p.stalls(t, life.Downloading)
	p.bulkhead(t, "status").wants(0, "downloading", "completed")
	p.bulkhead(t, "cancel", "lakeside").wants(0, "is cancelled")
	export.wants(130, "cancelled")
	p.bulkhead(t, "export", "lakeside").wants(0, "it gets the request", "completed")
	if n := p.kickoffs("lakeside") + p.kickoffs("hillcrest"); n != 3 {
		t.Errorf("%d kick-offs for three exports", n)
	}
	p.settled(t)
	p.checkLeft(t)
	run.stops(os.Interrupt, 0, lastOfRun)
}

func TestTheNextProcessTakesOverAtOnceFromOneThatWasKilled(t *testing.T) {
	t.Attr("fault", "machine: the process that holds the ledger is killed, another waits beside it -> that takes over within seconds, complete as a calm one")
	t.Attr("fault", "machine: a stale lock file that names a process which is not bulkhead -> it stops nobody")
	t.Parallel()
	p := newPlace(t, spec{knobs: hangs(sandbox.KindFile, 1000)})
	run := p.start(t, way{}, "run")
	run.says("bulkhead looks after 2 practices")
	export := p.start(t, way{}, "export", "--all")
	export.says("it gets the request")
	p.stalls(t, life.Downloading)
	run.signal(os.Kill)
	if status := run.ends(); status != -1 {
		t.Errorf("exit status %d", status)
	}
	began := time.Now()
	export.wants(0, "lakeside", "completed")
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("taking over and the rest of the work took %v", took)
	}
	p.check(t)
	p.write(t, "state/ledger.db.lock", "1\n")
	p.bulkhead(t, "export", "hillcrest").wants(0, "completed")
}
