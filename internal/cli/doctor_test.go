package cli

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/doctor"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
)

// A damage is something that happens to a ward, and what doctor must say.
type damage struct {
	name    string
	do      func(w *ward)
	want    doctor.Check
	deep    bool  // it takes a look in depth
	lasting bool  // repair does nothing about it
	room    int64 // of the disk
}

var damages = []damage{
	{
		name: "a raw file of an export that failed is deleted", want: doctor.RawMissing,
		do: func(w *ward) { w.remove(w.one("files/raw/hillcrest/*/*-Patient.ndjson.zst")) },
	},
	{
		name: "a raw file of a complete export is deleted", want: doctor.RawMissing, lasting: true,
		do: func(w *ward) { w.remove(w.one("files/raw/lakeside/*/*-Patient.ndjson.zst")) },
	},
	{
		name: "a byte of a raw file is flipped", want: doctor.RawDamaged, deep: true,
		do: func(w *ward) { w.flip(w.one("files/raw/hillcrest/*/*-Patient.ndjson.zst")) },
	},
	{
		name: "a raw file is truncated", want: doctor.RawDamaged, deep: true,
		do: func(w *ward) { w.cut(w.one("files/raw/hillcrest/*/*-Observation.ndjson.zst")) },
	},
	{
		name: "a staged part is deleted", want: doctor.StagedMissing,
		do: func(w *ward) { w.remove(w.one("files/staged/hillcrest/*/patient/*.parquet")) },
	},
	{
		name: "a staged part is truncated", want: doctor.StagedDamaged, deep: true,
		do: func(w *ward) { w.cut(w.one("files/staged/hillcrest/*/patient/*.parquet")) },
	},
	{
		name: "the quarantine of an export that failed is deleted", want: doctor.Quarantine,
		do: func(w *ward) { w.remove(w.path("files/quarantine/hillcrest")) },
	},
	{
		name: "the quarantine of a complete export is deleted", want: doctor.Quarantine, lasting: true,
		do: func(w *ward) { w.remove(w.path("files/quarantine/lakeside")) },
	},
	{
		name: "a quarantine file is truncated", want: doctor.Quarantine, deep: true,
		do: func(w *ward) { w.cut(w.one("files/quarantine/hillcrest/*/*.zst")) },
	},
	{
		name: "an event log is deleted", want: doctor.LogMissing,
		do: func(w *ward) { w.remove(w.one("files/logs/lakeside/*/log.ndjson")) },
	},
	{
		name: "the folder of files is gone", want: doctor.Storage, lasting: true,
		do: func(w *ward) { w.remove(w.path("files")) },
	},
	{
		name: "a crash left a file half-written", want: doctor.Temporary,
		do: func(w *ward) { w.put(2*time.Hour, "files/.tmp/ABC.tmp") },
	},
	{
		name: "a crash left a rehearsal and a backup half-made", want: doctor.Temporary,
		do: func(w *ward) { w.put(2*time.Hour, "rehearsal-1"); w.put(2*time.Hour, ".b.db.abc.ledger-tmp") },
	},
	{
		name: "there are files of an export that nobody knows", want: doctor.Orphans, lasting: true,
		do: func(w *ward) {
			w.put(0, "files/raw/lakeside/20200101-000000-aaaaaaaa/0-output-0-Patient.ndjson.zst")
		},
	},
	{
		name: "there are files of a practice that nobody knows", want: doctor.Orphans, lasting: true,
		do: func(w *ward) { w.put(0, "files/quarantine/nobody/20200101-000000-aaaaaaaa/x.zst") },
	},
	{name: "the disk is full", want: doctor.Disk, lasting: true, room: 1 << 60, do: func(*ward) {}},
	{
		name: "an export under way has no step", want: doctor.Stuck,
		do: func(w *ward) { w.sql(underWayNow) },
	},
	{
		name: "the executor lost a step", want: doctor.Unexecuted,
		do: func(w *ward) { w.sql(underWayNow, stepOf("$broken", "hillcrest", "download", "ready")) },
	},
	{
		name: "a process was killed while it ran a step", want: doctor.Leases,
		do: func(w *ward) {
			w.sql(underWayNow)
			w.repaired(under{})
			w.sql(`UPDATE step SET state = 'running', owner = '1-abc', heartbeat_at = 5 WHERE export_id = $broken AND state = 'ready'`)
		},
	},
	{
		name: "an export that has ended has a step", want: doctor.DeadSteps,
		do: func(w *ward) { w.sql(stepOf("$whole", "lakeside", "publish", "ready")) },
	},
	{
		name: "a watermark is after its kick-off", want: doctor.Watermarks, lasting: true,
		do: func(w *ward) {
			w.sql(`UPDATE watermark SET since = '2999-01-01T00:00:00Z'`, `UPDATE export SET next_since = '2999-01-01T00:00:00Z' WHERE export_id = $whole`)
		},
	},
	{
		name: "a watermark is of an export that did not complete", want: doctor.Watermarks, lasting: true,
		do: func(w *ward) {
			w.sql(`INSERT INTO watermark (tenant_id, stream, since, export_id, moved_at, full_at) VALUES ('hillcrest', 's', '2026-01-01T00:00:00Z', $broken, 1, 1)`)
		},
	},
	{
		name: "a watermark is not what its export said", want: doctor.Watermarks, lasting: true,
		do: func(w *ward) { w.sql(`UPDATE watermark SET since = '2020-01-01T00:00:00Z'`) },
	},
	{
		name: "a receipt is missing", want: doctor.Unpublished, lasting: true,
		do: func(w *ward) { w.sql(`DELETE FROM publication WHERE export_id = $whole AND sink = 'tables'`) },
	},
	{
		name: "a line is lost in the counts", want: doctor.Counts, lasting: true,
		do: func(w *ward) {
			w.sql(`UPDATE output_file SET lines = lines + 1 WHERE export_id = $whole AND resource_type = 'Patient'`)
		},
	},
	{
		name: "the index lacks a row", want: doctor.Counts, lasting: true,
		do: func(w *ward) {
			w.sql(`UPDATE staged_part SET row_count = row_count - 1 WHERE export_id = $whole AND table_name = '_index' AND file LIKE '%Patient'`)
		},
	},
	{
		name: "a file of a complete export was never ingested", want: doctor.Counts, lasting: true,
		do: func(w *ward) {
			w.sql(`UPDATE output_file SET state = 'stored' WHERE export_id = $whole AND resource_type = 'Patient'`)
		},
	},
	{
		name: "two exports are under way at one endpoint", want: doctor.TwoExports, lasting: true,
		do: func(w *ward) {
			w.sql(`DROP INDEX export_one_at_a_time`, `CREATE TABLE more AS SELECT * FROM export WHERE export_id = $broken`,
				`UPDATE more SET export_id = '20260101-000000-aaaaaaaa', state = 'unknown'`, `INSERT INTO export SELECT * FROM more`, `DROP TABLE more`,
				`UPDATE export SET state = 'unknown' WHERE export_id = $broken`)
		},
	},
	{
		name: "the ledger has rows of a practice that it does not know", want: doctor.Strangers, lasting: true,
		do: func(w *ward) {
			w.sql(`INSERT INTO watermark (tenant_id, stream, since, export_id, moved_at, full_at) VALUES ('nobody', 's', '2026-01-01T00:00:00Z', 'e', 1, 1)`)
		},
	},
	{
		name: "rows of the ledger refer to none", want: doctor.Database, lasting: true,
		do: func(w *ward) { w.sql(`DELETE FROM export WHERE export_id = $whole`) },
	},
}

