package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// firstLife are rows as the first version wrote them: an export of lakeside
// that is complete, one that waits for the server, one of hillcrest in the
// middle of its files, and one that failed.
var firstLife = []string{
	`INSERT INTO tenant (tenant_id, name, registration, client_id, fhir_base_url, state, updated_at) VALUES ('lakeside', 'Lakeside', 'ecw', 'c1', 'https://ehr.example/LAKESD', 'active', 1),
		('hillcrest', 'Hillcrest', 'ecw', 'c1', 'https://ehr.example/HILLCR', 'active', 1)`,
	`INSERT INTO export (export_id, tenant_id, stream, registration, endpoint, level, group_id, types, mode, since, sinks,
		requested_by, requested_at, state, state_at, kickoff_sent_at, kickoffs, status_url, transaction_time, next_since, ended_at)
	VALUES
	('20250101-020000-aaaaaaaa', 'lakeside', 's1', 'ecw', 'https://ehr.example/LAKESD', 'group', 'g', '["Patient"]', 'full', '', '["tables"]',
		'schedule', 1000, 'completed', 5000, 2000, 1, 'https://ehr.example/s/1', '1970-01-01T00:00:01Z', '1970-01-01T00:00:01Z', 5000),
	('20250102-020000-bbbbbbbb', 'lakeside', 's1', 'ecw', 'https://ehr.example/LAKESD', 'group', 'g', '["Patient"]', 'incremental', '1970-01-01T00:00:01Z', '["tables"]',
		'schedule', 6000, 'polling', 7000, 6500, 1, 'https://ehr.example/s/2', '', '', 0),
	('20250101-020000-cccccccc', 'hillcrest', 's2', 'ecw', 'https://ehr.example/HILLCR', 'group', 'h', '["Patient"]', 'full', '', '["tables"]',
		'schedule', 1000, 'failed', 5000, 2000, 1, 'https://ehr.example/s/3', '', '', 5000),
	('20250102-020000-dddddddd', 'hillcrest', 's2', 'ecw', 'https://ehr.example/HILLCR', 'group', 'h', '["Patient"]', 'full', '', '["tables"]',
		'schedule', 6000, 'downloading', 7000, 6500, 1, 'https://ehr.example/s/4', '1970-01-01T00:00:06Z', '1970-01-01T00:00:06Z', 0)`,
	`INSERT INTO output_file (tenant_id, export_id, file, position, section, resource_type, url, expected_count, state, bytes, wire_bytes, sha256, lines, delivered, quarantined, stored_at, ingested_at)
	VALUES ('lakeside', '20250101-020000-aaaaaaaa', '0-output-0-Patient', 0, 'output', 'Patient', 'https://ehr.example/f/1', 3, 'ingested', 90, 60, 'ab', 3, 2, 1, 3000, 4000),
	('hillcrest', '20250102-020000-dddddddd', '0-output-0-Patient', 0, 'output', 'Patient', 'https://ehr.example/f/2', -1, 'stored', 90, 60, 'cd', 0, 0, 0, 7500, 0),
	('hillcrest', '20250102-020000-dddddddd', '0-output-1-Patient', 1, 'output', 'Patient', 'https://ehr.example/f/3', -1, 'downloading', 0, 0, '', 0, 0, 0, 0, 0)`,
	`INSERT INTO staged_part VALUES ('lakeside', '20250101-020000-aaaaaaaa', '0-output-0-Patient', 'patient', 'staged/lakeside/20250101-020000-aaaaaaaa/patient/0-output-0-Patient-0.parquet', 2)`,
	`INSERT INTO publication VALUES ('lakeside', '20250101-020000-aaaaaaaa', 'tables', '{}', 4500)`,
	`INSERT INTO watermark VALUES ('lakeside', 's1', '1970-01-01T00:00:01Z', '20250101-020000-aaaaaaaa', 5000, 5000)`,
	`INSERT INTO step (tenant_id, export_id, kind, subject, state, epoch, due_at, owner, heartbeat_at, created_at)
	VALUES ('lakeside', '20250102-020000-bbbbbbbb', 'poll', '', 'ready', 3, 7000, '', 0, 6500),
	('hillcrest', '20250102-020000-dddddddd', 'download', '0-output-1-Patient', 'running', 1, 7000, '77-abcdef', 7000, 7000)`,
	`INSERT INTO schedule (tenant_id, spec, next_at, last_at) VALUES ('lakeside', '30 2 * * * UTC', 9000, 6000)`,
	`INSERT INTO event (tenant_id, export_id, at, actor, kind, detail) VALUES ('lakeside', '20250101-020000-aaaaaaaa', 5000, 'engine', 'complete', 'completed')`,
}

