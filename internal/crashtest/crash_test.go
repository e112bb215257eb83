package crashtest

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A calm is a life without deaths.
type calm struct {
	end      end
	moments  [stages + 1][]string // by stage
	received [stages + 1]int64
	took     [stages + 1]time.Duration
}

// theCalm is lived once for all tests.
var theCalm struct {
	sync.Once
	calm
}

func newCalm(t *testing.T) calm {
	t.Helper()
	theCalm.Do(func() { theCalm.calm = liveCalmly(t) })
	if theCalm.end == nil {
		t.Fatal("the calm life did not come to an end")
	}
	return theCalm.calm
}

func liveCalmly(t *testing.T) (c calm) {
	t.Helper()
	p := newPlace(t)
	for {
		began := time.Now()
		p.run(t, death{})
		c.took[p.stage] = time.Since(began)
		c.received[p.stage], c.moments[p.stage] = p.passed(t)
		if p.stage == stages {
			break
		}
		p.next(t)
	}
	c.end = p.end(t)
	p.checkLeft(t)
	p.examine(t)
	return c
}

// check demands that a life has come to what a calm one comes to.
func (p *place) check(t *testing.T, c calm) {
	t.Helper()
	if diff := cmp.Diff(c.end, p.end(t)); diff != "" {
		t.Errorf("it differs from the calm life:\n%s", diff)
	}
	p.checkLeft(t)
	p.examine(t)
}

// points gives the stage in which each named moment is first passed.
func (c calm) points() (names []string, stage map[string]int) {
	stage = map[string]int{}
	for s := full; s <= stages; s++ {
		for _, name := range c.moments[s] {
			if _, known := stage[name]; !known && name != "" {
				stage[name] = s
				names = append(names, name)
			}
		}
	}
	return names, stage
}

func TestTheCalmLifePassesEverythingThatIsToDie(t *testing.T) {
	c := newCalm(t)
	names, stage := c.points()
	t.Logf("%d moments by %d names; the stages took %v", len(c.moments[full])+len(c.moments[incremental])+len(c.moments[replay]), len(names), c.took[1:])
	for _, name := range []string{
		"kickoff: intended", "kickoff: answered", "request kickoff: sent", "reply kickoff: arrived", "reply poll: arrived", "reply file: arrived", "reply attachment: arrived", "request release: sent",
		"raw: before rename", "staged: after rename", "quarantine: before rename", "attachments: before rename",
		"step publish lake: after", "step publish tables: before", "step gather: before", "step attach: after",
		"duckdb: made", "duckdb: attached", "duckdb: applied", "duckdb: committed", "duckdb: detached",
		"parquet: built", "parquet: linked", "parquet: renamed", "parquet: settled", "record publish: written", "record release: committed",
	} {
		if stage[name] == 0 {
			t.Errorf("no life passes %q", name)
		}
	}
	if files, steps := times(c.moments[full], "raw: after rename"), times(c.moments[full], "step download: after"); files <= steps {
		t.Errorf("%d files were brought by %d steps: none has several", files, steps)
	}
	for what, want := range map[string]string{
		"tables/patient": "11 rows", "export lakeside-3": "completed incremental replay [tables lake] lakeside-1", "watermark lakeside": "lakeside-2 2026-02-04",
		"file lakeside-1 0-output-0-Condition":   "ingested: 12 lines, 10 delivered, 0 quarantined, 2 blank", // once replayed
		"file lakeside-1 0-output-3-Observation": "ingested: 8 lines, 7 delivered, 1 quarantined, 0 blank",
		"file lakeside-2 0-deleted-0-Bundle":     "ingested: 1 lines, 1 delivered",
	} {
		if got := c.end[what]; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
}

// times counts how often a moment is passed.
func times(moments []string, name string) (n int) {
	for _, m := range moments {
		if m == name {
			n++
		}
	}
	return n
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestEveryMomentOfEveryStepMayBeTheLast kills at each named moment: in the
// long form each in a world of its own, in the short form one after the other,
// as far as a life goes.
func TestEveryMomentOfEveryStepMayBeTheLast(t *testing.T) {
	t.Attr("fault", "step: the process is killed before, at or after any commit of any step, or when a reply has arrived that nobody has read -> the next process goes on; tables, files, quarantine and watermark equal a calm run; one kick-off, or an honest unknown that a resume ends")
	t.Attr("fault", "machine: kill -9 while a DuckDB transaction is applied, committed or detached -> the file opens, and has the export wholly or not at all")
	t.Attr("fault", "machine: kill -9 while a Parquet snapshot is built, linked or renamed -> the folder shows the old snapshot or the new one; what was half made is swept")
	c := newCalm(t)
	names, stage := c.points()
	if number(t, "CRASH_KILLS", 0) == 0 {
		walk(t, c, names, stage)
		return
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			for p.stage < stage[name] {
				p.run(t, death{})
				p.next(t)
			}
			if !p.run(t, death{Point: name, Nth: 1}) {
				t.Errorf("the process did not come to %q", name)
			}
			p.holds(t)
			p.rest(t)
			p.check(t, c)
		})
	}
}

