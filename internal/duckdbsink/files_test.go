//go:build cgo

package duckdbsink_test

import (
	"bufio"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/duckdbsink"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func TestFilesAreTheOwnersAlone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "tables")
	s, err := duckdbsink.Open(duckdbsink.Options{Path: filepath.Join(folder, "current.duckdb")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), empty("e1")); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range list {
		names = append(names, entry.Name())
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v, want 0600", entry.Name(), info.Mode(), err)
		}
	}
	if got, want := strings.Join(names, " "), "current.duckdb current.duckdb.lock"; got != want {
		t.Errorf("left after a publication: %s, want %s", got, want)
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: mode %v, %v, want 0700", info.Mode(), err)
	}
}

func TestAProcessThatDiesWhileItMakesTheFileLeavesNoneThatIsHalf(t *testing.T) {
	t.Attr("fault", "machine: the process dies while the DuckDB file is made -> no file, or a whole one; the next process makes it")
	path := filepath.Join(t.TempDir(), "current.duckdb")
	died := errors.New("died")
	dying, err := duckdbsink.Open(duckdbsink.Options{Path: path, Point: func(name string) error {
		if name == "duckdb: made" {
			return died
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dying.Publish(t.Context(), empty("e1")); !errors.Is(err, died) {
		t.Fatalf("Publish = %v, want %v", err, died)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
	if err := os.WriteFile(path+".next", []byte("half a data"), 0o600); err != nil { // as a killed process may leave it
		t.Fatal(err)
	}
	s, err := duckdbsink.Open(duckdbsink.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), empty("e1")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".next"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was half made is left: %v", err)
	}
}

func TestAFolderThatCannotBeMadeIsAProblem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := duckdbsink.Open(duckdbsink.Options{Path: filepath.Join(file, "current.duckdb")})
	if p := problem.Of(err); p == nil || p.Code != problem.StorageUnwritable {
		t.Errorf("Open = %v, want a problem %s", err, problem.StorageUnwritable)
	}
}

func TestAFileThatIsNoDatabaseIsRefusedAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "current.duckdb")
	text := strings.Repeat("this is somebody's letter\n", 1000)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := duckdbsink.Open(duckdbsink.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), empty("e1")); problem.Of(err) == nil || problem.Of(err).Code != problem.StorageDamaged {
		t.Errorf("Publish = %v, want a problem %s", err, problem.StorageDamaged)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("the file was changed, or %v", err)
	}
}

// holdOpen names the database that a child process of the test holds open.
const holdOpen = "BULKHEAD_TEST_HOLD_OPEN"

// TestMain lets the test binary be the other program that has the file open.
func TestMain(m *testing.M) {
	path := os.Getenv(holdOpen)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := hold(path); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

func TestAnotherProgramThatHoldsTheFileIsAProblem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "current.duckdb")
	s, err := duckdbsink.Open(duckdbsink.Options{Path: path, LockWait: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), empty("e1")); err != nil {
		t.Fatal(err)
	}
	other := exec.CommandContext(t.Context(), os.Args[0])
	other.Env = append(os.Environ(), holdOpen+"="+path)
	stdin, err1 := other.StdinPipe()
	stdout, err2 := other.StdoutPipe()
	if err := errors.Join(err1, err2, other.Start()); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("the other program: %q, %v", line, err)
	}
	_, err = s.Publish(t.Context(), empty("e2"))
	if p := problem.Of(err); p == nil || p.Code != problem.SinkFailed {
		t.Errorf("Publish = %v, want a problem %s", err, problem.SinkFailed)
	}
	if err := errors.Join(stdin.Close(), other.Wait()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), empty("e2")); err != nil {
		t.Errorf("Publish after the other program ended: %v", err)
	}
}

func TestAFileOfAVersionWithoutPartialResourcesIsTakenOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "current.duckdb")
	s, err := duckdbsink.Open(duckdbsink.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), empty("e1")); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "ALTER TABLE _bulkhead_resource DROP COLUMN partial")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), empty("e2")); err != nil {
		t.Errorf("Publish into the older file: %v", err)
	}
}