// since are rows that a version was the first to write.
var since = map[int64][]string{
	2: {
		`UPDATE export SET purpose = 'delivery', parameters = '{"type_filters":["Patient?active=true"]}' WHERE state = 'polling'`,
		`INSERT INTO manifest_page VALUES ('hillcrest', '20250102-020000-dddddddd', 0, 'https://ehr.example/s/4')`,
		`INSERT INTO member (tenant_id, stream, patient, seen_at, left_at) VALUES ('lakeside', 's1', 'p1', 5000, 0)`,
	},
	3: {`INSERT INTO export_log (tenant_id, export_id, at, event, detail) VALUES ('lakeside', '20250101-020000-aaaaaaaa', 5000, 'export_complete', '{"duration":4}')`},
	4: {
		`INSERT INTO attachment VALUES ('lakeside', 'i1', '20250101-020000-aaaaaaaa', 'stored', '', 'application/pdf', 4, 'aa', 'bb', 'attachments/lakeside/20250101-020000-aaaaaaaa/0-output-0-Patient/1-0', 1000)`,
		`INSERT INTO attachment_file VALUES ('lakeside', '20250101-020000-aaaaaaaa', '0-output-0-Patient', 1, 1, 4, '{"stored":1}', 4000)`,
	},
	5: {`UPDATE output_file SET checksum = sha256 WHERE sha256 <> ''`},
	6: {`UPDATE output_file SET replayed = 1, delivered = 3, quarantined = 0, quarantine_of = '20250103-020000-eeeeeeee' WHERE quarantined = 1`},
	7: {
		`INSERT INTO quality VALUES ('lakeside', '20250101-020000-aaaaaaaa', ''), ('hillcrest', '20250101-020000-cccccccc',
			'{"lines":9,"blank":1,"quarantined":2,"types":[{"verdicts":{"errors":3}},{}],"questions":[{"says":"so few?"}]}')`,
	},
	9: {
		`INSERT INTO audit (tenant_id, seq, at, actor, source, request_id, export_id, action, object, outcome, reason, rule, facts, prev_hash, hash)
		VALUES ('lakeside', 1, 1772332200123, 'bulkhead', '', '', '20260301-023000-abcdefgh', 'file_stored', '0-output-0-Patient', 'done', '', 'permitted',
			'{"bytes":90,"sha256":"ab"}', '', '633c2f94aaf697a0ff40829bece1af5f5c8c3fb441213a105c022f2a69e5f4d8')`,
		`INSERT INTO audit_head (tenant_id, seq, hash) VALUES ('lakeside', 1, '633c2f94aaf697a0ff40829bece1af5f5c8c3fb441213a105c022f2a69e5f4d8')`,
	},
	10: {
		`INSERT INTO alert (tenant_id, kind, object, severity, party, source, code, summary, remedy, since, opened_at) VALUES ('hillcrest', 'failed', '', 'warning', 'us', '', 'storage_full', 'no space', 'Free some.', 5000, 5000)`,
		`INSERT INTO alert_news (alert_id, route, turn, at) VALUES (1, 'log', 'opened', 5000)`,
	},
	11: {
		`INSERT INTO registry VALUES ('', 1, 'active', 'ab', 'folder: "/state"', 1000, 'start', 0), ('lakeside', 1, 'active', 'cd', 'id: "lakeside"', 1000, 'start', 2000),
			('lakeside', 2, 'frozen', 'cd', 'id: "lakeside"', 2000, 'anna', 0)`,
		`INSERT INTO reload VALUES (1, 'ef', 1000, 'anna', 1001, '')`,
	},
	12: {
		`INSERT INTO person (person_id, name, password_hash, created_at) VALUES ('anna', 'Anna', 'x', 1000)`,
		`INSERT INTO person_grant VALUES ('anna', 'operator', 'lakeside')`,
		`INSERT INTO api_token (token_id, name, secret_hash, grants, created_by, created_at, expires_at) VALUES ('t1', 'mirth', 'ab', '[]', 'anna', 1000, 9000)`,
	},
	14: {
		`INSERT INTO pause (scope, object, reason, paused_by, paused_at) VALUES ('tenant', 'lakeside', 'they move house', 'anna', 1000)`,
		`INSERT INTO circuit (origin, failures, last_error, opened_at, probe_at) VALUES ('https://ehr.example', 5, 'connection refused', 1000, 61000)`,
		`UPDATE step SET held = 'pause' WHERE kind = 'poll'`,
	},
	15: {
		`INSERT INTO export_requests (tenant_id, requested_by, reference, state, export_id, started_at) VALUES ('lakeside', 'mirth', 'n-1', 'polling', '20250102-020000-bbbbbbbb', 7000)`,
		`INSERT INTO settled (tenant_id, export_id, state, at) VALUES ('hillcrest', '20250101-020000-cccccccc', 'failed', 5000)`,
		`INSERT INTO callback (delivery_id, tenant_id, export_id, request_id, target, url, state, body, settled_at, made_at, due_at)
		VALUES ('d1', 'hillcrest', '20250101-020000-cccccccc', 0, 'mirth', 'https://mirth.example/done', 'failed', '{}', 5000, 5000, 5000)`,
	},
	17: {
		`INSERT INTO web_session (token_hash, session_id, person_id, way, mark, factors, address, agent, began_at, proved_at, seen_at, expires_at)
		VALUES ('ab', 's1', 'anna', 'password', 'cd', 1, '127.0.0.1', 'a browser', 1000, 1000, 1000, 9000)`,
		`INSERT INTO person_grant VALUES ('anna', 'break_glass', 'lakeside')`,
	},
	13: {`INSERT INTO tenant_key VALUES ('lakeside', 7, 1000, 2000, 0), ('lakeside', 8, 2000, 0, 0)`},
	19: {`INSERT INTO group_list VALUES ('lakeside', 's1', 5000, '20250101-020000-aaaaaaaa', 1, 1, 0, 0)`},
	23: {
		`UPDATE export SET parked_at = 6900 WHERE state = 'polling'`,
		`UPDATE step SET held = 'slot' WHERE kind = 'poll'`,
		`UPDATE tenant SET touched_at = 1000 WHERE tenant_id = 'lakeside'`,
	},
	22: {`INSERT INTO credential_change VALUES (1, 'anna', 2000, 'factor_set', 'anna', '192.0.2.1')`},
	18: {`INSERT INTO quality_count VALUES ('lakeside', '20250101-020000-aaaaaaaa', 3, 1, 0, 0, '')`},
	16: {
		`INSERT INTO disposal VALUES ('lakeside', '20250101-020000-aaaaaaaa', 'raw', 0, 'retention_over', 6000, 7000, 1, 60, '[]')`,
		`INSERT INTO ending (tenant_id, reference, document, rule, over_at, seen_at) VALUES ('hillcrest', 'BAA-2', '', 'terminated', 8000, 8000)`,
	},
}

