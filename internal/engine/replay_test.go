package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var (
	refusedAtFirst = account{
		Lines: 5, Delivered: 1, Blank: 1, Quarantined: 3, ByReason: map[string]int64{"view_error:kin.family": 2, "id_missing": 1},
		Refused: []string{"2 view_error:kin.family", "4 id_missing", "5 view_error:kin.family"},
	}
	afterReplay = account{
		Lines: 5, Delivered: 3, Blank: 1, Quarantined: 1, Replayed: 2, ByReason: map[string]int64{"id_missing": 1}, Refused: []string{"4 id_missing"},
	}
)

func TestAReplayDeliversWhatPassesNow(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	x := c.export(export.Wish{})
	if diff := cmp.Diff(refusedAtFirst, c.account(x.ID)); diff != "" {
		t.Fatalf("before (-want +got):\n%s", diff)
	}
	mark, _, err := c.store.In("lakeside").Watermark(t.Context(), x.Stream)
	if err != nil {
		t.Fatal(err)
	}
	c.view(lenient)
	r := c.replay(export.Retake{Origin: x.ID, By: "test"})
	if diff := cmp.Diff(afterReplay, c.account(x.ID)); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
	d := c.sink.taken[r.ID]
	if c.sink.rows[r.ID] != 2 || !slices.Equal(d.Files, []string{x.ID + "/" + replayFile}) || d.Mode != sink.Incremental || d.Replace != nil || d.Later != nil {
		t.Errorf("%d rows in delivery %+v", c.sink.rows[r.ID], d)
	}
	if c.refused(x.ID) != nil {
		t.Error("the quarantine that another has taken the place of is there still")
	}
	if left, err := filepath.Glob(filepath.Join(c.folder, "files", "raw", "lakeside", r.ID, "*")); err != nil || len(left) > 0 {
		t.Errorf("copies of lines are left in raw: %v, %v", left, err)
	}
	if now, _, err := c.store.In("lakeside").Watermark(t.Context(), x.Stream); err != nil || now != mark {
		t.Errorf("the watermark is %+v, was %+v", now, mark)
	}
	if n := c.steps.count("lakeside kickoff"); n != 1 {
		t.Errorf("%d kick-offs", n)
	}
	again := c.replay(export.Retake{Origin: x.ID})
	if diff := cmp.Diff(afterReplay, c.account(x.ID)); diff != "" || c.sink.rows[again.ID] != 0 {
		t.Errorf("after another replay, with %d rows (-want +got):\n%s", c.sink.rows[again.ID], diff)
	}
	if c.refused(r.ID) != nil {
		t.Error("the quarantine of the replay before is there still")
	}
}

func TestAReplayOfOneReasonLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	x := c.export(export.Wish{})
	c.view(lenient)
	if _, err := c.Replay(t.Context(), "lakeside", export.Retake{Origin: x.ID, Reason: "over_long"}); problem.Of(err).Code != problem.Usage {
		t.Errorf("a replay of nothing: %v", err)
	}
	r := c.replay(export.Retake{Origin: x.ID, Reason: "id_missing"})
	if diff := cmp.Diff(refusedAtFirst, c.account(x.ID)); diff != "" || c.sink.rows[r.ID] != 0 {
		t.Errorf("with %d rows (-want +got):\n%s", c.sink.rows[r.ID], diff)
	}
	c.replay(export.Retake{Origin: x.ID, Reason: "view_error"})
	if diff := cmp.Diff(afterReplay, c.account(x.ID)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyWhatHasCompletedIsReplayed(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	x := c.export(export.Wish{})
	r := c.replay(export.Retake{Origin: x.ID})
	c.on(export.Publish, func(context.Context, export.Work) (export.Outcome, error) {
		return nil, problem.New(problem.SinkFailed, "full", "Make room.")
	})
	failed := c.request("lakeside", export.Wish{})
	c.wait("lakeside", failed, life.Failed)
	for name, origin := range map[string]string{"a replay": r.ID, "an export that failed": failed, "none": "20200101-000000-aaaaaaaa"} {
		if _, err := c.Replay(t.Context(), "lakeside", export.Retake{Origin: origin}); problem.Of(err).Code != problem.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALaterFullExportMakesAReplayNeedless(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	first := c.export(export.Wish{})
	second := c.export(export.Wish{Full: true})
	_, err := c.Replay(t.Context(), "lakeside", export.Retake{Origin: first.ID})
	if p := problem.Of(err); p.Code != problem.Usage || !strings.Contains(p.Summary, second.ID) {
		t.Errorf("replay of what was exported anew: %v", err)
	}
	c.view(lenient)
	c.replay(export.Retake{Origin: second.ID})
	if diff := cmp.Diff(afterReplay, c.account(second.ID)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What later exports say of a resource stands, whatever an older line says.
func TestAReplayTellsSinksWhatCameLater(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	first := c.export(export.Wish{})
	second := c.export(export.Wish{Since: "2026-02-01T00:00:00Z"})
	c.view(lenient)
	r := c.replay(export.Retake{Origin: second.ID})
	if d := c.sink.taken[r.ID]; d.Later != nil {
		t.Errorf("nothing came after the second export, but %v", d.Later)
	}
	r = c.replay(export.Retake{Origin: first.ID})
	rows := int64(0)
	for _, f := range c.sink.taken[r.ID].Later {
		rows += f.Rows
	}
	if rows != 3 {
		t.Errorf("%d resources came later, want 1 of the second export and 2 of its replay", rows)
	}
}

func TestAReplayAsksTheAgreement(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	x := c.export(export.Wish{})
	c.stop()
	c.yaml = strings.Replace(c.yaml, "status: active", "status: suspended", 1)
	c.start()
	id, err := c.Replay(t.Context(), "lakeside", export.Retake{Origin: x.ID})
	if problem.Of(err).Code != problem.AgreementDenied {
		t.Fatalf("replay under a suspended agreement: %v", err)
	}
	c.wait("lakeside", id, life.Denied)
	if diff := cmp.Diff(refusedAtFirst, c.account(x.ID)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestACancelledReplayChangesNothing(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	x := c.export(export.Wish{})
	reached := make(chan struct{})
	once := sync.OnceFunc(func() { close(reached) })
	c.on(export.Ingest, func(ctx context.Context, w export.Work) (export.Outcome, error) {
		o, err := c.real(ctx, w)
		once()
		<-ctx.Done()
		return o, errors.Join(err, context.Cause(ctx))
	})
	id, err := c.Replay(t.Context(), "lakeside", export.Retake{Origin: x.ID})
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	if err := c.Cancel(t.Context(), "lakeside", id, "test"); err != nil {
		t.Fatal(err)
	}
	c.wait("lakeside", id, life.Cancelled)
	if diff := cmp.Diff(refusedAtFirst, c.account(x.ID)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A replay that dies at any step, before or after it has done its work, comes
// to the same end as one that is left alone.
func TestAReplaySurvivesWhatEndsItsSteps(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{export.Gather, export.Ingest, export.Publish, export.Release} {
		for _, when := range []string{"before", "after"} {
			for _, how := range []string{"fails", "dies"} {
				t.Run(kind+" "+how+" "+when, func(t *testing.T) {
					t.Parallel()
					c := newClinic(t)
					x := c.export(export.Wish{})
					c.view(lenient)
					fault := &stepFault{clinic: c, kind: kind, after: when == "after", dies: how == "dies", reached: make(chan struct{})}
					c.on(kind, fault.run)
					id, err := c.Replay(t.Context(), "lakeside", export.Retake{Origin: x.ID})
					if err != nil {
						t.Fatal(err)
					}
					if how == "dies" {
						<-fault.reached
						c.stop()
						c.start()
					}
					c.settled(id)
					if diff := cmp.Diff(afterReplay, c.account(x.ID)); diff != "" {
						t.Errorf("(-calm +got):\n%s", diff)
					}
					if c.sink.rows[id] != 2 || len(c.sink.order) != 2 {
						t.Errorf("%d rows were delivered by %d deliveries", c.sink.rows[id], len(c.sink.order))
					}
				})
			}
		}
	}
}

// A stepFault ends the first run of a kind of step of a replay.
type stepFault struct {
	*clinic
	kind        string
	after, dies bool
	reached     chan struct{}
	once        sync.Once
}

func (f *stepFault) run(ctx context.Context, w export.Work) (o export.Outcome, err error) {
	if w.Export.Purpose != store.Replay {
		return nil, nil // as scripted
	}
	first := false
	f.once.Do(func() { first = true })
	if !first {
		return f.real(ctx, w)
	}
	if f.after {
		if _, err := f.real(ctx, w); err != nil {
			return nil, err
		}
	}
	if f.dies {
		close(f.reached)
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	return nil, errors.New("the step was lost")
}

func TestAFailedReplayIsResumed(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	x := c.export(export.Wish{})
	c.view(lenient)
	c.on(export.Gather, func(context.Context, export.Work) (export.Outcome, error) {
		return nil, problem.New(problem.StorageFull, "full", "Make room.")
	})
	id, err := c.Replay(t.Context(), "lakeside", export.Retake{Origin: x.ID})
	if err != nil {
		t.Fatal(err)
	}
	c.wait("lakeside", id, life.Failed)
	c.on(export.Gather, c.real)
	if err := c.Resume(t.Context(), "lakeside", id); err != nil {
		t.Fatal(err)
	}
	c.settled(id)
	if diff := cmp.Diff(afterReplay, c.account(x.ID)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFailedReplayWhoseLinesAnotherHasTakenIsNotResumed(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	x := c.export(export.Wish{})
	c.view(lenient)
	c.on(export.Publish, func(context.Context, export.Work) (export.Outcome, error) {
		return nil, problem.New(problem.SinkFailed, "full", "Make room.")
	})
	failed, err := c.Replay(t.Context(), "lakeside", export.Retake{Origin: x.ID})
	if err != nil {
		t.Fatal(err)
	}
	c.wait("lakeside", failed, life.Failed)
	c.on(export.Publish, c.real)
	other := c.replay(export.Retake{Origin: x.ID})
	if p := problem.Of(c.Resume(t.Context(), "lakeside", failed)); p.Code != problem.Usage || !strings.Contains(p.Summary, other.ID) {
		t.Errorf("resumed: %s: %s", p.Code, p.Summary)
	}
	c.wait("lakeside", failed, life.Failed)
	if diff := cmp.Diff(afterReplay, c.account(x.ID)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if left, err := filepath.Glob(filepath.Join(c.folder, "files", "raw", "lakeside", failed, "*")); err != nil || len(left) > 0 {
		t.Errorf("copies of lines are left in raw: %v, %v", left, err)
	}
}

func TestAReplayWaitsForNothingButItsTurn(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	x := c.export(export.Wish{})
	held := make(chan struct{})
	c.on(export.Poll, func(context.Context, export.Work) (export.Outcome, error) {
		select {
		case <-held:
			return nil, nil
		case <-time.After(time.Millisecond):
			return export.InProgress{PollAt: time.Now().Add(time.Millisecond)}, nil
		}
	})
	running := c.request("lakeside", export.Wish{})
	if _, err := c.Replay(t.Context(), "lakeside", export.Retake{Origin: x.ID}); problem.Of(err).Code != problem.Usage {
		t.Errorf("a replay beside an export: %v", err)
	}
	close(held)
	c.wait("lakeside", running, life.Completed)
	c.replay(export.Retake{Origin: x.ID})
}
