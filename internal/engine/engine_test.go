package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const practices = `
folder: %FOLDER%
limits: {exports: 2, downloads_per_export: 2}
sinks: {tables: {kind: duckdb, file: tables.duckdb}}
tenants:
  - &t
    id: lakeside
    open: true
    fhir_base_url: https://lakeside.example/fhir
    level: group
    group: g1
    types: [Patient, Condition]
    agreement: {reference: BAA-1, status: active, effective_from: 2020-01-01, types: ["*"], groups: ["*"], sinks: ["*"]}
  - {<<: *t, id: hillcrest, fhir_base_url: "https://hillcrest.example/fhir"}
  - {<<: *t, id: riverbend, fhir_base_url: "https://riverbend.example/fhir"}
`

// A script is what the steps of one test do; the zero value goes through.
type script struct {
	mu       sync.Mutex
	files    int
	on       map[string]func(ctx context.Context, w export.Work) (export.Outcome, error)
	runs     []string // "tenant kind subject"
	parallel map[string]int
	most     map[string]int
}

func newScript(files int) *script {
	return &script{
		files: files, on: map[string]func(context.Context, export.Work) (export.Outcome, error){},
		parallel: map[string]int{}, most: map[string]int{},
	}
}

func (s *script) Run(ctx context.Context, w export.Work) (export.Outcome, error) {
	kind := w.Lease.Kind
	s.mu.Lock()
	s.runs = append(s.runs, strings.TrimSpace(w.Lease.Tenant+" "+kind+" "+w.Lease.Subject))
	s.parallel[kind]++
	s.most[kind] = max(s.most[kind], s.parallel[kind])
	on := s.on[kind]
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.parallel[kind]--
		s.mu.Unlock()
	}()
	if on != nil {
		if o, err := on(ctx, w); o != nil || err != nil {
			return o, err
		}
	}
	return s.calm(w), nil
}

func (s *script) calm(w export.Work) export.Outcome {
	switch w.Lease.Kind {
	case export.Kickoff:
		return export.Accepted{StatusURL: "https://ehr.example/status/1", PollAt: time.Now()}
	case export.Poll:
		l := export.Listed{Listing: store.Listing{TransactionTime: "2026-03-01T00:00:00Z", NextSince: "2026-03-01T00:00:00Z", RequiresToken: "required"}}
		for i := range s.files {
			l.Files = append(l.Files, store.File{
				Name: "0-output-" + string(rune('0'+i)) + "-Patient", Position: int64(i), Section: "output", ResourceType: "Patient", Expected: -1,
			})
		}
		return l
	case export.Download:
		return export.Stored{Files: []store.File{{Name: w.Lease.Subject, Bytes: 1 << 30, SHA256: "00"}}}
	case export.Ingest:
		return export.Staged{Files: []export.StagedFile{{Summary: ingest.Summary{File: w.Lease.Subject, Lines: 3, Delivered: 2, Quarantined: 1}}}}
	case export.Publish:
		return export.Published{Receipt: []byte(`{}`)}
	case export.ReadMembers:
		return export.Members{Patients: []string{"one"}, Strangers: []string{"one"}}
	}
	return export.Released{}
}

func (s *script) count(run string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.runs {
		if strings.HasPrefix(r, run) {
			n++
		}
	}
	return n
}

// A bench is one bulkhead of a test; restart replaces it by the next process.
type bench struct {
	t      *testing.T
	folder string
	yaml   string // with %FOLDER%
	steps  *script
	store  *store.Store
	*engine.Engine
}

func newBench(t *testing.T, s *script) *bench { return newBenchOf(t, s, practices) }

