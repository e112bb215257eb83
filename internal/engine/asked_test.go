package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestOnlyWhatWasAskedForIsTold(t *testing.T) {
	h := newShelf(t, 8, 10)
	broken := sync.Once{}
	h.refuse = func(file string) (err error) {
		if strings.Contains(file, "-4-") {
			broken.Do(func() { err = errors.New("connection reset") })
		}
		return err
	}
	id := h.wait("lakeside", h.request("lakeside", export.Wish{}), life.Completed).ID
	h.check(id, 8)
	items, err := h.store.In("lakeside").Log(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	asked, failed := 0, false
	for _, i := range items {
		switch i.Event {
		case "download_request":
			asked++
		case "download_error":
			if failed = true; asked < 5 {
				t.Errorf("a file failed before it was asked for, after %d requests", asked)
			}
		}
	}
	if asked != 8 || !failed {
		t.Errorf("%d requests are told of 8 files, an error: %v", asked, failed)
	}
	told := 0
	for e, err := range h.store.In("lakeside").Audit(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action != audit.FileStarted {
			continue
		}
		n := 1
		if _, several, ok := strings.Cut(e.Facts, `"files":`); ok {
			if _, err := fmt.Sscanf(several, "%d", &n); err != nil {
				t.Fatal(err)
			}
		}
		told += n
	}
	if told != 8 {
		t.Errorf("%d files are on record as asked for, want 8", told)
	}
}

func TestAfterAStepThatCameToNoEndItsFilesAreTakenOneByOne(t *testing.T) {
	t.Attr("fault", "step: one of many small files that are read together ends the step -> each of them is read by itself from then on, once")
	h := newShelf(t, 9, 10)
	var mu sync.Mutex
	together, alone := 0, map[string]int{}
	h.steps.mu.Lock()
	h.steps.on[export.Ingest] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		files := h.inHand(ctx, w, store.FileIngesting)
		mu.Lock()
		defer mu.Unlock()
		if w.Lease.Attempt == 0 && len(files) > 1 {
			together++
			return nil, errors.New("the process ended")
		}
		alone[files[0].Name]++
		return export.Staged{Files: []export.StagedFile{{Summary: ingest.Summary{File: files[0].Name, Lines: 3, Delivered: 3}}}}, nil
	}
	h.steps.mu.Unlock()
	id := h.wait("lakeside", h.request("lakeside", export.Wish{}), life.Completed).ID
	for unit, n := range h.check(id, 9) {
		if n != 1 {
			t.Errorf("%d files were read together as %s", n, unit)
		}
	}
	if together > 2 { // as many steps as there are at once
		t.Errorf("%d steps had several files in hand", together)
	}
	for file, n := range alone {
		if n != 1 {
			t.Errorf("file %s was read %d times", file, n)
		}
	}
}
