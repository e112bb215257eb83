package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// slots gives how many exports are under way with a slot of the machine, and
// how many without.
func (b *bench) slots() (has, parked int) {
	b.t.Helper()
	err := b.store.DB().QueryRowContext(b.t.Context(), `SELECT coalesce(sum(parked_at = 0), 0), coalesce(sum(parked_at > 0), 0) FROM export
		WHERE state IN ('kicking_off', 'polling', 'downloading', 'ingesting', 'publishing')`).Scan(&has, &parked)
	if err != nil {
		b.t.Fatal(err)
	}
	return has, parked
}

func (b *bench) wantSlots(when string, has, parked int) {
	b.t.Helper()
	if h, p := b.slots(); h != has || p != parked {
		b.t.Errorf("%s: %d exports have a slot and %d wait for one, want %d and %d", when, h, p, has, parked)
	}
}

func TestExportsThatWereHeldBackWaitForASlotToGoOn(t *testing.T) {
	t.Attr("fault", "load: practices are paused while their exports run, others take their slots, the pause ends -> no more than limits.exports at once, the others in their turn, nothing lost")
	s := newScript(2)
	polled, done := polling(s)
	b := newBench(t, s) // two slots
	ids := map[string]string{"lakeside": b.request("lakeside", export.Wish{}), "hillcrest": b.request("hillcrest", export.Wish{})}
	<-polled
	<-polled
	b.pause(store.Pause{Scope: store.PauseTenant, Object: "lakeside"})
	b.pause(store.Pause{Scope: store.PauseTenant, Object: "hillcrest"})
	b.held(store.HeldByPause, 2)
	ids["riverbend"] = b.request("riverbend", export.Wish{})
	b.wantSlots("while two are paused", 1, 2)
	b.unpause(store.PauseTenant, "lakeside")
	b.unpause(store.PauseTenant, "hillcrest")
	b.wantSlots("when the pauses are over", 2, 1)
	b.stop()
	b.start()
	b.wantSlots("after a restart", 2, 1)
	done()
	for tenant, id := range ids {
		b.wait(tenant, id, life.Completed)
	}
	if n := s.count("lakeside kickoff") + s.count("hillcrest kickoff"); n != 2 {
		t.Errorf("%d kick-offs of two exports that went on", n)
	}
}

func TestWhatGoesOnComesInItsTurnAmongThoseThatWait(t *testing.T) {
	s := newScript(1)
	polled, done := polling(s)
	one := strings.Replace(practices, "exports: 2", "exports: 1", 1)
	b := newBenchOf(t, s, one)
	bySchedule := export.Wish{By: schedule.BySchedule}
	first := b.request("lakeside", bySchedule)
	<-polled
	b.pause(store.Pause{Scope: store.PauseTenant, Object: "lakeside"})
	b.held(store.HeldByPause, 1)
	second := b.request("hillcrest", bySchedule)
	third := b.request("riverbend", bySchedule)
	b.unpause(store.PauseTenant, "lakeside")
	b.wantSlots("with one slot", 1, 1)
	done()
	x, y, z := b.wait("hillcrest", second, life.Completed), b.wait("lakeside", first, life.Completed), b.wait("riverbend", third, life.Completed)
	if y.EndedAt.Before(x.EndedAt) || z.EndedAt.Before(y.EndedAt) {
		t.Errorf("hillcrest ended %s, lakeside, which waited longer, %s, riverbend %s", x.EndedAt, y.EndedAt, z.EndedAt)
	}
}