// underWayNow makes the export that failed one that is under way.
const underWayNow = `UPDATE export SET state = 'downloading', failed_in = '', problem_code = '', problem_summary = '', ended_at = 0 WHERE export_id = $broken`

func stepOf(export, tenant, kind, state string) string {
	return `INSERT INTO step (tenant_id, export_id, kind, subject, state, due_at, created_at) VALUES ('` + tenant + `', ` + export + `, '` + kind + `', '0-output-0-Patient', '` + state + `', 1, 1)`
}

func TestEachDamageIsFoundNamedAndRepaired(t *testing.T) {
	t.Attr("fault", "machine: files are deleted, cut or changed behind bulkhead's back -> doctor names each and has made again what can be")
	home := newWard(t)
	if r := home.examined(under{deep: true, sinks: true}); len(r.Findings) > 0 {
		t.Fatalf("a clean bulkhead: %+v", r.Findings)
	}
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			w := home.twin(t)
			d.do(w)
			r := w.examined(under{deep: d.deep, room: d.room})
			if diff := cmp.Diff([]doctor.Check{d.want}, checks(r)); diff != "" {
				t.Fatalf("found (-want +got):\n%s%+v", diff, r.Findings)
			}
			for _, f := range r.Findings {
				if f.Severity != doctor.Notice && f.Repairable() == d.lasting {
					t.Errorf("repairable = %v: %s", f.Repairable(), f.Says)
				}
				if f.Next == "" || strings.Contains(f.Next, "TENANT") && f.Tenant == "" {
					t.Errorf("it does not say what to do: %q", f.Next)
				}
			}
			if d.deep {
				if quick := w.examined(under{}); len(checks(quick)) > 0 {
					t.Errorf("a quick look finds it too: %+v", quick.Findings)
				}
			}
			if d.lasting {
				return
			}
			before := filesBelow(t, w.path("files/raw"))
			w.repaired(under{deep: d.deep})
			if again := w.examined(under{deep: d.deep}); len(checks(again)) > 0 {
				t.Errorf("after repair: %+v", again.Findings)
			}
			if diff := cmp.Diff(before, filesBelow(t, w.path("files/raw"))); diff != "" {
				t.Errorf("repair changed raw (-before +after):\n%s", diff)
			}
		})
	}
}

