package crashtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// shortSoak is how long a soak is without SOAK.
const shortSoak = 12 * time.Second

// TestASoakLeavesNothingBehind lets bulkhead run look after four practices that
// are due every few seconds, in a storm of faults, while the process is killed
// and told to end again and again. SOAK is how long; a third of it the last
// process lives through, and holds no more after it than before.
func TestASoakLeavesNothingBehind(t *testing.T) {
	t.Attr("fault", "load: minutes of scheduled exports under 429, 5xx, resets, truncation, stalls, lapsed links, revoked tokens and forgotten exports, with kill -9 and SIGTERM at random -> every export ends, waits, or is an honest unknown; no goroutine, descriptor, temporary file, slot or lease is left; doctor finds nothing")
	t.Attr("fault", "load: after a storm of faults and deaths the servers are in peace again -> the next exports complete, and the tables of both sinks equal those of a first export into an empty folder")
	length, seed := shortSoak, number(t, "SOAK_SEED", 1)
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SOAK: %v", err)
		}
	}
	s := &soak{storm: &storm{place: newSoakPlace(t), r: rand.New(rand.NewPCG(uint64(seed), 7)), did: map[string]int{}}}
	defer func() {
		t.Logf("SOAK=%v SOAK_SEED=%d: %s", length, seed, s.said())
		if t.Failed() {
			t.Log(s.lastLog(t))
		}
	}()
	s.hangs = true
	for end := time.Now().Add(length * 2 / 3); time.Now().Before(end) && !t.Failed(); {
		s.shortLife(t)
	}
	if t.Failed() {
		return
	}
	s.hangs = false
	s.lastLife(t, length/3)
	s.quietEnd(t)
}

// TestARunBesideAServerThatHangsEndsInTime is what a soak found: the steps may
// use up all the time that there is for them to end.
func TestARunBesideAServerThatHangsEndsInTime(t *testing.T) {
	t.Attr("fault", "machine: SIGTERM of bulkhead run while a server takes requests and answers nothing -> exit status 0 within 15 s; in peace, the next process completes what was begun")
	t.Parallel()
	p := newSoakPlace(t)
	p.of(lakeside).Set(func(k *sandbox.Knobs) { k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Do: sandbox.ActionHang}} })
	x := p.begin(t)
	for p.server.Pending(codeOf(lakeside)) == 0 || p.latest(t, lakeside) != life.Downloading {
		<-time.After(20 * time.Millisecond)
	}
	began := time.Now()
	x.stop(t)
	if took := time.Since(began); took < 5*time.Second {
		t.Errorf("it ended after %v: nothing hung", took)
	}
	p.holds(t)
	s := &soak{storm: &storm{place: p, r: rand.New(rand.NewPCG(1, 1)), did: map[string]int{}}}
	s.calm()
	s.now = s.begin(t)
	s.rest(t)
	s.now.stop(t)
}

