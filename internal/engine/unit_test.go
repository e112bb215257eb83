package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A shelf is a server of small files: steps get what they have in hand of it.
type shelf struct {
	*bench
	mu     sync.Mutex
	given  map[string]int          // how often each file was given
	refuse func(file string) error // why one is not
}

// newShelf scripts the steps that have files in hand, each file of size bytes.
func newShelf(t *testing.T, files int, size int64) *shelf {
	s := newScript(files)
	h := &shelf{given: map[string]int{}, refuse: func(string) error { return nil }}
	s.on[export.Download] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		o := export.Stored{}
		for _, f := range h.inHand(ctx, w, store.FileDownloading) {
			h.mu.Lock()
			err := h.refuse(f.Name)
			if err == nil {
				h.given[f.Name]++
			}
			h.mu.Unlock()
			if err != nil {
				o.At = f.Name
				return o, err
			}
			f.Bytes, f.SHA256 = size, "00"
			o.Files = append(o.Files, f)
		}
		return o, nil
	}
	s.on[export.Ingest] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		o := export.Staged{Tables: []ingest.TableParts{{Name: "patient", Rows: 1, Parts: []ingest.Part{{Key: "staged/of", Rows: 1}}}}}
		for _, f := range h.inHand(ctx, w, store.FileIngesting) {
			o.Files = append(o.Files, export.StagedFile{Summary: ingest.Summary{File: f.Name, Lines: 3, Delivered: 2, Blank: 1}})
		}
		return o, nil
	}
	h.bench = newBench(t, s)
	return h
}

func (h *shelf) inHand(ctx context.Context, w export.Work, state string) []store.File {
	files, err := h.store.In(w.Lease.Tenant).Unit(ctx, w.Export.ID, w.Lease.Subject, state)
	if err != nil {
		h.t.Error(err)
	}
	return files
}

// check demands that an export has all its files, each given once.
func (h *shelf) check(id string, n int) (units map[string]int) {
	h.t.Helper()
	files, err := h.store.In("lakeside").Files(h.t.Context(), id)
	if err != nil || len(files) != n {
		h.t.Fatalf("%d files, %v", len(files), err)
	}
	units = map[string]int{}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range files {
		units[f.Unit]++
		if f.State != store.FileIngested || f.Lines != 3 || h.given[f.Name] != 1 {
			h.t.Errorf("file %s is %s with %d lines, and was given %d times", f.Name, f.State, f.Lines, h.given[f.Name])
		}
	}
	return units
}

func TestSmallFilesShareSteps(t *testing.T) {
	const files = 60
	h := newShelf(t, files, 1000)
	id := h.request("lakeside", export.Wish{})
	h.wait("lakeside", id, life.Completed)
	units := h.check(id, files)
	if n := h.steps.count("lakeside download"); n > 10 {
		t.Errorf("%d download steps for %d small files", n, files)
	}
	if n := h.steps.count("lakeside ingest"); n > 12 || n != len(units) {
		t.Errorf("%d ingest steps in %d units", n, len(units))
	}
	parts, err := h.store.In("lakeside").Parts(t.Context(), id)
	if err != nil || len(parts) != len(units) {
		t.Errorf("%d parts of %d units, %v", len(parts), len(units), err)
	}
}

func TestALargeFileHasAStepOfItsOwn(t *testing.T) {
	h := newShelf(t, 9, export.SmallBytes)
	id := h.request("lakeside", export.Wish{})
	h.wait("lakeside", id, life.Completed)
	if units := h.check(id, 9); len(units) != 9 || h.steps.count("lakeside download") != 9 || h.steps.count("lakeside ingest") != 9 {
		t.Errorf("units %v", units)
	}
}

