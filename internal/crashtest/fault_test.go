package crashtest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
)

// A commit is the commit point of a step: the moments right before and right
// after it. A kill there is the nth passing in the stage.
type commit struct {
	step          string
	before, after string
	stage, nth    int
}

func (c commit) point(after bool) string {
	if after {
		return c.after
	}
	return c.before
}

var commits = []commit{
	{"step kickoff", "kickoff: intended", "kickoff: answered", full, 1},
	{"step poll", "raw: before rename", "raw: after rename", full, 1},
	{"step download", "raw: before rename", "raw: after rename", full, 3},
	{"step download", "raw: before rename", "raw: after rename", full, 9}, // among the files of a unit
	{"record download", "record download: written", "record download: committed", full, 1},
	{"step ingest", "staged: before rename", "staged: after rename", full, 1},
	{"step ingest", "quarantine: before rename", "quarantine: after rename", full, 1},
	{"step attach", "attachments: before rename", "attachments: after rename", full, 1},
	{"step publish tables", "duckdb: applied", "duckdb: committed", full, 1},
	{"step publish lake", "parquet: linked", "parquet: renamed", full, 1},
	{"step release", "request release: sent", "reply release: arrived", full, 1},
	{"step gather", "raw: before rename", "raw: after rename", replay, 1},
}

// The ways in which a step meets trouble.
const (
	fails     = "error"      // at its commit point something fails
	losesWord = "lost reply" // before: it is not run; after: what it found out is lost
	cancelled = "cancel"     // at its commit point its context ends
)

var errTrouble = errors.New("trouble of a test")

// A trouble happens once to each step of a process.
type trouble struct {
	engine.Steps
	how   string
	after bool

	mu      sync.Mutex
	met     map[int]bool                            // rows of commits
	running map[string]map[int64]context.CancelFunc // steps by name
}

// claim reports whether a row's trouble is to happen now, for the first time.
func (x *trouble) claim(row int) bool {
	if x.met[row] {
		return false
	}
	x.met[row] = true
	return true
}

// reach is the moment of every commit.
func (x *trouble) reach(name string) error {
	if x.how == losesWord {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for row, c := range commits {
		point := c.before
		if x.after {
			point = c.after
		}
		record := c.step == "record download"
		if point != name || !record && len(x.running[c.step]) == 0 || c.step == "step download" && len(x.running["step poll"]) > 0 || !x.claim(row) {
			continue
		}
		for _, cancel := range x.running[c.step] {
			if x.how == cancelled {
				cancel()
			}
		}
		if x.how == fails {
			return errTrouble
		}
		return nil
	}
	return nil
}

// Run runs a step in which trouble may be.
func (x *trouble) Run(ctx context.Context, w export.Work) (export.Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	name, loses := nameOf(w), false
	x.mu.Lock()
	if x.running[name] == nil {
		x.running[name] = map[int64]context.CancelFunc{}
	}
	x.running[name][w.Lease.ID] = cancel
	for row, c := range commits {
		loses = loses || x.how == losesWord && c.step == name && x.claim(row)
	}
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.running[name], w.Lease.ID)
	}()
	if loses && !x.after {
		return nil, errTrouble
	}
	o, err := x.Steps.Run(ctx, w)
	if loses && err == nil {
		return nil, errTrouble
	}
	return o, err
}

// inProcess lives a stage in this process, in trouble.
func (p *place) inProcess(t *testing.T, x *trouble) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cfg, err := config.Load(p.path("bulkhead.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(ctx, cfg, app.Options{
		Log: slog.New(slog.DiscardHandler), Point: x.reach, Dial: dial(x.reach, func(int) {}),
		Around: func(s engine.Steps) engine.Steps { x.Steps = s; return x },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(ctx); err != nil {
		t.Fatal(err)
	}
	for err = live(ctx, a, p.stage); err != nil && a.Engine.Trouble() != nil && ctx.Err() == nil; {
		<-a.Engine.Changed() // it goes on by itself
		err = live(ctx, a, p.stage)
	}
	if err = errors.Join(err, a.Close(ctx)); err != nil {
		t.Fatal(err)
	}
}

func TestEveryStepOutlivesTroubleAtItsCommit(t *testing.T) {
	t.Attr("fault", "step: what a step commits fails, before or after it is durable -> the step runs again; nothing is there twice, nothing is missing")
	t.Attr("fault", "step: a step's outcome is lost before the ledger has it -> the step runs again and changes nothing; a kick-off becomes an honest unknown, and a resume asks once more")
	t.Attr("fault", "step: a step's context ends at its commit -> the step runs again to the same end")
	c := newCalm(t)
	for _, how := range []string{fails, losesWord, cancelled} {
		for _, after := range []bool{false, true} {
			t.Run(how+" "+word(after), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t)
				x := &trouble{how: how, after: after, met: map[int]bool{}, running: map[string]map[int64]context.CancelFunc{}}
				for ; ; p.next(t) {
					p.inProcess(t, x)
					p.holds(t)
					if p.stage == stages {
						break
					}
				}
				for row, c := range commits {
					if met := x.met[row]; !met && (how != losesWord || c.step != "record download") {
						t.Errorf("%s met no trouble at %q", c.step, c.before)
					}
				}
				p.check(t, c)
			})
		}
	}
}

func word(after bool) string {
	if after {
		return "after"
	}
	return "before"
}

func TestEveryStepOutlivesAKillAtItsCommit(t *testing.T) {
	t.Attr("fault", "step: the process is killed right before and right after what a step commits -> after each death the ledger, the raw files and the DuckDB file hold together; the next process runs the step again")
	c := newCalm(t)
	for _, after := range []bool{false, true} {
		t.Run(word(after), func(t *testing.T) {
			t.Parallel()
			// Steps run side by side: in one life a death may come too late for the
			// next row, which then has a life of its own.
			for _, row := range liveThrough(t, c, after, commits) {
				for range liveThrough(t, c, after, []commit{row}) {
					t.Errorf("%s did not come to %q", row.step, row.point(after))
				}
			}
		})
	}
}

// liveThrough lives one life that is ended at each of the rows, and returns the
// rows that it did not come to.
func liveThrough(t *testing.T, c calm, after bool, rows []commit) (missed []commit) {
	t.Helper()
	p := newPlace(t)
	for ; ; p.next(t) {
		for _, row := range rows {
			if row.stage != p.stage {
				continue
			}
			if !p.run(t, death{Point: row.point(after), Nth: row.nth}) {
				missed = append(missed, row)
			}
			p.holds(t)
		}
		p.run(t, death{})
		if p.stage == stages {
			break
		}
	}
	p.check(t, c)
	return missed
}