// latest gives the state of a practice's latest export; empty without one.
func (p *place) latest(t *testing.T, id string) life.State {
	t.Helper()
	l, err := store.Look(t.Context(), p.path("state/ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	x, _, err := l.In(id).Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return x.State
}

// A soak is a storm over processes that come and go.
type soak struct {
	*storm
	now *process
}

// shortLife is that of a process which dies in the storm.
func (s *soak) shortLife(t *testing.T) {
	t.Helper()
	s.now = s.begin(t)
	s.rage(t, 500*time.Millisecond+time.Duration(s.r.IntN(4000))*time.Millisecond)
	switch s.r.IntN(4) {
	case 0:
		s.note("ends by SIGTERM")
		s.now.stop(t)
	case 1:
		s.note("ends by SIGTERM and SIGKILL")
		s.now.kill(t, time.Duration(1+s.r.IntN(500))*time.Millisecond)
	default:
		s.note("ends by SIGKILL")
		s.now.kill(t, 0)
	}
	s.holds(t)
}

// rage lets things happen for a while, and looks on.
func (s *soak) rage(t *testing.T, d time.Duration) {
	t.Helper()
	again := time.NewTicker(150 * time.Millisecond)
	defer again.Stop()
	over := time.After(d)
	for n := 1; ; n++ {
		select {
		case err := <-s.now.ended:
			t.Fatalf("bulkhead run ended by itself: %v\n%s", err, s.lastLog(t))
		case <-over:
			return
		case <-again.C:
			s.disturb()
			if n%5 == 0 {
				s.attend(t)
				s.checkHeld(t)
			}
		}
	}
}

// heldQueries count what no process may hold, whatever happens: the first is
// of the process that lives.
var heldQueries = map[string]string{
	"steps are in the hands of a process that is gone": `SELECT count(*) FROM step WHERE state = 'running' AND owner NOT LIKE ?1 || '-%'`,
	"exports hold a slot that another has":             `SELECT count(*) - count(DISTINCT tenant_id || endpoint) FROM export WHERE state <> 'requested' AND ?1 <> '' AND state NOT IN ` + over,
	"exports are under way and nothing moves them": `SELECT count(*) FROM export x WHERE state IN ('kicking_off', 'polling', 'downloading', 'ingesting', 'publishing') AND ?1 <> ''
		AND NOT EXISTS (SELECT 1 FROM step s WHERE s.export_id = x.export_id AND s.state <> 'done')`,
}

// checkHeld looks at slots and leases.
func (s *soak) checkHeld(t *testing.T) {
	t.Helper()
	l, err := store.Look(t.Context(), s.path("state/ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for what, query := range heldQueries {
		var n int
		if err := l.DB().QueryRowContext(t.Context(), query, fmt.Sprint(s.now.cmd.Process.Pid)).Scan(&n); err != nil || n > 0 {
			t.Errorf("%d %s: %v", n, what, err)
		}
	}
}

// lastLife is that of a process which a storm comes over, and which holds no
// more when it is over.
func (s *soak) lastLife(t *testing.T, d time.Duration) {
	t.Helper()
	s.calm()
	s.now = s.begin(t)
	s.rest(t) // until then it has not opened all that it keeps
	before := s.rest(t)
	s.rage(t, d)
	s.calm()
	after := s.rest(t)
	t.Logf("before the storm: %s\nafter it: %s", before, after)
	if after.goroutines > before.goroutines+2 || after.files > before.files+4 || after.temps > before.temps {
		t.Errorf("it holds more after the storm than before\n%s\n\nbefore:\n%s", after.profile, before.profile)
	}
	if most := before.sockets + 8*len(s.tenants); after.sockets > most || after.connections > 2*most || after.keeping > before.keeping+16 {
		t.Errorf("connections are left: %s", after)
	}
	s.now.stop(t)
	s.note("ends by SIGTERM")
	s.holds(t)
}

// A rest is the least that a process was seen to hold.
type rest struct {
	look
	temps int
}

func (r rest) String() string {
	return fmt.Sprintf("%d goroutines besides %d of housekeeping and %d of connections, %d files, %d sockets, %d temporary files", r.goroutines, r.keeping, r.connections, r.files, r.sockets, r.temps)
}

// rest waits until every practice has completed an export in peace, and gives
// the least that the process held meanwhile.
func (s *soak) rest(t *testing.T) (least rest) {
	t.Helper()
	began, late := time.Now(), time.After(2*time.Minute)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	defer func() { t.Logf("a rest of %v", time.Since(began)) }()
	for n := 1; ; n++ {
		select {
		case err := <-s.now.ended:
			t.Fatalf("bulkhead run ended by itself: %v", err)
		case <-late:
			t.Fatalf("in peace, an export of each practice has not completed within two minutes: %s", s.open(t))
		case <-again.C:
		}
		l, temps := s.now.look(t), len(s.temporary(t))
		if n == 1 {
			least = rest{l, temps}
		}
		if l.goroutines <= least.goroutines {
			least.goroutines, least.profile = l.goroutines, l.profile
		}
		least.connections, least.files = min(least.connections, l.connections), min(least.files, l.files)
		least.sockets, least.temps, least.keeping = min(least.sockets, l.sockets), min(least.temps, temps), min(least.keeping, l.keeping)
		if n%10 == 0 {
			s.attend(t)
			s.checkHeld(t)
			if n >= 30 && s.allCompletedSince(t, began) {
				return least
			}
		}
	}
}

func (s *soak) allCompletedSince(t *testing.T, began time.Time) bool {
	t.Helper()
	l, err := store.Look(t.Context(), s.path("state/ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, id := range s.tenants {
		all, err := l.In(id).Exports(t.Context(), 5)
		if err != nil {
			t.Fatal(err)
		}
		done := false
		for _, x := range all {
			done = done || x.State == life.Completed && x.RequestedAt.After(began)
		}
		if !done {
			return false
		}
	}
	return true
}

// temporary lists what is half-made in the state folder.
func (p *place) temporary(t *testing.T) (list []string) {
	t.Helper()
	for _, pattern := range []string{"files/.tmp/*.tmp", "*.tmp", "*.next", "*.spill", "lake/*/*.tmp", "lake/*/*.next"} {
		found, err := filepath.Glob(p.path(filepath.Join("state", pattern)))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, found...)
	}
	return list
}

// quietEnd lets a process without schedules bring everything to its end, and
// compares what has come of it with a first export.
func (s *soak) quietEnd(t *testing.T) {
	t.Helper()
	s.schedule(t, never)
	s.of(harbor).Set(func(k *sandbox.Knobs) { k.Bad = nil })
	s.now = s.begin(t)
	s.settle(t)
	s.server.Advance(5 * 24 * time.Hour)
	s.once(t, "export", lakeside, hillcrest, meadow)
	s.once(t, "export", harbor, "--full")
	s.once(t, "doctor", "--deep")
	s.now.stop(t)
	s.holds(t)
	s.checkLeft(t)
	s.examine(t)
	other := s.twin(t)
	other.once(t, "export", "--all")
	want, have := end{}, end{}
	other.readTables(t, want, "source_line")
	s.readTables(t, have, "source_line")
	delete(want, "tables")
	delete(have, "tables")
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("the tables differ from those of a first export:\n%s", diff)
	}
	if len(want) < 16 {
		t.Errorf("only %d tables were compared", len(want))
	}
	if text := s.lastLog(t); strings.Contains(text, "panicked") {
		t.Error("a step panicked")
	}
}

// open tells what has not ended.
func (p *place) open(t *testing.T) (text string) {
	t.Helper()
	l, err := store.Look(t.Context(), p.path("state/ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = l.DB().QueryRowContext(t.Context(), `SELECT json_object(
		'now', strftime('%FT%T', 'now'),
		'exports', (SELECT json_group_array(export_id || ' ' || tenant_id || ' ' || state || ' until ' || datetime(waiting_until / 1000, 'unixepoch') || ', ' || last_error) FROM export WHERE state NOT IN `+over+`),
		'steps', (SELECT json_group_array(step_id || ' ' || export_id || ' ' || kind || ' ' || subject || ' ' || state || ' by ' || owner || ', attempt ' || attempt || ' due ' || datetime(due_at / 1000, 'unixepoch')) FROM step WHERE state <> 'done'),
		'executor', (SELECT json_group_array(args || ' ' || state || ' at ' || scheduled_at) FROM river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded')))`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// settle waits until no export is under way.
func (s *soak) settle(t *testing.T) {
	t.Helper()
	late := time.After(time.Minute)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		s.attend(t)
		l, err := store.Look(t.Context(), s.path("state/ledger.db"))
		if err != nil {
			t.Fatal(err)
		}
		var n int
		err = l.DB().QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM export WHERE state NOT IN `+over+`) + (SELECT count(*) FROM step WHERE state <> 'done')`).Scan(&n)
		l.Close()
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		select {
		case <-late:
			t.Fatalf("%d exports and steps are left: %s", n, s.open(t))
		case <-again.C:
		}
	}
}