func TestAPracticeThatIsBackInTheConfigurationWaitsForASlot(t *testing.T) {
	s := newScript(1)
	polled, done := polling(s)
	one := strings.Replace(practices, "exports: 2", "exports: 1", 1)
	b := newBenchOf(t, s, one)
	first := b.request("lakeside", export.Wish{})
	<-polled
	whole := b.config()
	without := *whole
	without.Tenants = whole.Tenants[1:]
	for b.tryReload(&without); ; {
		if n, err := b.store.In("lakeside").OpenSteps(t.Context(), first, export.Poll); err != nil || n == 0 {
			t.Fatal(n, err)
		}
		var running int
		if err := b.store.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM step WHERE state = 'running'`).Scan(&running); err != nil {
			t.Fatal(err)
		}
		if running == 0 {
			break
		}
	}
	second := b.request("hillcrest", export.Wish{})
	b.wantSlots("while one is frozen", 1, 1)
	b.tryReload(whole)
	b.wantSlots("when it is back", 1, 1)
	done()
	b.wait("hillcrest", second, life.Completed)
	b.wait("lakeside", first, life.Completed)
}

func (b *bench) config() *config.Config {
	b.t.Helper()
	cfg, err := config.Parse(filepath.Join(b.folder, "bulkhead.yaml"), []byte(strings.ReplaceAll(b.yaml, "%FOLDER%", b.folder)))
	if err != nil {
		b.t.Fatal(err)
	}
	return cfg
}

func (b *bench) tryReload(c *config.Config) {
	b.t.Helper()
	if err := b.Reload(b.t.Context(), engine.Setup{Config: c, Steps: b.steps}); err != nil {
		b.t.Fatal(err)
	}
}

// upkeep is two practices whose server has maintenance for two minutes, one
// whose has none, and one slot.
const upkeep = `
folder: %FOLDER%
profiles: profiles
limits: {exports: 1}
sinks: {tables: {kind: duckdb, file: tables.duckdb}}
tenants:
  - &t
    id: lakeside
    open: true
    profile: nightly
    fhir_base_url: https://lakeside.example/fhir
    level: group
    group: g1
    types: [Patient]
    agreement: {reference: BAA-1, status: active, effective_from: 1999-01-01, types: ["*"], groups: ["*"], sinks: ["*"]}
  - {<<: *t, id: riverbend, profile: standard, fhir_base_url: "https://riverbend.example/fhir"}
`

func TestAnExportInAWindowLeavesItsSlotAndWaitsForOneAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now().UTC() // a Saturday, midnight
		ready := map[string]time.Duration{"lakeside": 90 * time.Second, "riverbend": 5 * time.Minute}
		s := newScript(1)
		s.on[export.Poll] = func(_ context.Context, w export.Work) (export.Outcome, error) {
			if at := begin.Add(ready[w.Lease.Tenant]); time.Now().Before(at) {
				return export.InProgress{PollAt: at}, nil
			}
			return nil, nil
		}
		b := &bench{t: t, folder: t.TempDir(), yaml: upkeep, steps: s}
		profile := "name: nightly\nextends: standard\nmaintenance: ['sat 00:01-00:03']\n"
		err := errors.Join(os.Mkdir(filepath.Join(b.folder, "profiles"), 0o700), os.WriteFile(filepath.Join(b.folder, "profiles", "nightly.yaml"), []byte(profile), 0o600))
		if err != nil {
			t.Fatal(err)
		}
		b.start()
		defer b.stop()
		first, second := b.request("lakeside", export.Wish{}), b.request("riverbend", export.Wish{})
		<-time.After(2 * time.Minute)
		b.wantSlots("in the window", 1, 1)
		<-time.After(2 * time.Minute)
		b.wantSlots("after the window, while the slot is taken", 1, 1)
		<-time.After(90 * time.Second)
		y, x := b.wait("riverbend", second, life.Completed), b.wait("lakeside", first, life.Completed)
		if x.EndedAt.Before(y.EndedAt) || x.EndedAt.Sub(y.EndedAt) > 15*time.Second || x.RetryCount != 0 {
			t.Errorf("riverbend ended %s, lakeside %s after %d tries", y.EndedAt, x.EndedAt, x.RetryCount)
		}
	})
}

func TestOfThoseThatLeftTheirSlotsOnlyOneTriesAServerThatIsAway(t *testing.T) {
	same := strings.NewReplacer("https://hillcrest.example/fhir", "https://lakeside.example/hillcrest", "exports: 2", "exports: 3").Replace(practices)
	s := newScript(1)
	polled, done := polling(s)
	b := newBenchOf(t, s, same)
	ids := map[string]string{}
	for _, tenant := range []string{"lakeside", "hillcrest"} {
		ids[tenant] = b.request(tenant, export.Wish{})
	}
	<-polled
	<-polled
	c := store.Circuit{Origin: "https://lakeside.example", Failures: 5, LastError: "refused", OpenedAt: time.Now(), ProbeAt: time.Now().Add(time.Hour)}
	b.circuit(c)
	b.held(store.HeldByCircuit, 2)
	ids["riverbend"] = b.request("riverbend", export.Wish{})
	b.wantSlots("while the server is away", 1, 2)
	tries, let := make(chan string, 10), make(chan struct{})
	b.on(export.Poll, func(_ context.Context, w export.Work) (export.Outcome, error) {
		tries <- w.Lease.Tenant
		<-let
		return nil, nil
	})
	c.ProbeAt = time.Now()
	b.circuit(c)
	for tenant := ""; tenant != "lakeside" && tenant != "hillcrest"; tenant = <-tries {
		if err := engine.Admit(b.Engine, t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.wantSlots("while one tries it", 2, 1)
	c.ClosedAt = time.Now()
	b.circuit(c)
	close(let)
	done()
	for tenant, id := range ids {
		b.wait(tenant, id, life.Completed)
	}
}

func (b *bench) circuit(c store.Circuit) {
	b.t.Helper()
	if err := b.store.PutCircuit(b.t.Context(), c); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) on(kind string, run func(context.Context, export.Work) (export.Outcome, error)) {
	b.steps.mu.Lock()
	defer b.steps.mu.Unlock()
	b.steps.on[kind] = run
}

func TestAnExportThatCannotBeAdmittedKeepsNoOtherWaiting(t *testing.T) {
	t.Attr("fault", "step: the row of an export that waits cannot be read -> it is passed over and told, the others run and are recorded")
	s := newScript(1)
	polled, done := polling(s)
	b := newBenchOf(t, s, strings.Replace(practices, "exports: 2", "exports: 1", 1))
	first := b.request("hillcrest", export.Wish{})
	<-polled
	broken, next := b.request("lakeside", export.Wish{}), b.request("riverbend", export.Wish{})
	if _, err := b.store.DB().ExecContext(t.Context(), `UPDATE export SET types = '{' WHERE export_id = ?`, broken); err != nil {
		t.Fatal(err)
	}
	done()
	b.wait("hillcrest", first, life.Completed)
	b.wait("riverbend", next, life.Completed)
	var state string
	if err := b.store.DB().QueryRowContext(t.Context(), `SELECT state FROM export WHERE export_id = ?`, broken).Scan(&state); err != nil || state != string(life.Requested) {
		t.Errorf("the export that cannot be read is %s, %v", state, err)
	}
}
