package export

import (
	"context"
	"fmt"
	"sync"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	// UnitFiles is how many small files a step has in hand at most.
	UnitFiles = 64
	// UnitBytes is how many bytes of NDJSON they have together, about.
	UnitBytes = 8 << 20
	// SmallBytes is the size from which on a file has a step of its own.
	SmallBytes = 1 << 20
)

// An arrival is a file whose bytes are all there and as they should be, and
// which is not durable yet.
type arrival struct {
	file  store.File
	out   *blob.Writer
	notes []Note
}

// bring has the files of a unit brought into raw by one, which gets each in
// turn with the step as it is for a step of this file alone. While a file is
// awaited, those before it become durable (I3). The first file that cannot be
// had ends the step; so does more text than a unit should have.
func bring(ctx context.Context, w Work, files []store.File, one func(ctx context.Context, w Work, file store.File) (*arrival, error)) (Outcome, error) {
	var (
		c    commits
		done Stored
		size int64
		err  error
	)
	for _, file := range files {
		if file.Name != w.Lease.Subject {
			w.Lease.Subject, w.Lease.Attempt = file.Name, 0
		}
		var a *arrival
		if a, err = one(ctx, w, file); err != nil {
			done.At = file.Name
			break
		}
		c.begin(a)
		if size += a.file.Bytes; size > UnitBytes {
			break
		}
	}
	if failed := c.wait(&done); failed != nil {
		err = failed
	}
	return done, err
}

// unit gives the files that the step has in hand. After a failure, which may
// have been the end of the process, it is the first only: so the one to blame
// is found.
func (s *Steps) unit(ctx context.Context, w Work, state string) ([]store.File, error) {
	files, err := s.Store.In(w.Export.Tenant).Unit(ctx, w.Export.ID, w.Lease.Subject, state)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("step %s has no output file %s in hand", w.Lease.Kind, w.Lease.Subject)
	}
	if w.Lease.Attempt > 0 {
		files = files[:min(len(files), 1)]
	}
	return files, err
}

// commits make files durable side by side: each waits for the disk, and the
// disk can answer them together.
type commits struct {
	all  sync.WaitGroup
	list []*commit
}

type commit struct {
	*arrival
	err error
}

func (c *commits) begin(a *arrival) {
	of := &commit{arrival: a}
	c.list = append(c.list, of)
	c.all.Go(func() { of.err = of.out.Commit() }) // I3
}

// wait adds to done the files that are durable, and gives the error of the
// first that is not.
func (c *commits) wait(done *Stored) (err error) {
	c.all.Wait()
	for _, of := range c.list {
		switch {
		case of.err == nil:
			done.Files, done.Notes = append(done.Files, of.file), append(done.Notes, of.notes...)
		case err == nil:
			done.At, err = of.file.Name, of.err
		}
	}
	return err
}