func newBenchOf(t *testing.T, s *script, yaml string) *bench {
	b := &bench{t: t, folder: t.TempDir(), yaml: yaml, steps: s}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *bench) start() {
	cfg, err := config.Parse(filepath.Join(b.folder, "bulkhead.yaml"), []byte(strings.ReplaceAll(b.yaml, "%FOLDER%", b.folder)))
	if err != nil {
		b.t.Fatal(err)
	}
	if b.store, err = store.Open(b.t.Context(), filepath.Join(b.folder, "ledger.db")); err != nil {
		b.t.Fatal(err)
	}
	b.Engine, err = engine.New(engine.Options{
		Config: cfg, Store: b.store, Steps: b.steps, Log: slog.New(slog.DiscardHandler),
		Retry: engine.Retry{Base: time.Millisecond, Cap: 5 * time.Millisecond, Attempts: 3},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) stop() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := errors.Join(b.Stop(now), b.store.Close()); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) request(tenant string, w export.Wish) string {
	b.t.Helper()
	id, err := b.Request(b.t.Context(), tenant, w)
	if err != nil {
		b.t.Fatalf("Request(%s) = %v", tenant, err)
	}
	return id
}

func (b *bench) wait(tenant, id string, want life.State) store.Export {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	x, err := b.Wait(ctx, tenant, id)
	if err != nil || x.State != want {
		b.t.Fatalf("export of %s ended %s (%s), %v; want %s", tenant, x.State, x.ProblemSummary, err, want)
	}
	return x
}

func TestAnExportGoesThroughItsWholeLife(t *testing.T) {
	s := newScript(5)
	b := newBench(t, s)
	x := b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
	files, err := b.store.In("lakeside").Files(t.Context(), x.ID)
	if err != nil || len(files) != 5 {
		t.Fatalf("files = %d, %v", len(files), err)
	}
	for _, f := range files {
		if f.State != store.FileIngested || f.Lines != 3 || f.Delivered != 2 || f.Quarantined != 1 {
			t.Errorf("file %s: %+v", f.Name, f)
		}
	}
	mark, ok, err := b.store.In("lakeside").Watermark(t.Context(), x.Stream)
	if err != nil || !ok || mark.Since != "2026-03-01T00:00:00Z" {
		t.Errorf("watermark = %+v, %v, %v", mark, ok, err)
	}
	if n := s.most[export.Download]; n > 2 {
		t.Errorf("%d downloads at once, the limit is 2", n)
	}
	if n := s.count("lakeside kickoff"); n != 1 {
		t.Errorf("kicked off %d times", n)
	}
	next := b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
	if next.Mode != export.Incremental || next.Since != mark.Since {
		t.Errorf("next export: %s since %q, want incremental since the watermark", next.Mode, next.Since)
	}
}

func TestAnExportWithoutFilesCompletes(t *testing.T) {
	b := newBench(t, newScript(0))
	b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
}

func TestWeatherIsWaitedOutAndCounted(t *testing.T) {
	t.Attr("fault", "step: a step meets trouble that passes -> it is waited out and counted, complete")
	s := newScript(1)
	var once sync.Once
	s.on[export.Download] = func(context.Context, export.Work) (o export.Outcome, err error) {
		once.Do(func() { err = errors.New("connection reset") })
		return nil, err
	}
	b := newBench(t, s)
	x := b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
	if x.RetryCount != 1 || s.count("lakeside download") != 2 {
		t.Errorf("retries = %d, downloads = %d", x.RetryCount, s.count("lakeside download"))
	}
}

func TestWeatherThatLastsIsShownToAPerson(t *testing.T) {
	t.Attr("fault", "step: a step meets trouble that lasts -> failed with a problem, after as many tries as limits.retry says")
	s := newScript(1)
	s.on[export.Poll] = func(context.Context, export.Work) (export.Outcome, error) { return nil, errors.New("no route") }
	b := newBench(t, s)
	x := b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Failed)
	if x.ProblemRemedy == "" || x.FailedIn != life.Polling || s.count("lakeside poll") != 24 {
		t.Errorf("problem %q, failed in %s after %d polls", x.ProblemSummary, x.FailedIn, s.count("lakeside poll"))
	}
}

func TestAFileThatCannotBeHadFailsTheExportWhenTheOthersAreHereAndItResumes(t *testing.T) {
	t.Attr("fault", "step: one file cannot be had -> the others are taken first, then failed with download_failed; resumed, only that file is asked for")
	s := newScript(4)
	broken := true
	s.on[export.Download] = func(_ context.Context, w export.Work) (export.Outcome, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if broken && w.Lease.Subject == "0-output-1-Patient" {
			return nil, problem.New(problem.DownloadFailed, "file 1: the server answered 404", "Ask.")
		}
		return nil, nil
	}
	b := newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	x := b.wait("lakeside", id, life.Failed)
	if want := "1 of 4 output files could not be downloaded"; !strings.Contains(x.ProblemSummary, want) {
		t.Errorf("problem = %q, want %q in it", x.ProblemSummary, want)
	}
	if _, ok, _ := b.store.In("lakeside").Watermark(t.Context(), x.Stream); ok {
		t.Error("a failed export moved the watermark")
	}
	s.mu.Lock()
	broken = false
	s.mu.Unlock()
	if err := b.Resume(t.Context(), "lakeside", id); err != nil {
		t.Fatal(err)
	}
	b.wait("lakeside", id, life.Completed)
	if n := s.count("lakeside download"); n != 5 {
		t.Errorf("%d downloads, want 5: what was here already is kept", n)
	}
	if n := s.count("lakeside kickoff"); n != 1 {
		t.Errorf("kicked off %d times", n)
	}
}

