package scenario_test

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// midnight is that of day 0, at whose noon the world begins.
var midnight = scenario.Begin.Truncate(24 * time.Hour)

func moment(day float64) time.Time {
	return midnight.Add(time.Duration(day * float64(24*time.Hour)).Round(time.Second))
}

func dayOf(at time.Time) float64 { return at.Sub(midnight).Hours() / 24 }

// TestSixtyDaysOfAHundredPracticesUnattended lives two months of a hundred
// practices. Everything that goes wrong is in the cast, and so is everything
// that must be told of it. With UNATTENDED=daily the healthy ones are due every
// day, not every week or fortnight.
func TestSixtyDaysOfAHundredPracticesUnattended(t *testing.T) {
	t.Attr("fault", "load: 60 days of a hundred practices with outages, keys and agreements that end, revoked activations, stale groups, restarts -> each alert once and none else, no request without an agreement, every healthy practice fresh, no growth")
	roles := cast()
	long := os.Getenv("UNATTENDED") == "daily"
	if long {
		oftener(roles)
	}
	ids, of := practices(roles)
	if len(ids) != 100 {
		t.Fatalf("%d practices", len(ids))
	}
	began := processTime(t)
	scenario.Run(t, unattended(t, ids, of), func(w *scenario.World) {
		s := &stay{World: w, ids: ids, roles: of, house: machine}
		list := agenda(s)
		if !long {
			list = append(list, s.deadDay()...)
			s.house = append(s.house[:len(machine):len(machine)], outOfReach)
		}
		s.live(list)
		s.checkAlerts()
		s.checkMessages()
		s.checkExports()
		s.checkRequests()
		s.checkRecords()
		s.checkGrowth()
	})
	t.Logf("%v of CPU", processTime(t)-began)
}

// unattended is the world of the cast: every practice has two patients and one
// type, and all share a registration but those that have one of their own.
func unattended(t *testing.T, ids []string, of map[string]*role) scenario.Spec {
	t.Helper()
	spec := scenario.Spec{Kickoffs: 9, Config: fmt.Sprintf(`
alerts:
  disk_free: 1B
  rate_minutes: 20
  roster_runs: 5
  routes:
    - {name: desk, log: true}
    - {name: night, log: true, severity: critical}
limits: {free_bytes: 1B, exports: 100}
jwks: {listen: "127.0.0.1:8443", tls_cert: %[1]s, tls_key: %[1]s}
`, certificateUntil(t, moment(45)))}
	for i, id := range ids {
		tenant := member(id, of[id])
		if i > 0 && tenant.Registration == "" {
			tenant.Under = ids[0]
		}
		if i == 0 {
			spec.Tenant = tenant
			continue
		}
		spec.More = append(spec.More, tenant)
	}
	return spec
}

func member(id string, r *role) scenario.Tenant {
	tenant := scenario.Tenant{
		ID: id, Types: []string{"Observation"}, Level: "patient", Config: "generic_tables: [none]",
		Source: chart(id, 2),
	}
	if r.schedule != "" {
		tenant.Config += "\nschedule: '" + r.schedule + "'"
	}
	if r.begins != nil {
		r.begins(&tenant)
	}
	turned := tenant.Knobs
	tenant.Knobs = func(k *sandbox.Knobs) {
		k.Takes, k.RetryAfter = 0, time.Second
		if turned != nil {
			turned(k)
		}
	}
	return tenant
}

// A stay is the world while it lives.
type stay struct {
	*scenario.World
	ids     []string
	roles   map[string]*role
	house   []telling // what must be told that is of no practice
	sizes   []size
	dialled int
}

// An item of the agenda is what happens at a time.
type item struct {
	day float64
	do  func()
}

// agenda is everything that happens in the sixty days, in order: the turns of
// every practice, the looks of the alert keeper, restarts, and a person who
// takes on every day what was told.
func agenda(s *stay) []item {
	var list []item
	for _, id := range s.ids {
		for _, turn := range s.roles[id].story {
			list = append(list, item{turn.at, func() { turn.do(s.World, id) }})
		}
	}
	for day := range lasts + 1 {
		for _, hour := range []float64{2.25, 2.6, 8.5, 9, 12.5, 13} {
			if at := float64(day) + hour/24; at > 0.5 && at <= lasts+0.5 {
				list = append(list, item{at, s.look})
			}
		}
		list = append(list, item{float64(day) + 15.0/24, s.takeOn})
		if day%4 == 3 {
			list = append(list, item{float64(day) + 16.0/24, s.Restart})
		}
		if day%10 == 0 {
			list = append(list, item{float64(day) + 11.0/24, s.measure})
		}
	}
	list = append(list,
		item{20.0 + 2.0/24 + 4.0/86400, s.Restart}, // amidst the exports of a night
		item{40.3, func() { renewCertificate(s.World) }},
		item{50.6, func() { s.Edit("alerts: {disk_free: 900000GiB}") }}, item{51.6, func() { s.Edit("alerts: {disk_free: 1B}") }},
	)
	list = append(list, s.minutes(44+2.0/24, 90)...)
	return slices.DeleteFunc(list, func(i item) bool { return i.day > lasts+0.5 })
}