func TestWhatIsYoungOrKnownIsNoFinding(t *testing.T) {
	home := newWard(t)
	w := home.twin(t)
	w.put(time.Minute, "files/.tmp/ABC.tmp")
	w.put(time.Minute, "rehearsal-1")
	w.put(2*time.Hour, "notes.txt")
	if r := w.examined(under{}); len(r.Findings) > 0 {
		t.Errorf("found %+v", r.Findings)
	}
	w.sql(underWayNow, `UPDATE tenant SET state = 'frozen' WHERE tenant_id = 'hillcrest'`)
	r := w.examined(under{})
	if len(r.Findings) != 1 || r.Findings[0].Check != doctor.Frozen || r.Problem() != nil {
		t.Errorf("a frozen practice: %+v", r.Findings)
	}
}

func TestWhatRepairMarkedIsMadeAgainAndPublished(t *testing.T) {
	t.Attr("fault", "machine: raw, staged and quarantined files of an export are lost -> doctor --repair and --resume bring all of it again")
	w := newWard(t)
	w.remove(w.one("files/raw/hillcrest/*/*-Patient.ndjson.zst"))
	w.remove(w.one("files/staged/hillcrest/*/observation/*.parquet"))
	w.remove(w.path("files/quarantine/hillcrest"))
	for range 2 { // it may be killed in between, and begun again
		w.repaired(under{})
	}
	w.server.Practice("HILLCREST").Set(func(k *sandboxKnobs) { k.Faults = nil })
	w.working(func(a *app.App) {
		if err := a.Engine.Resume(t.Context(), "hillcrest", w.broken); err != nil {
			t.Fatal(err)
		}
		w.wait(a, "hillcrest", w.broken, life.Completed)
	})
	if r := w.examined(under{deep: true, sinks: true}); len(r.Findings) > 0 {
		t.Errorf("afterwards: %+v", r.Findings)
	}
}

func TestAnExportThatStandsStillGoesOnAfterRepair(t *testing.T) {
	t.Attr("fault", "machine: an export under way has lost its steps and a staged file -> doctor --repair, and it completes at the next start")
	w := newWard(t)
	w.server.Practice("HILLCREST").Set(func(k *sandboxKnobs) { k.Faults = nil })
	w.sql(underWayNow)
	w.remove(w.one("files/staged/hillcrest/*/patient/*.parquet"))
	if r := w.repaired(under{}); r.Problem() != nil {
		t.Errorf("not repaired: %+v", r.Findings)
	}
	w.working(func(a *app.App) { w.wait(a, "hillcrest", w.broken, life.Completed) })
	if r := w.examined(under{deep: true, sinks: true}); len(r.Findings) > 0 {
		t.Errorf("afterwards: %+v", r.Findings)
	}
}

func TestALaterFullExportMakesAnOldLossHarmless(t *testing.T) {
	w := newWard(t)
	w.remove(w.one("files/raw/lakeside/*/*-Patient.ndjson.zst"))
	w.remove(w.path("files/quarantine/lakeside"))
	w.working(func(a *app.App) { w.ends(a, "lakeside", life.Completed, fullWish) })
	r := w.examined(under{sinks: true})
	if len(r.Findings) != 2 || r.Problem() != nil {
		t.Errorf("found %+v", r.Findings)
	}
	if !slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool { return f.Check == doctor.RawMissing && f.Severity == doctor.Notice }) {
		t.Errorf("the loss is not told: %+v", r.Findings)
	}
}

func TestDoctorLooksBesideABulkheadThatWorks(t *testing.T) {
	w := newWard(t)
	w.working(func(*app.App) {
		args := []string{"doctor", "--config", filepath.Join(w.dir, "bulkhead.yaml")}
		if out, told := ran(t, 0, args...); !strings.Contains(out, "everything is as it should be") || told != "" {
			t.Errorf("doctor said %q, %q", out, told)
		}
		if _, told := ran(t, 3, append(args, "--repair")...); !strings.Contains(told, "ledger_locked") {
			t.Errorf("repair beside a bulkhead: %q", told)
		}
	})
}