func TestALostKickoffIsShownAndKickedOffAgainOnlyOnRequest(t *testing.T) {
	t.Attr("fault", "step: the answer to a kick-off is lost -> unknown; a second one is sent only when a person resumes it")
	s := newScript(1)
	var once sync.Once
	s.on[export.Kickoff] = func(context.Context, export.Work) (o export.Outcome, _ error) {
		once.Do(func() { o = export.Lost{Problem: problem.New(problem.KickoffUnknown, "no answer", "Resume.")} })
		return o, nil
	}
	b := newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	b.wait("lakeside", id, life.Unknown)
	if n := s.count("lakeside kickoff"); n != 1 {
		t.Fatalf("kicked off %d times without being asked", n)
	}
	if err := b.Resume(t.Context(), "lakeside", id); err != nil {
		t.Fatal(err)
	}
	b.wait("lakeside", id, life.Completed)
}

func TestABusyServerIsWaitedForAndHoldsNoSlotOfOthers(t *testing.T) {
	s := newScript(1)
	var once sync.Once
	s.on[export.Kickoff] = func(_ context.Context, w export.Work) (o export.Outcome, _ error) {
		if w.Lease.Tenant == "lakeside" {
			once.Do(func() { o = export.Busy{Until: time.Now().Add(1100 * time.Millisecond), Reason: "duplicate"} })
		}
		return o, nil
	}
	b := newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	b.wait("hillcrest", b.request("hillcrest", export.Wish{}), life.Completed)
	b.wait("lakeside", id, life.Completed)
	if n := s.count("lakeside kickoff"); n != 2 {
		t.Errorf("kicked off %d times, want 2", n)
	}
}

func TestNoMoreExportsRunThanThereAreSlots(t *testing.T) {
	s := newScript(1)
	gate := make(chan struct{})
	s.on[export.Poll] = func(ctx context.Context, _ export.Work) (export.Outcome, error) {
		select {
		case <-gate:
		case <-ctx.Done():
		}
		return nil, ctx.Err()
	}
	b := newBench(t, s)
	ids := map[string]string{}
	for _, tenant := range []string{"lakeside", "hillcrest", "riverbend"} {
		ids[tenant] = b.request(tenant, export.Wish{})
	}
	x, err := b.store.In("riverbend").Export(t.Context(), ids["riverbend"])
	if err != nil || x.State != life.Requested {
		t.Errorf("third export is %s, %v, want requested: two slots are taken", x.State, err)
	}
	close(gate)
	for tenant, id := range ids {
		b.wait(tenant, id, life.Completed)
	}
	if n := s.most[export.Poll]; n > 2 {
		t.Errorf("%d exports ran at once", n)
	}
}

func TestAPublicationThatWaitsForItsSinkKeepsNoOtherWaiting(t *testing.T) {
	s := newScript(1)
	both := make(chan struct{}, 2)
	s.on[export.Publish] = func(ctx context.Context, _ export.Work) (export.Outcome, error) {
		both <- struct{}{}
		for len(both) < 2 && ctx.Err() == nil { // each needs the other to be there
			runtime.Gosched()
		}
		return nil, ctx.Err()
	}
	b := newBench(t, s)
	first, second := b.request("lakeside", export.Wish{}), b.request("hillcrest", export.Wish{})
	b.wait("lakeside", first, life.Completed)
	b.wait("hillcrest", second, life.Completed)
}

func TestASecondExportOfThePracticeIsRefusedWhileOneRuns(t *testing.T) {
	s := newScript(1)
	gate := make(chan struct{})
	s.on[export.Poll] = func(ctx context.Context, _ export.Work) (export.Outcome, error) { <-gate; return nil, nil }
	b := newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	if _, err := b.Request(t.Context(), "lakeside", export.Wish{}); problem.Of(err) == nil || problem.Of(err).Code != problem.Usage {
		t.Errorf("second request = %v, want the problem usage", err)
	}
	close(gate)
	b.wait("lakeside", id, life.Completed)
}

