package machinetest

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
)

// drained is the time within which bulkhead ends when it is told to.
const drained = 15 * time.Second

// signal sends a signal to the command.
func (c *process) signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// stops tells the command to end, and demands that it does in time.
func (c *process) stops(s os.Signal, status int, texts ...string) {
	c.t.Helper()
	began := time.Now()
	c.signal(s)
	c.wants(status, texts...)
	if took := time.Since(began); took > drained {
		c.t.Errorf("%s took %v to end", c.name, took)
	}
}

// hangs makes the practice's server hang once, at a request of a kind.
func hangs(kind sandbox.Kind, at int64) func(*sandbox.Knobs) {
	return func(k *sandbox.Knobs) {
		k.Faults = []sandbox.Fault{{On: kind, Do: sandbox.ActionHang, AtByte: at, Times: 1}}
	}
}

// asked waits until a practice's server answers, or has answered, a request of
// a kind; one that hangs is among those that it answers.
func (p *place) asked(t *testing.T, of sandbox.Kind) {
	t.Helper()
	await(t, "a request of kind "+string(of), func() bool {
		return p.server.Counts("LAKESIDE")[of] > 0
	})
}

// stalls waits until the practice's server has one request that it does not
// answer, and the ledger says that the export is so far.
func (p *place) stalls(t *testing.T, in life.State) {
	t.Helper()
	await(t, "a request that hangs", func() bool { return p.server.Pending("LAKESIDE") > 0 })
	s := p.look(t)
	await(t, "an export in its midst", func() bool {
		x, _, err := s.In("lakeside").Latest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p.server.Pending("LAKESIDE") > 0 && x.State == in
	})
}

// The words with which the two verbs that work end when they are told to.
const (
	lastOfRun    = "stopping: running steps may end, the rest goes on at the next start"
	lastOfExport = "Run the command again; work goes on where it stopped."
)

func TestAProcessThatIsToldToEndDoesSoInTimeAndLosesNothing(t *testing.T) {
	t.Attr("fault", "machine: SIGTERM in a kick-off, between polls, in a download that stalls, while a file is taken apart, while a sink is written -> ends within 15 s, exit status 130 (run: 0); the next start goes on, complete as a calm one, with the same kick-off")
	t.Attr("fault", "machine: SIGINT of bulkhead export -> exit status 130 and a word that work goes on; it does when the command is repeated")
	for _, c := range []struct {
		name   string
		spec   spec
		way    way
		signal os.Signal
		in     life.State // in which the server stalls, or the export is
		after  life.State // what the next process finds
	}{
		{"in a kick-off", spec{knobs: hangs(sandbox.KindKickoff, 0)}, way{}, syscall.SIGTERM, life.KickingOff, life.Unknown},
		{"between polls", spec{knobs: func(k *sandbox.Knobs) { k.Stuck = true }}, way{}, syscall.SIGTERM, life.Polling, life.Polling},
		{"in a download that stalls", spec{knobs: hangs(sandbox.KindFile, 1000)}, way{}, os.Interrupt, life.Downloading, life.Downloading},
		{"while a file is taken apart", spec{}, way{"staged: before create", 3, 0}, syscall.SIGTERM, "", ""},
		{"while DuckDB is written", spec{}, way{"duckdb: applied", 1, 0}, syscall.SIGTERM, "", ""},
		{"while Parquet is written", spec{}, way{"parquet: built", 1, 0}, os.Interrupt, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, c.spec)
			cmd := p.start(t, c.way, "export", "--all")
			switch {
			case c.way.Halt != "":
				cmd.halts()
				cmd.signal(c.signal)
				cmd.goesOn()
				cmd.wants(130, lastOfExport, "cancelled")
			case c.in == life.Polling:
				p.asked(t, sandbox.KindPoll)
				cmd.stops(c.signal, 130, lastOfExport)
			default:
				p.stalls(t, c.in)
				cmd.stops(c.signal, 130, lastOfExport)
			}
			if x := p.latest(t, "lakeside"); c.after != "" && x.State != c.after {
				t.Errorf("the export is %s, want %s", x.State, c.after)
			}
			p.server.Practice("LAKESIDE").Set(func(k *sandbox.Knobs) { k.Stuck = false })
			if c.in == life.KickingOff { // nobody knows whether the server has begun
				p.bulkhead(t, "export", "lakeside").wants(4, "no answer came", "--resume", "kickoff_unknown")
			}
			p.goOn(t)
			p.check(t)
		})
	}
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	t.Attr("fault", "machine: a second SIGTERM while bulkhead ends -> it ends at once, as by a kill; the next start goes on, complete as a calm one")
	t.Parallel()
	p := newPlace(t, spec{knobs: hangs(sandbox.KindFile, 1000)})
	run := p.start(t, way{}, "run")
	run.says("bulkhead looks after 2 practices")
	export := p.start(t, way{}, "export", "--all")
	p.stalls(t, life.Downloading)
	run.signal(syscall.SIGTERM)
	run.says(lastOfRun)
	began := time.Now()
	run.signal(syscall.SIGTERM)
	if status := run.ends(); status != -1 || time.Since(began) > 5*time.Second {
		t.Errorf("exit status %d after %v", status, time.Since(began))
	}
	export.wants(0, "it gets the request", "lakeside", "completed") // it does the work itself
	p.check(t)
}

func TestAServiceThatIsToldToEndLeavesTheRestForTheNextStart(t *testing.T) {
	t.Attr("fault", "machine: SIGTERM of bulkhead run in the midst of exports -> exit status 0 within 15 s; they go on when it is started again, complete as a calm one")
	t.Parallel()
	p := newPlace(t, spec{})
	run := p.start(t, way{Halt: "staged: before create", Nth: 2}, "run")
	run.says("bulkhead looks after 2 practices")
	export := p.start(t, way{}, "export", "--all")
	run.halts()
	export.signal(os.Interrupt) // it only looks on
	export.wants(130, lastOfExport)
	run.signal(syscall.SIGTERM)
	run.says(lastOfRun)
	run.goesOn()
	run.wants(0)
	if words := run.words(); strings.Contains(words, "level=ERROR") {
		t.Errorf("ending is no error: %s", words)
	}
	again := p.start(t, way{}, "run")
	p.settled(t)
	if completed := p.in(t, life.Completed); len(completed) != len(tenants) {
		t.Errorf("only the exports of %q completed", completed)
	}
	again.stops(syscall.SIGTERM, 0, lastOfRun)
	p.check(t)
}

// settled waits until nothing is left to be done.
func (p *place) settled(t *testing.T) {
	t.Helper()
	s := p.look(t)
	await(t, "the last step", func() bool { return openSteps(t, s) == 0 })
}