func TestAFileThatFailsAmongOthersFailsAlone(t *testing.T) {
	t.Attr("fault", "step: one of 40 small files cannot be had -> only it fails; resumed, only it is asked for")
	const files = 40
	h := newShelf(t, files, 1000)
	bad := "0-output-O-Patient" // the 32nd
	h.refuse = func(file string) error {
		if file == bad {
			return problem.New(problem.DownloadFailed, "file: the server answered 404", "Ask.")
		}
		return nil
	}
	id := h.request("lakeside", export.Wish{})
	x := h.wait("lakeside", id, life.Failed)
	if want := "1 of 40 output files"; !strings.Contains(x.ProblemSummary, want) {
		t.Errorf("problem %q, want %q in it", x.ProblemSummary, want)
	}
	h.mu.Lock()
	h.refuse = func(string) error { return nil }
	h.mu.Unlock()
	if err := h.Resume(t.Context(), "lakeside", id); err != nil {
		t.Fatal(err)
	}
	h.wait("lakeside", id, life.Completed)
	h.check(id, files)
}

func TestAFileThatMustWaitKeepsNoOtherWaiting(t *testing.T) {
	t.Attr("fault", "step: the server fails at one of 40 small files for a while -> the others come meanwhile, each once")
	for name, trouble := range map[string]error{
		"weather": errors.New("the connection was reset"),
		"put off": &export.Later{Until: time.Now().Add(300 * time.Millisecond), Reason: "the server asks for fewer requests"},
	} {
		t.Run(name, func(t *testing.T) {
			const files = 40
			h := newShelf(t, files, 1000)
			bad, failures := "0-output-O-Patient", 0
			h.refuse = func(file string) error {
				if file == bad && len(h.given) < files-1 && failures < 3 {
					failures++
					return trouble
				}
				return nil
			}
			id := h.request("lakeside", export.Wish{})
			h.wait("lakeside", id, life.Completed)
			h.check(id, files)
		})
	}
}

func TestWhatAStoppingProcessHasOfAUnitIsKept(t *testing.T) {
	t.Attr("fault", "machine: SIGTERM while several small files are fetched in one step -> those that are here are recorded, none is fetched twice")
	const files = 40
	h := newShelf(t, files, 1000)
	reached, once := make(chan struct{}), sync.Once{}
	calm := h.steps.on[export.Download]
	h.steps.on[export.Download] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		of := h.inHand(ctx, w, store.FileDownloading)
		if len(of) < 10 {
			return calm(ctx, w)
		}
		first := false
		once.Do(func() { first = true })
		if !first {
			return calm(ctx, w)
		}
		close(reached)
		<-ctx.Done() // in the middle of the sixth file
		o := export.Stored{At: of[5].Name}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, f := range of[:5] {
			h.given[f.Name]++
			f.Bytes, f.SHA256 = 1000, "00"
			o.Files = append(o.Files, f)
		}
		return o, context.Cause(ctx)
	}
	id := h.request("lakeside", export.Wish{})
	<-reached
	h.stop()
	h.start()
	h.wait("lakeside", id, life.Completed)
	h.check(id, files)
}

func TestWhatALostFileTookWithItIsMadeAgain(t *testing.T) {
	h := newShelf(t, 40, 1000)
	sinks := make(chan struct{})
	h.steps.on[export.Publish] = func(ctx context.Context, _ export.Work) (export.Outcome, error) {
		select {
		case <-sinks:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	id := h.request("lakeside", export.Wish{})
	for changed := h.Changed(); ; changed = h.Changed() {
		x, err := h.store.In("lakeside").Export(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if x.State == life.Publishing {
			break
		}
		<-changed
	}
	files, err := h.store.In("lakeside").Files(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	lost := files[30]
	if lost.Unit == lost.Name {
		lost = files[31]
	}
	if err := h.Redo(t.Context(), engine.Loss{Tenant: "lakeside", Export: id, Raw: []string{lost.Name}}); err != nil {
		t.Fatal(err)
	}
	close(sinks)
	h.wait("lakeside", id, life.Completed)
	if h.given[lost.Name] != 2 {
		t.Errorf("the lost file was given %d times", h.given[lost.Name])
	}
	h.given[lost.Name] = 1
	again := h.check(id, 40)
	mates := slices.DeleteFunc(slices.Clone(files), func(f store.File) bool { return f.Unit != lost.Unit })
	if len(mates) < 2 {
		t.Fatalf("units %v: nothing is shown by a unit of one file", again)
	}
}