func TestWhatStoppedWithTheProcessGoesOnInTheNext(t *testing.T) {
	t.Attr("fault", "machine: the process stops while it polls, downloads, ingests or publishes -> the next goes on with that, complete, with one kick-off; stopping is no failure")
	for _, kind := range []string{export.Poll, export.Download, export.Ingest, export.Publish} {
		t.Run(kind, func(t *testing.T) {
			s := newScript(3)
			reached, once := make(chan struct{}), sync.Once{}
			hang := true
			s.on[kind] = func(ctx context.Context, _ export.Work) (export.Outcome, error) {
				s.mu.Lock()
				stuck := hang
				s.mu.Unlock()
				if !stuck {
					return nil, nil
				}
				once.Do(func() { close(reached) })
				<-ctx.Done()
				return nil, ctx.Err()
			}
			b := newBench(t, s)
			id := b.request("lakeside", export.Wish{})
			<-reached
			b.stop()
			s.mu.Lock()
			hang = false
			s.mu.Unlock()
			b.start()
			x := b.wait("lakeside", id, life.Completed)
			if n := s.count("lakeside kickoff"); n != 1 || x.RetryCount != 0 {
				t.Errorf("kicked off %d times, %d retries: stopping is no failure", n, x.RetryCount)
			}
		})
	}
}

func TestCancelStopsTheStepsThatRun(t *testing.T) {
	s := newScript(3)
	reached, once, ended := make(chan struct{}), sync.Once{}, make(chan struct{}, 9)
	s.on[export.Download] = func(ctx context.Context, _ export.Work) (export.Outcome, error) {
		once.Do(func() { close(reached) })
		<-ctx.Done()
		ended <- struct{}{}
		return nil, ctx.Err()
	}
	b := newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	<-reached
	if err := b.Cancel(t.Context(), "lakeside", id, "test"); err != nil {
		t.Fatal(err)
	}
	<-ended
	b.wait("lakeside", id, life.Cancelled)
	s.on[export.Download] = nil
	b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
}

func TestAKickoffThatIsOnItsWayIsNotCancelled(t *testing.T) {
	s := newScript(0)
	sent, answer := make(chan struct{}), make(chan struct{})
	var b *bench
	s.on[export.Kickoff] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		err := b.store.In(w.Lease.Tenant).Do(ctx, func(tx *store.Tx) error { return tx.SetKickoffIntent(&w.Export) })
		close(sent)
		<-answer
		return nil, err
	}
	b = newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	<-sent
	if p := problem.Of(b.Cancel(t.Context(), "lakeside", id, "test")); p == nil || p.Code != problem.Usage {
		t.Errorf("Cancel = %v, want the problem usage: the export could never be stopped at the server", p)
	}
	close(answer)
	b.wait("lakeside", id, life.Completed)
}

func TestAnExportThatTheAgreementForbidsIsRecordedAndNeverSent(t *testing.T) {
	s := newScript(1)
	b := newBench(t, s)
	b.stop()
	denied := strings.ReplaceAll(practices, "status: active", "status: suspended")
	cfg, err := config.Parse(filepath.Join(b.folder, "bulkhead.yaml"), []byte(strings.ReplaceAll(denied, "%FOLDER%", b.folder)))
	if err != nil {
		t.Fatal(err)
	}
	b.start()
	e, err := engine.New(engine.Options{Config: cfg, Store: b.store, Steps: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	id, err := e.Request(t.Context(), "lakeside", export.Wish{})
	if p := problem.Of(err); p == nil || p.Code != problem.AgreementDenied {
		t.Fatalf("Request = %v, want agreement_denied", err)
	}
	x, err := b.store.In("lakeside").Export(t.Context(), id)
	if err != nil || x.State != life.Denied || s.count("lakeside") != 0 {
		t.Errorf("export is %s, %v; steps run: %v", x.State, err, s.runs)
	}
}

func TestOneTenantsScopeReachesNothingOfAnother(t *testing.T) {
	b := newBench(t, newScript(2))
	id := b.request("lakeside", export.Wish{})
	b.wait("lakeside", id, life.Completed)
	other := b.store.In("hillcrest")
	if _, err := other.Export(t.Context(), id); err == nil {
		t.Error("hillcrest reads lakeside's export")
	}
	files, _ := other.Files(t.Context(), id)
	entries, _ := other.Timeline(t.Context(), id)
	if len(files)+len(entries) > 0 {
		t.Errorf("hillcrest sees %d files and %d entries of lakeside", len(files), len(entries))
	}
	if all, err := other.Exports(t.Context(), 9); err != nil || slices.ContainsFunc(all, func(x store.Export) bool { return x.ID == id }) {
		t.Errorf("hillcrest lists lakeside's export: %v", err)
	}
}
