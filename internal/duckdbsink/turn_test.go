//go:build cgo

package duckdbsink_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/duckdbsink"
)

// A queue is a sink whose first publication stays where it has written and not
// committed, until those behind it are in order.
type queue struct {
	*testing.T
	path    string
	sink    *duckdbsink.Sink
	applied chan error // what a publication that has written is told
	at      chan string

	mu        sync.Mutex
	published map[string]time.Time
	failed    map[string]error
	all       sync.WaitGroup
}

func newQueue(t *testing.T) *queue {
	q := &queue{
		T: t, path: filepath.Join(t.TempDir(), "current.duckdb"), applied: make(chan error), at: make(chan string, 100),
		published: map[string]time.Time{}, failed: map[string]error{},
	}
	s, err := duckdbsink.Open(duckdbsink.Options{Path: q.path, Point: func(name string) error {
		if name == "duckdb: attached" {
			if _, err := os.Stat(q.path + ".wal"); err == nil {
				name += ", shared"
			}
		}
		q.at <- name
		if name == "duckdb: applied" {
			return <-q.applied
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	q.sink = s
	return q
}

// comes starts the publication of an export and returns once it waits in turn.
func (q *queue) comes(ctx context.Context, export string) {
	before := q.sink.Waiting()
	q.all.Go(func() {
		r, err := q.sink.Publish(ctx, empty(export))
		q.mu.Lock()
		defer q.mu.Unlock()
		if err != nil {
			q.failed[export] = err
			return
		}
		q.published[export] = r.PublishedAt
	})
	for q.sink.Waiting() == before && q.Context().Err() == nil {
		runtime.Gosched()
	}
}

// first starts the publication that the others wait for.
func (q *queue) first(export string) {
	q.all.Go(func() {
		if _, err := q.sink.Publish(q.Context(), empty(export)); err != nil {
			q.Errorf("Publish(%s) = %v", export, err)
		}
	})
	q.reaches("duckdb: applied")
}

// reaches returns what was reached up to a moment.
func (q *queue) reaches(name string) (on []string) {
	q.Helper()
	for {
		select {
		case at := <-q.at:
			if on = append(on, at); at == name {
				return on
			}
		case <-q.Context().Done():
			q.Fatalf("%s was not reached, but %v", name, on)
		}
	}
}

func (q *queue) order() []string {
	var list []string
	for export := range q.published {
		list = append(list, export)
	}
	slices.SortFunc(list, func(a, b string) int { return q.published[a].Compare(q.published[b]) })
	return list
}

func TestPublicationsThatWaitShareAnOpeningInTheOrderTheyCame(t *testing.T) {
	q := newQueue(t)
	q.first("e1")
	leaves, leave := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	q.comes(t.Context(), "e2")
	q.comes(leaves, "e3")
	q.comes(t.Context(), "e4")
	leave(gone)
	for q.sink.Waiting() == 3 {
		runtime.Gosched()
	}
	for range 3 {
		q.applied <- nil
	}
	q.all.Wait()
	if diff := cmp.Diff([]string{"e2", "e4"}, q.order()); diff != "" || !errors.Is(q.failed["e3"], gone) {
		t.Errorf("published (-want +got):\n%s\nfailed: %v", diff, q.failed)
	}
	shared := 0
	close(q.at)
	for at := range q.at {
		if at == "duckdb: attached, shared" {
			shared++
		}
	}
	if shared != 2 {
		t.Errorf("%d publications found the file open, want the two that waited", shared)
	}
	if _, err := os.Stat(q.path + ".wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("when nobody publishes the write-ahead log is left: %v", err)
	}
	rows, err := q.sink.Query(t.Context(), "SELECT count(*) FROM _bulkhead_publication")
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range rows.All() {
		if err != nil || row[0] != int64(3) {
			t.Errorf("publications in the file: %v, %v, want 3", row, err)
		}
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
}

func TestAPublicationThatFailsLeavesTheNextAFileOfItsOwn(t *testing.T) {
	q := newQueue(t)
	q.first("e1")
	q.comes(t.Context(), "e2")
	q.comes(t.Context(), "e3")
	q.applied <- nil
	q.reaches("duckdb: attached, shared")
	broken := errors.New("broken")
	q.applied <- broken
	on := q.reaches("duckdb: attached")
	q.applied <- nil
	q.all.Wait()
	if diff := cmp.Diff([]string{"e3"}, q.order()); diff != "" || !errors.Is(q.failed["e2"], broken) {
		t.Errorf("published (-want +got):\n%s\nfailed: %v, moments %v", diff, q.failed, on)
	}
}