// ledgerOf makes a ledger as the bulkhead of a version left it.
func ledgerOf(t *testing.T, version int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("sqlite/migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	rows := firstLife
	for v := int64(2); v <= version; v++ {
		rows = append(rows[:len(rows):len(rows)], since[v]...)
	}
	for _, s := range rows {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("version %d: %v: %s", version, err, s)
		}
	}
	return path
}

// versions are those that a ledger ever had.
func versions(t *testing.T) (all []int64) {
	t.Helper()
	names, err := filepath.Glob("sqlite/migrations/*.sql")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		number, _, _ := strings.Cut(filepath.Base(name), "_")
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func TestALedgerOfEveryVersionIsReadAndGoneOnWith(t *testing.T) {
	t.Attr("fault", "machine: a newer bulkhead opens the ledger of any older one -> upgraded, all of it is there, exports go on, a copy from before is kept")
	latest, err := store.Latest()
	if err != nil || latest < 7 {
		t.Fatalf("the latest version is %d, %v", latest, err)
	}
	for _, version := range versions(t) {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			path := ledgerOf(t, version)
			s, err := store.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			upgraded(t, s, version)
			old := filepath.Join(filepath.Dir(path), fmt.Sprintf("ledger.schema-%d.db", version))
			if _, err := os.Stat(old); (err == nil) != (version < latest) {
				t.Errorf("the copy from before the upgrade: %v", err)
			}
			if left := leftovers(t, filepath.Dir(path)); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// upgraded looks whether a ledger says what the rows of its version do.
func upgraded(t *testing.T, s *store.Store, version int64) {
	t.Helper()
	ctx := t.Context()
	if v, err := s.Version(ctx); err != nil || v < 7 {
		t.Errorf("version %d, %v", v, err)
	}
	if faults, err := s.Faults(ctx); err != nil || len(faults) > 0 {
		t.Errorf("faults: %v, %v", faults, err)
	}
	states := map[string]life.State{}
	for _, tenant := range []string{"lakeside", "hillcrest"} {
		exports, err := s.In(tenant).AllExports(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range exports {
			states[x.ID] = x.State
			if x.Purpose != store.Delivery || len(x.Types) != 1 || len(x.Sinks) != 1 {
				t.Errorf("export %s: %+v", x.ID, x.Intent)
			}
		}
	}
	want := map[string]life.State{
		"20250101-020000-aaaaaaaa": life.Completed, "20250102-020000-bbbbbbbb": life.Polling,
		"20250101-020000-cccccccc": life.Failed, "20250102-020000-dddddddd": life.Downloading,
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	in := s.In("lakeside")
	files, err := in.Files(ctx, "20250101-020000-aaaaaaaa")
	if err != nil || len(files) != 1 || files[0].Lines != files[0].Delivered+files[0].Quarantined+files[0].Blank || files[0].SHA256 != "ab" {
		t.Errorf("files = %+v, %v", files, err)
	}
	if mark, ok, err := in.Watermark(ctx, "s1"); err != nil || !ok || mark.Since != "1970-01-01T00:00:01Z" {
		t.Errorf("watermark = %+v, %v, %v", mark, ok, err)
	}
	if done, err := in.Publications(ctx, "20250101-020000-aaaaaaaa"); err != nil || len(done) != 1 {
		t.Errorf("publications = %v, %v", done, err)
	}
	if n, err := in.Members(ctx, "s1"); err != nil || (n == 1) != (version >= 2) {
		t.Errorf("%d members, %v", n, err)
	}
	if lists, err := in.GroupLists(ctx, "s1", true, 9); err != nil || (len(lists) == 1) != (version >= 19) {
		t.Errorf("%d lists of the group, %v", len(lists), err)
	}
	if counted, err := s.DB().ExecContext(ctx, `UPDATE quality_count SET lines = 8 WHERE tenant_id = 'hillcrest' AND lines = 8 AND refused = 2 AND broken = 3 AND questions = 1 AND question = 'so few?'`); err != nil {
		t.Error(err)
	} else if n, err := counted.RowsAffected(); err != nil || (n == 1) != (version >= 7 && version < 18) {
		t.Errorf("%d summaries of before are counted, %v", n, err)
	}
	if asked, err := in.RequestsBelow(ctx, store.RequestPage{State: "polling", Most: 9}); err != nil || (len(asked) == 1) != (version >= 15) {
		t.Errorf("%d requests of other programs, %v", len(asked), err)
	}
	if log, err := in.Log(ctx, "20250101-020000-aaaaaaaa"); err != nil || (len(log) == 1) != (version >= 3) {
		t.Errorf("%d log items, %v", len(log), err)
	}
	if due, err := s.DueSchedules(ctx); err != nil || len(due) != 1 {
		t.Errorf("schedules = %v, %v", due, err)
	}
	if head, fault, err := s.AuditFaults(ctx, "lakeside", nil); err != nil || fault != nil || (head.Seq == 1) != (version >= 9) {
		t.Errorf("the record has %d rows, %v, %v", head.Seq, fault, err)
	}
	p, ok, err := s.Person(ctx, "anna")
	if err != nil || ok != (version >= 12) || ok && (p.PasswordHash != "x" || !p.PasswordUntil.IsZero() || p.Grants[len(p.Grants)-1].Role != "operator") {
		t.Errorf("anna is %+v, %v", p, err)
	}
	if pauses, err := s.Pauses(ctx); err != nil || (len(pauses) == 1) != (version >= 14) {
		t.Errorf("%d pauses, %v", len(pauses), err)
	}
	if open, err := s.OpenCircuits(ctx); err != nil || (len(open) == 1) != (version >= 14) {
		t.Errorf("%d circuits, %v", len(open), err)
	}
	goneOn(t, s)
}

// goneOn looks whether the exports that were under way have their steps, and
// can be taken, recorded and moved.
func goneOn(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	if _, err := s.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	steps, err := s.AllOpenSteps(ctx)
	if err != nil || len(steps) != 2 {
		t.Fatalf("steps = %+v, %v", steps, err)
	}
	for _, step := range steps {
		l, _, ok, err := s.Take(ctx, step.StepRef, "me")
		if err != nil || !ok || l.Epoch < 2 {
			t.Fatalf("take %s: %+v, %v, %v", step.Kind, l, ok, err)
		}
		err = s.In(l.Tenant).Do(ctx, func(tx *store.Tx) error {
			x, err := tx.Export(l.Export)
			if err != nil {
				return err
			}
			if err := tx.Finish(l); err != nil {
				return err
			}
			if l.Kind == "poll" {
				return tx.Move(&x, life.Listed)
			}
			return tx.SetFileStored(&x, store.File{Name: l.Subject, Bytes: 1, SHA256: "ef"})
		})
		if err != nil {
			t.Errorf("go on with %s: %v", l.Kind, err)
		}
	}
	if totals, err := s.In("hillcrest").FileTotals(ctx, "20250102-020000-dddddddd"); err != nil || totals.InRaw != 2 {
		t.Errorf("totals = %+v, %v", totals, err)
	}
}

func TestTheWayBackFromAnUpgradeIsTheCopyFromBefore(t *testing.T) {
	path := ledgerOf(t, 3)
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	copied := filepath.Join(filepath.Dir(path), "ledger.schema-3.db")
	r, err := store.Restore(t.Context(), copied, path)
	if err != nil || r.Schema != 3 || len(r.Forgotten) != 0 {
		t.Fatalf("restore the copy: %+v, %v", r, err)
	}
	s, err = store.Look(t.Context(), path) // and up again
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	upgraded(t, reopened(t, s, path), 3)
}

// reopened closes a ledger that was looked at and opens it to work on it.
func reopened(t *testing.T, looked *store.Store, path string) *store.Store {
	t.Helper()
	looked.Close()
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestANewerLedgerIsLeftAlone(t *testing.T) {
	t.Attr("fault", "machine: an older bulkhead is started on the ledger of a newer one -> refused, nothing is changed")
	latest, err := store.Latest()
	if err != nil {
		t.Fatal(err)
	}
	path := ledgerOf(t, latest)
	alter(t, path, fmt.Sprintf(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, 1)`, latest+1),
		`ALTER TABLE export ADD COLUMN of_the_future TEXT NOT NULL DEFAULT 'x'`)
	for name, open := range map[string]func() (*store.Store, error){
		"Open": func() (*store.Store, error) { return store.Open(t.Context(), path) },
		"Look": func() (*store.Store, error) { return store.Look(t.Context(), path) },
		"Join": func() (*store.Store, error) { return store.Join(t.Context(), path) },
	} {
		if s, err := open(); codeOf(err) != problem.LedgerNewer {
			t.Errorf("%s = %v, want ledger_newer", name, err)
			if err == nil {
				s.Close()
			}
		}
	}
	alter(t, path, `UPDATE export SET of_the_future = 'y'`)
}

func TestAnOlderLedgerThatIsHeldIsNotUpgradedBeneathItsHolder(t *testing.T) {
	path := ledgerOf(t, 3)
	latest := ledgerOf(t, 7)
	holder, err := store.Open(t.Context(), latest) // its lock file is what counts
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if err := os.Link(latest+".lock", path+".lock"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Look(t.Context(), path); codeOf(err) != problem.LedgerLocked {
		t.Errorf("Look = %v, want ledger_locked", err)
	}
}
