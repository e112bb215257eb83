package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func openLedger(t *testing.T) (*store.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state", "ledger.db")
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.PutTenants(t.Context(), []store.Tenant{
		{ID: "lakeside", Name: "Lakeside", Registration: "ecw", ClientID: "c1", FHIRBaseURL: "https://ehr.example/LAKESD"},
		{ID: "hillcrest", Name: "Hillcrest", Registration: "ecw", ClientID: "c1", FHIRBaseURL: "https://ehr.example/HILLCR"},
	}); err != nil {
		t.Fatal(err)
	}
	return s, path
}

func codeOf(err error) problem.Code {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p.Code
	}
	return ""
}

func request(t *testing.T, s *store.Store, tenant string) store.Export {
	t.Helper()
	var x store.Export
	err := s.In(tenant).Do(t.Context(), func(tx *store.Tx) error {
		id, err := tx.Request(store.Intent{
			Stream: "s", Registration: "ecw", Endpoint: "https://ehr.example/" + tenant, Level: "group", Group: "g",
			Types: []string{"Patient"}, Mode: "full", Sinks: []string{"tables"}, RequestedBy: "test",
		})
		if err != nil {
			return err
		}
		x, err = tx.Export(id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestALedgerHasOneHolderAndTellsWho(t *testing.T) {
	t.Attr("fault", "machine: a second process opens the ledger -> ledger_locked, which names the first")
	s, path := openLedger(t)
	_, err := store.Open(t.Context(), path)
	if codeOf(err) != problem.LedgerLocked {
		t.Fatalf("second Open = %v, want ledger_locked", err)
	}
	look, err := store.Look(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	if tenants, err := look.Tenants(t.Context()); err != nil || len(tenants) != 2 {
		t.Errorf("beside the holder: %d tenants, %v", len(tenants), err)
	}
	if err := look.PutTenants(t.Context(), nil); err == nil {
		t.Error("a ledger that is only looked at was written")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatalf("Open after Close = %v", err)
	}
	again.Close()
}

func TestALedgerIsForItsOwnerOnly(t *testing.T) {
	_, path := openLedger(t)
	for _, name := range []string{path, path + ".lock"} {
		fi, err := os.Stat(name)
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v, want 0600", filepath.Base(name), fi.Mode().Perm(), err)
		}
	}
}

func TestALedgerThatCannotBeUsedSaysWhy(t *testing.T) {
	t.Attr("fault", "machine: the ledger is damaged, from a newer version, or in a folder that cannot be written -> a problem of its own for each, and the ledger stays as it is")
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("this is no database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "newer.db")
	s, err := store.Open(t.Context(), newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB().Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	s.Close()
	blocked := filepath.Join(dir, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]problem.Code{
		garbage:                               problem.LedgerDamaged,
		newer:                                 problem.LedgerNewer,
		filepath.Join(blocked, "sub", "l.db"): problem.StorageUnwritable,
	} {
		if s, err := store.Open(t.Context(), path); codeOf(err) != want {
			t.Errorf("Open(%s) = %v, want the problem %s", filepath.Base(path), err, want)
			if err == nil {
				s.Close()
			}
		}
	}
	if _, err := store.Look(t.Context(), filepath.Join(dir, "none.db")); codeOf(err) != problem.ConfigMissing {
		t.Errorf("Look without a ledger = %v", err)
	}
}

func TestTheStatusViewHasTheColumnsOfTheUsualTable(t *testing.T) {
	s, _ := openLedger(t)
	x := request(t, s, "lakeside")
	err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		if err := tx.SetProblem(&x, problem.New(problem.ServerFailing, "it fails", "Ask.")); err != nil {
			return err
		}
		return tx.Move(&x, life.Refuse)
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.DB().Query(`SELECT * FROM tenant_export_status ORDER BY tenant_id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	want := []string{"tenant_id", "last_export_time", "last_export_status", "fhir_base_url", "client_id", "polling_url", "retry_count", "error_state"}
	if diff := cmp.Diff(want, columns); diff != "" {
		t.Error(diff)
	}
	var got [][2]string
	for rows.Next() {
		var tenant, base, client string
		var time, status, url, problem sql.NullString
		var retries int
		if err := rows.Scan(&tenant, &time, &status, &base, &client, &url, &retries, &problem); err != nil {
			t.Fatal(err)
		}
		got = append(got, [2]string{tenant, status.String + " " + problem.String})
	}
	if diff := cmp.Diff([][2]string{{"hillcrest", " "}, {"lakeside", "failed it fails"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAStepThatWasTakenOverIsFenced(t *testing.T) {
	t.Attr("fault", "step: a paused process wakes up when another has its step -> what it would record is refused")
	s, _ := openLedger(t)
	var ref store.StepRef
	s.Bind(func(_ context.Context, _ *sql.Tx, steps []store.StepRef) error { ref = steps[0]; return nil })
	x := request(t, s, "lakeside")
	if err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error { return tx.AddStep(x.ID, "poll", "", time.Now()) }); err != nil {
		t.Fatal(err)
	}
	first, _, ok, err := s.Take(t.Context(), ref, "paused")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	second, _, ok, err := s.Take(t.Context(), ref, "successor")
	if err != nil || !ok || second.Epoch != first.Epoch+1 {
		t.Fatalf("second lease %+v, %v, %v", second, ok, err)
	}
	in := s.In("lakeside")
	for name, write := range map[string]func(tx *store.Tx) error{
		"hold":     func(tx *store.Tx) error { return tx.Hold(first) },
		"finish":   func(tx *store.Tx) error { return tx.Finish(first) },
		"postpone": func(tx *store.Tx) error { return tx.Postpone(first, time.Now(), 1) },
	} {
		if err := in.Do(t.Context(), write); !errors.Is(err, store.ErrFenced) {
			t.Errorf("%s by the paused runner = %v, want ErrFenced", name, err)
		}
	}
	if err := in.Do(t.Context(), func(tx *store.Tx) error { return tx.Finish(second) }); err != nil {
		t.Errorf("finish by the successor = %v", err)
	}
	if _, _, ok, err := s.Take(t.Context(), ref, "late"); ok || err != nil {
		t.Errorf("a step that is done was taken: %v, %v", ok, err)
	}
}

func TestAnExportMovesOnlyFromTheStateItWasReadIn(t *testing.T) {
	s, _ := openLedger(t)
	x := request(t, s, "lakeside")
	stale := x
	in := s.In("lakeside")
	if err := in.Do(t.Context(), func(tx *store.Tx) error { return tx.Move(&x, life.Admit) }); err != nil {
		t.Fatal(err)
	}
	if err := in.Do(t.Context(), func(tx *store.Tx) error { return tx.Move(&stale, life.Cancel) }); !errors.Is(err, store.ErrFenced) {
		t.Errorf("move from a stale state = %v, want ErrFenced", err)
	}
	if err := s.In("hillcrest").Do(t.Context(), func(tx *store.Tx) error { return tx.Move(&x, life.Cancel) }); !errors.Is(err, store.ErrFenced) {
		t.Errorf("move by another tenant = %v, want ErrFenced", err)
	}
}

func TestAnotherStreamIsOneOfOtherPatientsThatMayHaveReachedASink(t *testing.T) {
	s, _ := openLedger(t)
	made := func(group, of string, events ...life.Event) store.Export {
		var x store.Export
		err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
			id, err := tx.Request(store.Intent{Stream: group + of, Endpoint: "e", Level: "group", Group: group, Types: []string{of}, Mode: "full"})
			if err != nil {
				return err
			}
			if x, err = tx.Export(id); err != nil {
				return err
			}
			for _, e := range events {
				if e == life.Refuse {
					if err := tx.SetProblem(&x, problem.New(problem.SinkFailed, "full", "Ask.")); err != nil {
						return err
					}
				}
				if err := tx.Move(&x, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	published := []life.Event{life.Admit, life.Accepted, life.Listed, life.Stored, life.Ingested}
	made("g1", "Condition", append(published, life.Complete)...)
	made("g2", "Goal", life.Admit, life.Refuse)
	made("g2", "Media", append(published, life.Refuse)...)
	made("g2", "Device", append(published, life.Complete)...)
	x := made("g1", "Patient")
	types, err := s.In("lakeside").OtherStreams(t.Context(), x)
	slices.Sort(types)
	if diff := cmp.Diff([]string{`["Device"]`, `["Media"]`}, types); err != nil || diff != "" {
		t.Errorf("other streams: %v %s", err, diff)
	}
}

func TestTheIntentOfAKickoffIsWrittenOnce(t *testing.T) {
	t.Attr("fault", "step: two runners are about to send the same kick-off -> one may")
	s, _ := openLedger(t)
	x := request(t, s, "lakeside")
	in := s.In("lakeside")
	intend := func() error {
		return in.Do(t.Context(), func(tx *store.Tx) error { return tx.SetKickoffIntent(&x) })
	}
	if err := in.Do(t.Context(), func(tx *store.Tx) error { return tx.Move(&x, life.Admit) }); err != nil {
		t.Fatal(err)
	}
	if err := intend(); err != nil {
		t.Fatal(err)
	}
	if err := intend(); !errors.Is(err, store.ErrFenced) {
		t.Errorf("second intent = %v, want ErrFenced", err)
	}
}

func TestRequestsAreCountedByClockMinute(t *testing.T) {
	s, _ := openLedger(t)
	in := s.In("lakeside")
	minute := time.Now().Truncate(time.Minute)
	granted := 0
	for range 5 {
		ok, next, err := in.TakeRequest(t.Context(), "e", 3)
		if err != nil || !next.After(time.Now()) {
			t.Fatal(next, err)
		}
		if ok {
			granted++
		}
	}
	if granted != 3 && time.Now().Truncate(time.Minute).Equal(minute) {
		t.Errorf("%d of 5 requests were granted, the limit is 3", granted)
	}
	if n, err := in.Spent(t.Context(), "e"); err != nil || n != 5 && time.Now().Truncate(time.Minute).Equal(minute) {
		t.Errorf("%d requests are counted as spent, want 5; %v", n, err)
	}
	if n, err := s.In("hillcrest").Spent(t.Context(), "e"); err != nil || n != 0 {
		t.Errorf("another practice has spent %d requests; %v", n, err)
	}
	if ok, _, err := s.In("hillcrest").TakeRequest(t.Context(), "e", 3); err != nil || !ok {
		t.Errorf("another practice's window is spent as well: %v, %v", ok, err)
	}
	if err := s.In("hillcrest").FillWindow(t.Context(), "e", 3); err != nil {
		t.Fatal(err)
	}
	if ok, _, _ := s.In("hillcrest").TakeRequest(t.Context(), "e", 3); ok && time.Now().Truncate(time.Minute).Equal(minute) {
		t.Error("a window that the server closed granted a request")
	}
}

func TestARequestIsCountedInTheMinuteInWhichItLeaves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		other, err := s.DB().Begin() // somebody writes
		if err != nil {
			t.Fatal(err)
		}
		var counting sync.WaitGroup
		counting.Go(func() {
			if _, next, err := s.In("lakeside").TakeRequest(t.Context(), "e", 3); err != nil || !next.After(time.Now()) {
				t.Errorf("at %v the window that was counted in ended at %v, %v", time.Now(), next, err)
			}
		})
		<-time.After(90 * time.Second) // of the bubble's time
		if err := other.Rollback(); err != nil {
			t.Fatal(err)
		}
		counting.Wait()
	})
}

func TestTenantsThatAreNoLongerConfiguredAreFrozen(t *testing.T) {
	s, _ := openLedger(t)
	if err := s.PutTenants(t.Context(), []store.Tenant{{ID: "lakeside", Name: "Lakeside"}}); err != nil {
		t.Fatal(err)
	}
	tenants, err := s.Tenants(t.Context())
	if err != nil || len(tenants) != 2 || !tenants[0].Frozen || tenants[1].Frozen {
		t.Errorf("tenants = %+v, %v", tenants, err)
	}
	if err := s.PutTenants(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if tenants, err := s.Tenants(t.Context()); err != nil || !tenants[1].Frozen {
		t.Errorf("the last one is not frozen: %+v, %v", tenants, err)
	}
}

func TestAClockThatWasAheadLeavesTheLimitInForce(t *testing.T) {
	t.Attr("fault", "machine: the clock was ahead and is set back -> the limit of requests in a minute stays in force")
	s, _ := openLedger(t)
	ahead := time.Now().Add(24*time.Hour).Unix() / 60
	if _, err := s.DB().Exec(`INSERT INTO rate_window (tenant_id, endpoint, minute, requests) VALUES ('lakeside', 'e', ?, 1)`, ahead); err != nil {
		t.Fatal(err)
	}
	minute := time.Now().Truncate(time.Minute)
	granted := 0
	for range 5 {
		if ok, _, err := s.In("lakeside").TakeRequest(t.Context(), "e", 3); err != nil {
			t.Fatal(err)
		} else if ok {
			granted++
		}
	}
	if granted != 3 && time.Now().Truncate(time.Minute).Equal(minute) {
		t.Errorf("%d of 5 requests were granted, the limit is 3", granted)
	}
}