// rest lives a life to its end.
func (p *place) rest(t *testing.T) {
	t.Helper()
	for p.run(t, death{}); p.stage < stages; p.run(t, death{}) {
		p.next(t)
	}
}

// walk dies, in one life, at as many of every fourth moments as it comes to. In
// the incremental stage it is told to end at some.
func walk(t *testing.T, c calm, names []string, stage map[string]int) {
	t.Helper()
	p, died := newPlace(t), 0
	for ; ; p.next(t) {
		for i, name := range names {
			term := p.stage == incremental
			due := i%4 == 0 && stage[name] == p.stage || term && i%8 == 2 && slices.Contains(c.moments[p.stage], name)
			if due && p.run(t, death{Point: name, Nth: 1, Term: term}) {
				died++
				p.holds(t)
			}
		}
		p.run(t, death{})
		if p.stage == stages {
			break
		}
	}
	t.Logf("died %d times at %d names", died, len(names))
	if died < 12 {
		t.Errorf("died only %d times", died)
	}
	p.check(t, c)
}

// perWorld is how many random deaths a life has.
const perWorld = 8

func TestALifeSurvivesRandomDeaths(t *testing.T) {
	t.Attr("fault", "machine: the process is killed again and again, at random moments, bytes and times -> every life ends as a calm one, and leaves no temporary file, step or slot behind")
	t.Attr("fault", "machine: SIGTERM at a random moment, also while it starts, or SIGTERM and then SIGKILL -> the process ends by itself within 15 s, unless it is killed before; every life ends as a calm one")
	kills, seed := number(t, "CRASH_KILLS", perWorld/2), number(t, "CRASH_SEED", 1)
	c := newCalm(t)
	if world := number(t, "CRASH_WORLD", -1); world >= 0 {
		c.lifeOf(t, seed, world)
		return
	}
	var died atomic.Int64
	for world := 0; int(died.Load()) < kills && !t.Failed(); {
		more := (kills - int(died.Load()) + perWorld - 1) / perWorld
		t.Run("lives", func(t *testing.T) {
			for range more {
				of := world
				world++
				t.Run(strconv.Itoa(of), func(t *testing.T) {
					t.Parallel()
					died.Add(int64(c.lifeOf(t, seed, of)))
				})
			}
		})
	}
	t.Logf("died %d times", died.Load())
}

// lifeOf lives a life with the deaths that the seed draws for a world, and
// tells how many there were.
func (c calm) lifeOf(t *testing.T, seed, world int) (died int) {
	t.Helper()
	p, random := newPlace(t), rand.New(rand.NewPCG(uint64(seed), uint64(world)))
	var deaths []string
	defer func() {
		if t.Failed() {
			t.Logf("again: CRASH_SEED=%d CRASH_WORLD=%d go test ./internal/crashtest -run TestALifeSurvivesRandomDeaths\n%s", seed, world, strings.Join(deaths, "\n"))
		}
	}()
	for ; ; p.next(t) {
		for share := (perWorld - died) / (stages - p.stage + 1); share > 0; share-- {
			d := gently(random, c.draw(random, p.stage, share))
			deaths = append(deaths, d.String())
			if !p.run(t, d) {
				break // it lived on to the end of the stage
			}
			p.holds(t)
			died++
		}
		p.run(t, death{})
		if p.stage == stages {
			break
		}
	}
	p.check(t, c)
	return died
}

// draw makes up a death in a stage that is to have so many more.
func (c calm) draw(r *rand.Rand, stage, share int) death {
	moments := c.moments[stage]
	far := max(len(moments)/(share+1), 5)
	switch r.IntN(8) {
	case 0, 1:
		return death{After: 100*time.Millisecond + time.Duration(r.Int64N(int64(c.took[stage])/int64(share+1)))}
	case 2:
		if c.received[stage] > 0 {
			return death{Bytes: 1 + r.Int64N(c.received[stage]/int64(share+1)+1)}
		}
	case 3: // while the ledger's transaction commits
		records := slices.DeleteFunc(slices.Clone(moments), func(name string) bool { return !strings.HasSuffix(name, ": written") })
		if len(records) > 0 {
			return death{Point: records[r.IntN(len(records))], Nth: 1, Delay: time.Duration(r.IntN(3000)) * time.Microsecond}
		}
	case 4: // at, or while, something of the sinks commits
		sinks := slices.DeleteFunc(slices.Clone(moments), func(name string) bool {
			return !strings.HasPrefix(name, "duckdb: ") && !strings.HasPrefix(name, "parquet: ")
		})
		if len(sinks) > 0 {
			return death{Point: sinks[r.IntN(len(sinks))], Nth: 1 + r.IntN(2), Delay: time.Duration(r.IntN(4000)) * time.Microsecond}
		}
	}
	return death{Nth: 1 + r.IntN(far)}
}

// gently makes a third of all deaths ones that were announced: the process is
// told to end, and every other time killed before it may have done so.
func gently(r *rand.Rand, d death) death {
	if r.IntN(3) == 0 {
		d.Term = true
		if r.IntN(2) == 0 {
			d.Grace = time.Millisecond + time.Duration(r.IntN(300))*time.Millisecond
		}
	}
	return d
}
