package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/attachment"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var withDocuments = strings.Replace(practices, "types: [Patient, Condition]", "types: [Patient, Condition]\n    attachments: {fetch: true}", 1)

// attaches is what a calm attach step of the script does.
func attaches(_ context.Context, w export.Work) (export.Outcome, error) {
	return export.Attached{Files: []attachment.Summary{{
		AttachedFile: store.AttachedFile{
			File: w.Lease.Subject, Found: 3, Kept: 2, Bytes: 100, Outcomes: map[string]int64{"stored": 2, "not_found": 1},
			Pending: []string{"digest-of-" + w.Lease.Subject},
		},
		Parts: []store.Part{{Table: "attachment", Key: "staged/" + w.Lease.Subject, Rows: 3}},
	}}}, nil
}

func TestDocumentsAreStoredBetweenTheFilesAndTheSinks(t *testing.T) {
	s := newScript(5)
	s.on[export.Attach] = attaches
	b := newBenchOf(t, s, withDocuments)
	x := b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
	s.mu.Lock()
	runs := slices.Clone(s.runs)
	s.mu.Unlock()
	of := func(kind string) func(string) bool {
		return func(run string) bool { return strings.HasPrefix(run, "lakeside "+kind) }
	}
	first := func(kind string) int { return slices.IndexFunc(runs, of(kind)) }
	last := func(kind string) int {
		back := slices.Clone(runs)
		slices.Reverse(back)
		return len(back) - 1 - slices.IndexFunc(back, of(kind))
	}
	if s.count("lakeside attach") != 5 || first(export.Attach) < last(export.Download) || last(export.Attach) > first(export.Publish) {
		t.Errorf("runs: %q", runs)
	}
	if n := s.most[export.Attach]; n > 2 {
		t.Errorf("%d at once, the limit is 2", n)
	}
	files, err := b.store.In("lakeside").Attached(t.Context(), x.ID)
	if err != nil || len(files) != 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	want := store.AttachedFile{File: "0-output-0-Patient", Found: 3, Kept: 2, Bytes: 100, Outcomes: map[string]int64{"stored": 2, "not_found": 1}}
	if diff := cmp.Diff(want, files[0]); diff != "" {
		t.Error(diff)
	}
	parts, err := b.store.In("lakeside").Parts(t.Context(), x.ID)
	if err != nil || len(parts) != 5 || parts[0].Table != "attachment" {
		t.Errorf("parts %v, %v", parts, err)
	}
	pending, err := b.store.In("lakeside").PendingAttachments(t.Context(), x.Stream)
	if err != nil || len(pending) != 5 {
		t.Errorf("pending %v, %v", pending, err)
	}
}

func TestDocumentsOfSmallFilesShareSteps(t *testing.T) {
	h := newShelf(t, 9, 10)
	h.stop()
	h.yaml = withDocuments
	h.start()
	var broken atomic.Bool
	broken.Store(true)
	h.steps.mu.Lock()
	h.steps.on[export.Attach] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		files, err := h.store.In("lakeside").AttachUnit(ctx, w.Export.ID, w.Lease.Subject)
		if err != nil || len(files) == 0 {
			t.Errorf("%d files in hand, %v", len(files), err)
		}
		var o export.Attached
		for _, f := range files {
			if len(o.Files) == 2 && broken.CompareAndSwap(true, false) {
				return o, nil // the step does not come to the others
			}
			o.Files = append(o.Files, attachment.Summary{AttachedFile: store.AttachedFile{File: f.Name, Found: 1, Kept: 1}})
		}
		return o, nil
	}
	h.steps.mu.Unlock()
	id := h.wait("lakeside", h.request("lakeside", export.Wish{}), life.Completed).ID
	if files, err := h.store.In("lakeside").Attached(t.Context(), id); err != nil || len(files) != 9 {
		t.Errorf("the documents of %d files are dealt with, %v", len(files), err)
	}
	if n := h.steps.count("lakeside attach"); n < 2 || n > 4 {
		t.Errorf("%d steps for nine small files", n)
	}
}

