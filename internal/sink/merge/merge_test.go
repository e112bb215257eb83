//go:build cgo

package merge_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

func open(t *testing.T) *merge.Engine {
	t.Helper()
	e, err := merge.Open(t.Context(), merge.Options{TempDir: filepath.Join(t.TempDir(), "spill")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestErrorsNeverQuoteAValue(t *testing.T) { // I9
	e := open(t)
	for _, statement := range []string{
		"SELECT 'Canary Smith'::INTEGER",
		"SELECT 'Canary Smith'::DATE",
		"SELECT json('{Canary Smith')",
		"SELECT regexp_matches('Canary Smith', '(')",
		"CREATE TABLE t (x VARCHAR PRIMARY KEY); INSERT INTO t VALUES ('Canary Smith'), ('Canary Smith')",
	} {
		err := e.Exec(t.Context(), statement)
		if err == nil {
			t.Errorf("%s = nil, want an error", statement)
		} else if strings.Contains(err.Error(), "Smith") {
			t.Errorf("the error quotes a value: %v", err)
		}
	}
}

func TestErrorsOfFilesNameTheFile(t *testing.T) {
	err := open(t).Exec(t.Context(), "FROM read_parquet('/nowhere/x.parquet')")
	if err == nil || !strings.Contains(err.Error(), "/nowhere/x.parquet") {
		t.Errorf("Exec = %v, want the path", err)
	}
}

func TestAFullDiskIsAProblem(t *testing.T) {
	err := merge.Fault("write", fmt.Errorf("write x: %w", syscall.ENOSPC))
	if p := problem.Of(err); p.Code != problem.StorageFull {
		t.Errorf("problem %s, want %s", p.Code, problem.StorageFull)
	}
}

func TestTooLittleMemoryIsAProblemThatSaysSo(t *testing.T) {
	e, err := merge.Open(t.Context(), merge.Options{MemoryLimit: 8 << 20, TempDir: filepath.Join(t.TempDir(), "spill")})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	err = e.Exec(t.Context(), "CREATE TABLE t AS SELECT repeat(i::VARCHAR, 1000000) AS x FROM range(20) r(i)")
	if p := problem.Of(err); p == nil || p.Code != problem.SinkFailed {
		t.Errorf("Exec = %v, want a problem %s", err, problem.SinkFailed)
	}
}

func TestNothingIsDownloaded(t *testing.T) {
	e := open(t)
	for _, name := range []string{"autoinstall_known_extensions", "autoload_known_extensions"} {
		var on bool
		if err := e.Scan(t.Context(), "SELECT current_setting('"+name+"')", &on); err != nil || on {
			t.Errorf("%s = %v, %v, want false", name, on, err)
		}
	}
}

func TestCloseRemovesTheSpillFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spill")
	if err := os.MkdirAll(filepath.Join(dir, "left by a crash"), 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := merge.Open(t.Context(), merge.Options{TempDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the spill folder of a new engine has %d entries, %v", len(left), err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the spill folder is there after Close: %v", err)
	}
}

func TestAGateLetsOneEngineRunAtATime(t *testing.T) {
	gate := merge.NewGate(1)
	options := func() merge.Options { return merge.Options{TempDir: filepath.Join(t.TempDir(), "spill"), Gate: gate} }
	first, err := merge.Open(t.Context(), options())
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := merge.Open(ended, options()); !errors.Is(err, context.Canceled) {
		t.Errorf("second Open = %v, want %v", err, context.Canceled)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := merge.Open(t.Context(), options())
	if err != nil {
		t.Fatalf("Open after Close: %v", err)
	}
	second.Close()
}

func TestAnEngineThatDoesNotStartLeavesTheGate(t *testing.T) {
	gate := merge.NewGate(1)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := merge.Open(t.Context(), merge.Options{TempDir: filepath.Join(file, "spill"), Gate: gate}); err == nil {
			t.Error("Open = nil, want an error")
		}
	}
}

func TestWaitTriesUntilTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, tries := time.Now(), 0
		err := merge.Wait(t.Context(), time.Second, func() error { tries++; return merge.ErrLocked })
		if !errors.Is(err, merge.ErrLocked) || time.Since(start) > time.Second || time.Since(start) < 800*time.Millisecond {
			t.Errorf("Wait = %v after %v, want %v after about a second", err, time.Since(start), merge.ErrLocked)
		}
		if tries < 10 {
			t.Errorf("%d tries", tries)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := merge.Wait(ctx, time.Hour, func() error { return merge.ErrLocked }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait = %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

func TestLocksAreSharedOrExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	acquire := func(shared bool) (*merge.Lock, error) { return merge.Acquire(t.Context(), path, shared, 0) }
	one, err1 := acquire(true)
	two, err2 := acquire(true)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if _, err := acquire(false); !errors.Is(err, merge.ErrLocked) {
		t.Errorf("exclusive beside shared = %v, want %v", err, merge.ErrLocked)
	}
	if err := errors.Join(one.Release(), two.Release()); err != nil {
		t.Fatal(err)
	}
	alone, err := acquire(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := acquire(true); !errors.Is(err, merge.ErrLocked) {
		t.Errorf("shared beside exclusive = %v, want %v", err, merge.ErrLocked)
	}
	alone.Release()
}

func TestPathsMatchOnlyThemselves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's [a] *star*?")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	e := open(t)
	path := filepath.Join(dir, "x.parquet")
	if err := e.Exec(t.Context(), "COPY (SELECT 7 AS n) TO "+merge.Literal(path)+" (FORMAT parquet)"); err != nil {
		t.Fatal(err)
	}
	var n int
	columns := []table.Column{{Name: "n", Type: table.Int32}}
	if err := e.Scan(t.Context(), "SELECT n FROM "+merge.Parquet([]sink.File{{Path: path}}, columns), &n); err != nil || n != 7 {
		t.Errorf("n = %d, %v, want 7", n, err)
	}
}

func TestColumnsGrowAndNeverChangeTheirType(t *testing.T) {
	old := []table.Column{{Name: "a", Type: table.Text}, {Name: "b", Type: table.Date}}
	got, err := merge.Columns("t", old, []table.Column{{Name: "c", Type: table.Boolean}, {Name: "A", Type: table.Text}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append(old, table.Column{Name: "c", Type: table.Boolean}), got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	_, err = merge.Columns("t", old, []table.Column{{Name: "b", Type: table.Text}})
	if p := problem.Of(err); p == nil || p.Code != problem.SinkFailed {
		t.Errorf("Columns = %v, want a problem %s", err, problem.SinkFailed)
	}
}

func TestDeliveriesThatCannotBeTablesAreRefused(t *testing.T) {
	with := func(change func(*sink.Delivery)) sink.Delivery {
		d := sink.Delivery{Tenant: "north", Export: "e1", Tables: []sink.Table{{Table: table.Resource}}}
		change(&d)
		return d
	}
	if err := merge.Check(with(func(*sink.Delivery) {})); err != nil {
		t.Errorf("Check = %v", err)
	}
	for name, change := range map[string]func(*sink.Delivery){
		"no tenant":      func(d *sink.Delivery) { d.Tenant = "" },
		"no export":      func(d *sink.Delivery) { d.Export = "" },
		"table twice":    func(d *sink.Delivery) { d.Tables = append(d.Tables, d.Tables[0]) },
		"missing column": func(d *sink.Delivery) { d.Tables[0].Columns = table.Resource.Columns[1:] },
		"unknown type": func(d *sink.Delivery) {
			d.Tables[0].Columns = append(table.Resource.Columns[:9:9], table.Column{Name: "x"})
		},
		"same name in another case": func(d *sink.Delivery) {
			d.Tables[0].Columns = append(table.Resource.Columns[:9:9], table.Column{Name: "ID", Type: table.Text})
		},
	} {
		if err := merge.Check(with(change)); err == nil {
			t.Errorf("%s: Check = nil, want an error", name)
		}
	}
}
