package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

// Two lines are refused while the view wants one family name, one always.
const patients = `{"resourceType":"Patient","id":"1","name":[{"family":"A"}]}
{"resourceType":"Patient","id":"2","name":[{"family":"A"},{"family":"B"}]}

{"resourceType":"Patient"}
{"resourceType":"Patient","id":"3","name":[{"family":"A"},{"family":"B"}]}
`

const (
	replayFile = "0-output-0-Patient"
	strict     = `{"resourceType":"ViewDefinition","name":"kin","resource":"Patient","status":"active","select":[{"column":[{"name":"family","path":"name.family"}]}]}`
	lenient    = `{"resourceType":"ViewDefinition","name":"kin","resource":"Patient","status":"active","select":[{"column":[{"name":"family","path":"name.family.first()"}]}]}`
)

// A memorySink remembers deliveries as the contract of sinks has it: a second
// one of the same export changes nothing.
type memorySink struct {
	mu    sync.Mutex
	order []string
	taken map[string]sink.Delivery
	rows  map[string]int64 // of the index
}

func (s *memorySink) Publish(_ context.Context, d sink.Delivery) (sink.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.taken[d.Export]; !again {
		s.order = append(s.order, d.Export)
		s.taken[d.Export] = d
		for _, f := range d.Index {
			s.rows[d.Export] += f.Rows
		}
	}
	return sink.Receipt{Export: d.Export}, nil
}

// A clinic is a bench whose server is scripted and whose ingest, storage and
// replays are the real ones.
type clinic struct {
	*bench
	sink  *memorySink
	lines string // of the server's one file
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	c := &clinic{lines: patients, sink: &memorySink{taken: map[string]sink.Delivery{}, rows: map[string]int64{}}}
	s := newScript(1)
	s.on[export.Download] = c.download
	for _, kind := range []string{export.Gather, export.Ingest, export.Publish} {
		s.on[kind] = c.real
	}
	s.on[export.Release] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		if w.Export.Purpose != store.Replay {
			return nil, nil // the scripted server takes it
		}
		return c.real(ctx, w)
	}
	c.bench = newBench(t, s)
	c.view(strict)
	return c
}

// view puts the practice's view into its folder.
func (c *clinic) view(text string) {
	c.t.Helper()
	folder := filepath.Join(c.folder, "views")
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, "kin.json"), []byte(text), 0o600)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *clinic) files() (*blob.Store, error) {
	return blob.OpenLocal(filepath.Join(c.folder, "files"))
}

// real runs the product's own step on what stands in the folder.
func (c *clinic) real(ctx context.Context, w export.Work) (_ export.Outcome, err error) {
	cfg, err := config.Parse(filepath.Join(c.folder, "bulkhead.yaml"), []byte(strings.ReplaceAll(c.yaml, "%FOLDER%", c.folder)))
	if err != nil {
		return nil, err
	}
	set, err := views.Load(filepath.Join(c.folder, "views"))
	if err != nil {
		return nil, err
	}
	files, err := c.files()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	steps := &export.Steps{
		Config: cfg, Store: c.store, Files: files, Views: set, Meter: export.NewMeter(), Sinks: map[string]sink.Sink{"tables": c.sink},
	}
	return steps.Run(ctx, w)
}

// download puts the server's file into raw.
func (c *clinic) download(ctx context.Context, w export.Work) (_ export.Outcome, err error) {
	files, err := c.files()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	scope, err := files.Tenant(w.Lease.Tenant)
	if err != nil {
		return nil, err
	}
	key, err := scope.RawKey(w.Export.ID, w.Lease.Subject)
	if err != nil {
		return nil, err
	}
	out, err := scope.Create(ctx, key)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewWriter(out)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(z, c.lines); err != nil {
		return nil, err
	}
	if err := errors.Join(z.Close(), out.Commit()); err != nil {
		return nil, err
	}
	return export.Stored{File: store.File{Name: w.Lease.Subject, Bytes: int64(len(c.lines))}}, nil
}

// on replaces what steps of a kind do.
func (c *clinic) on(kind string, run func(context.Context, export.Work) (export.Outcome, error)) {
	c.steps.mu.Lock()
	defer c.steps.mu.Unlock()
	c.steps.on[kind] = run
}

// export brings the server's file in and waits until it is here.
func (c *clinic) export(w export.Wish) store.Export {
	c.t.Helper()
	return c.wait("lakeside", c.request("lakeside", w), life.Completed)
}

func (c *clinic) replay(r export.Retake) store.Export {
	c.t.Helper()
	id, err := c.Replay(c.t.Context(), "lakeside", r)
	if err != nil {
		c.t.Fatalf("Replay = %v", err)
	}
	return c.settled(id)
}

// settled waits until a replay is complete and has let its copies go.
func (c *clinic) settled(id string) store.Export {
	c.t.Helper()
	x := c.wait("lakeside", id, life.Completed)
	for {
		changed := c.Changed()
		open, err := c.store.In("lakeside").OpenSteps(c.t.Context(), id, export.Release)
		if err != nil {
			c.t.Fatal(err)
		}
		if open == 0 {
			return x
		}
		<-changed
	}
}

// account is what the ledger and the quarantine say of an export's file.
type account struct {
	Lines, Delivered, Blank, Quarantined, Replayed int64
	ByReason                                       map[string]int64
	Refused                                        []string // line and reason, as the quarantine has it
}

func (c *clinic) account(export string) account {
	c.t.Helper()
	f, err := c.store.In("lakeside").File(c.t.Context(), export, replayFile)
	if err != nil {
		c.t.Fatal(err)
	}
	a := account{Lines: f.Lines, Delivered: f.Delivered, Blank: f.Blank, Quarantined: f.Quarantined, Replayed: f.Replayed}
	var summary struct {
		ByReason map[string]int64 `json:"by_reason"`
	}
	if err := json.Unmarshal(f.Summary, &summary); err != nil {
		c.t.Fatal(err)
	}
	if len(summary.ByReason) > 0 {
		a.ByReason = summary.ByReason
	}
	keeper := f.QuarantineOf
	if keeper == "" {
		keeper = export
	}
	a.Refused = c.refused(keeper)
	return a
}

// refused gives the quarantine that an export keeps of the file.
func (c *clinic) refused(keeper string) (list []string) {
	c.t.Helper()
	files, err := c.files()
	if err != nil {
		c.t.Fatal(err)
	}
	defer files.Close()
	scope, err := files.Tenant("lakeside")
	if err != nil {
		c.t.Fatal(err)
	}
	for e, err := range quarantine.Entries(c.t.Context(), scope, keeper, replayFile) {
		if err != nil {
			c.t.Fatal(err)
		}
		text, err := io.ReadAll(e)
		if err != nil {
			c.t.Fatal(err)
		}
		if want := strings.Split(patients, "\n")[e.Line-1]; string(text) != want || int64(strings.Index(patients, want)) != e.Offset {
			c.t.Errorf("line %d is kept as %q from byte %d", e.Line, text, e.Offset)
		}
		list = append(list, string(rune('0'+e.Line))+" "+e.Reason)
	}
	slices.Sort(list)
	return list
}

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
	for _, kind := range []string{export.Gather, export.Ingest, export.Publish, export.Release} {
		for _, when := range []string{"before", "after"} {
			for _, how := range []string{"fails", "dies"} {
				t.Run(kind+" "+how+" "+when, func(t *testing.T) {
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

func TestAReplayWaitsForNothingButItsTurn(t *testing.T) {
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