func TestAFileOfAnotherTypeMayHoldDocumentsToo(t *testing.T) {
	s := newScript(2)
	s.on[export.Attach] = attaches
	s.on[export.Poll] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		l := s.calm(w).(export.Listed)
		for i := range l.Files {
			l.Files[i].ResourceType = "Observation"
		}
		return l, nil
	}
	s.on[export.Ingest] = func(_ context.Context, w export.Work) (export.Outcome, error) {
		o := s.calm(w).(export.Staged)
		if w.Lease.Subject == "0-output-1-Patient" {
			o.Tables = []ingest.TableParts{{Name: "document_reference", Rows: 1, Parts: []ingest.Part{{Key: "staged/part", Rows: 1}}}}
		}
		return o, nil
	}
	b := newBenchOf(t, s, withDocuments)
	b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
	if s.count("lakeside attach 0-output-1-Patient") != 1 || s.count("lakeside attach") != 1 {
		t.Errorf("runs: %q", s.runs)
	}
}

func TestBinariesComeBeforeWhatPointsToThem(t *testing.T) {
	s := newScript(6)
	s.on[export.Attach] = attaches
	s.on[export.Poll] = func(_ context.Context, w export.Work) (export.Outcome, error) {
		l := s.calm(w).(export.Listed)
		for i := range l.Files {
			if l.Files[i].ResourceType = "DocumentReference"; i%3 == 2 {
				l.Files[i].ResourceType = "Binary"
			}
		}
		return l, nil
	}
	b := newBenchOf(t, s, withDocuments)
	b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
	s.mu.Lock()
	defer s.mu.Unlock()
	runs := slices.DeleteFunc(slices.Clone(s.runs), func(run string) bool { return !strings.HasPrefix(run, "lakeside attach") })
	if len(runs) != 6 {
		t.Fatalf("runs: %q", runs)
	}
	first := runs[:2]
	slices.Sort(first)
	if diff := cmp.Diff([]string{"lakeside attach 0-output-2-Patient", "lakeside attach 0-output-5-Patient"}, first); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutDocumentsWantedNoStepIsSpentOnThem(t *testing.T) {
	s := newScript(2)
	s.on[export.Attach] = attaches
	b := newBench(t, s)
	b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
	if n := s.count("lakeside attach"); n != 0 {
		t.Errorf("%d steps", n)
	}
}

func TestAnExportThatFailedAtDocumentsGoesOnWithThem(t *testing.T) {
	s := newScript(3)
	s.on[export.Attach] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		if w.Lease.Subject == "0-output-2-Patient" {
			return nil, problem.New(problem.StorageFull, "no space", "Make some.")
		}
		return attaches(ctx, w)
	}
	b := newBenchOf(t, s, withDocuments)
	x := b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Failed)
	if x.FailedIn != life.Ingesting || x.ProblemCode != string(problem.StorageFull) {
		t.Errorf("failed in %s: %s", x.FailedIn, x.ProblemCode)
	}
	s.mu.Lock()
	s.on[export.Attach] = attaches
	s.mu.Unlock()
	if err := b.Resume(t.Context(), "lakeside", x.ID); err != nil {
		t.Fatal(err)
	}
	b.wait("lakeside", x.ID, life.Completed)
	if n := s.count("lakeside ingest"); n != 3 {
		t.Errorf("%d files were ingested, want each once", n)
	}
	if n := s.count("lakeside attach 0-output-2-Patient"); n != 2 {
		t.Errorf("the file's documents were tried %d times", n)
	}
}

func TestDocumentsOfAStoppedProcessGoOnInTheNext(t *testing.T) {
	t.Attr("fault", "machine: the process stops while documents are fetched -> the next goes on with them")
	s := newScript(2)
	began, hang := make(chan struct{}), make(chan struct{})
	s.on[export.Attach] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		if w.Lease.Epoch > 1 {
			return attaches(ctx, w)
		}
		began <- struct{}{}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-hang:
			return nil, errors.New("never")
		}
	}
	b := newBenchOf(t, s, withDocuments)
	id := b.request("lakeside", export.Wish{})
	<-began
	<-began
	b.stop()
	b.start()
	b.wait("lakeside", id, life.Completed)
	if n := s.count("lakeside publish"); n != 1 {
		t.Errorf("published %d times", n)
	}
}