// deadDay is a day on which nothing listens at the host of all practices.
func (s *stay) deadDay() []item {
	return []item{{dead.from + 1.0/24, func() { s.reach(false) }}, {dead.to + 1.0/24, func() { s.reach(true) }}}
}

// ehr is the host of every practice's server.
const ehr = "fhir.ehr.test"

// reach makes the host take connections, or none; and counts those that were
// tried meanwhile.
func (s *stay) reach(up bool) {
	s.Net.Down(ehr, !up)
	s.Net.Break(ehr)
	if before := s.dialled; up && s.Net.Dialled(ehr)-before > triesAtMost {
		s.T().Errorf("%d connections in a day to a host where nothing listens", s.Net.Dialled(ehr)-before)
	}
	s.dialled = s.Net.Dialled(ehr)
}

// triesAtMost is one in ten minutes, and those until that is known.
const triesAtMost = 24*6 + 20

// minutes lets the keeper look at the end of so many minutes, as it does by
// itself while the engine runs.
func (s *stay) minutes(from float64, n int) (list []item) {
	for i := range n {
		list = append(list, item{from + (float64(i)*60+55)/86400, s.look})
	}
	return list
}

func (s *stay) live(list []item) {
	slices.SortStableFunc(list, func(x, y item) int { return cmp.Compare(x.day, y.day) })
	for _, i := range list {
		if wait := time.Until(moment(i.day)); wait > 0 {
			s.Pass(wait)
		}
		i.do()
	}
	if wait := time.Until(moment(lasts + 0.5)); wait > 0 {
		s.Pass(wait)
	}
	s.look()
}

func (s *stay) look() {
	if err := s.Alerts.Look(s.T().Context()); err != nil {
		s.T().Error(err)
	}
}

// takeOn is a person who takes on every alert that was told, but those of which
// the cast says that nobody does.
func (s *stay) takeOn() {
	open, err := s.Store.OpenAlerts(s.T().Context())
	if err != nil {
		s.T().Error(err)
	}
	for _, a := range open {
		if a.ToldAt.IsZero() || !a.AckAt.IsZero() || s.nobodys(a) {
			continue
		}
		if err := s.Store.In(a.Tenant).Acknowledge(s.T().Context(), a.ID, store.Ack{By: "ada", Until: time.Now().AddDate(1, 0, 0)}); err != nil {
			s.T().Error(err)
		}
	}
}

func (s *stay) nobodys(a store.Alert) bool {
	r := s.roles[a.Tenant]
	return r != nil && slices.ContainsFunc(r.told, func(e telling) bool { return string(e.kind) == a.Kind && e.reminds > 0 })
}

// A size is what the process and its ledger take at a time.
type size struct {
	day        float64
	exports    int
	ledger     int64
	goroutines int
	files      int
	heap       uint64
}

func (s *stay) measure() {
	runtime.GC()
	z := size{day: dayOf(time.Now()), exports: s.CountRows("export"), ledger: ledgerSize(s.T(), s.World), goroutines: runtime.NumGoroutine()}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		s.T().Error(err)
	}
	z.files = len(open)
	z.heap = heapNow() - uint64(len(s.Log()))
	s.sizes = append(s.sizes, z)
}

// checkGrowth compares the tenth day with the last.
func (s *stay) checkGrowth() {
	first, last := s.sizes[1], s.sizes[len(s.sizes)-1]
	s.T().Logf("sizes: %+v", s.sizes)
	if n := last.goroutines - first.goroutines; n > 10 {
		s.T().Errorf("%d goroutines more", n)
	}
	if n := last.files - first.files; n > 10 {
		s.T().Errorf("%d open files more", n)
	}
	if exports := last.exports - first.exports; exports > 0 {
		if each := (last.ledger - first.ledger) / int64(exports); each > 60_000 {
			s.T().Errorf("the ledger grows by %d bytes with each export", each)
		}
	}
	if last.heap > first.heap+(100<<20) {
		s.T().Errorf("the heap grew from %d to %d MiB", first.heap>>20, last.heap>>20)
	}
}

// checkRecords looks at what must hold of the record when all is over.
func (s *stay) checkRecords() {
	for _, args := range [][]string{{"audit", "verify"}, {"doctor"}} {
		if said := command(s.World, args...); !strings.HasSuffix(said, "(0)\n") {
			s.T().Errorf("%s", said)
		}
	}
}
