package export

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// unitFrom gives the download step of n files at a server, /file/0 and so on.
func unitFrom(t *testing.T, server *httptest.Server, n int) (Work, *Steps) {
	t.Helper()
	w, s := downloadFrom(t, server, "/file/0")
	var files []store.File
	var names []string
	for i := range n {
		name := fmt.Sprintf("0-output-%d-Provenance", i)
		names = append(names, name)
		files = append(files, store.File{
			Name: name, Position: int64(i), Section: "output", ResourceType: "Provenance", URL: fmt.Sprintf("%s/file/%d", server.URL, i), Expected: -1,
		})
	}
	err := s.Store.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		if err := tx.ListFiles(&w.Export, 0, files); err != nil {
			return err
		}
		return tx.StartFiles(&w.Export, names)
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, s
}

// stored gives what a unit has come to: the numbers of the files that are here
// and of the one at which it stopped.
func stored(t *testing.T, o Outcome) (here []string, at string) {
	t.Helper()
	of, ok := o.(Stored)
	if !ok {
		t.Fatalf("outcome %T", o)
	}
	number := func(name string) string { return strings.Split(name+"---", "-")[2] }
	for _, f := range of.Files {
		here = append(here, number(f.Name))
	}
	return here, number(of.At)
}

// small is a server of small files; answer may give another answer for one.
func small(t *testing.T, answer func(w http.ResponseWriter, number string) bool) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+ndjson")
		if !answer(w, strings.TrimPrefix(r.URL.Path, "/file/")) {
			io.WriteString(w, provenance[:400])
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestAUnitStopsAtTheFileThatCannotBeHadAndKeepsThoseBefore(t *testing.T) {
	t.Attr("fault", "step: one of several small files cannot be had -> those before it are kept, it waits or fails alone, the others are asked for anew")
	for name, c := range map[string]struct {
		status int
		header string
		is     func(error) bool
	}{
		"put off":   {http.StatusTooManyRequests, "60", isLater},
		"failing":   {http.StatusServiceUnavailable, "", func(err error) bool { return problem.Of(err).Code == problem.Internal && !isLater(err) }},
		"not there": {http.StatusNotFound, "", func(err error) bool { return problem.Of(err).Code.Kind() == problem.DownloadFailed.Kind() }},
	} {
		t.Run(name, func(t *testing.T) {
			asked := atomic.Int64{}
			server := small(t, func(w http.ResponseWriter, number string) bool {
				if asked.Add(1); number != "2" {
					return false
				}
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				return true
			})
			w, s := unitFrom(t, server, 5)
			outcome, err := s.Run(t.Context(), w)
			here, at := stored(t, outcome)
			if diff := cmp.Diff([]string{"0", "1"}, here); diff != "" || at != "2" || !c.is(err) {
				t.Errorf("here %v, stopped at %q: %v", here, at, err)
			}
			if n := asked.Load(); n < 3 || name != "not there" && n != 3 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestAUnitThatHasTroubleWithTheDiskKeepsWhatIsDurable(t *testing.T) {
	t.Attr("fault", "machine: the disk is full while one of several small files becomes durable -> the others are kept")
	w, s := unitFrom(t, small(t, func(http.ResponseWriter, string) bool { return false }), 4)
	full := atomic.Int64{}
	s.Files.Watch(func(name string) error {
		if name == "raw: before sync" && full.Add(1) == 2 {
			return syscall.ENOSPC
		}
		return nil
	})
	outcome, err := s.Run(t.Context(), w)
	here, at := stored(t, outcome)
	if len(here) != 3 || at == "" || problem.Of(err).Code != problem.StorageFull {
		t.Errorf("here %v, stopped at %q: %v", here, at, err)
	}
	scope, err := s.Files.Tenant("lakeside")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range scope.List(t.Context(), blob.Raw, w.Export.ID) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if temps, err := s.Files.Temps(); n != 3 || len(temps) > 0 || err != nil {
		t.Errorf("%d files in raw, half-written %v, %v", n, temps, err)
	}
}

func TestAUnitThatTurnsOutLargeEndsEarly(t *testing.T) {
	large := strings.Repeat(provenance, 5<<20/len(provenance))
	w, s := unitFrom(t, small(t, func(w http.ResponseWriter, _ string) bool {
		io.WriteString(w, large)
		return true
	}), 5)
	outcome, err := s.Run(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if here, at := stored(t, outcome); len(here) != 2 || at != "" {
		t.Errorf("here %v, stopped at %q; want two files of 5 MB", here, at)
	}
}

func TestAfterAFailureAUnitIsItsFirstFile(t *testing.T) {
	t.Attr("fault", "machine: the process dies again and again while it has several small files in hand -> they are taken one by one, so that one is blamed")
	w, s := unitFrom(t, small(t, func(http.ResponseWriter, string) bool { return false }), 5)
	w.Lease.Attempt = 1
	outcome, err := s.Run(t.Context(), w)
	if here, _ := stored(t, outcome); err != nil || !cmp.Equal(here, []string{"0"}) {
		t.Errorf("here %v, %v", here, err)
	}
}

func TestAStepWhoseFilesAreNoLongerInHandDoesNothing(t *testing.T) {
	server := small(t, func(http.ResponseWriter, string) bool {
		t.Error("a file was asked for")
		return false
	})
	w, s := unitFrom(t, server, 2)
	err := s.Store.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		return tx.LeaveFiles(&w.Export, w.Lease.Subject, store.FileDownloading, false)
	})
	if err != nil {
		t.Fatal(err)
	}
	if outcome, err := s.Run(t.Context(), w); err == nil || errors.Is(err, store.ErrFenced) {
		t.Errorf("outcome %+v, %v", outcome, err)
	}
}
