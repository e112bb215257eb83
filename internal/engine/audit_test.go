package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// record gives a practice's rows as "actor action object outcome rule", those
// about one file without its name, and checks the chain.
func record(t *testing.T, s *store.Store, tenant string) (rows []string) {
	t.Helper()
	for e, err := range s.In(tenant).Audit(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		object := e.Object
		if strings.HasPrefix(object, "0-output-") {
			object = "file"
		}
		rows = append(rows, strings.Join(strings.Fields(e.Actor+" "+string(e.Action)+" "+object+" "+e.Outcome+" "+e.Rule), " "))
	}
	if _, f, err := s.AuditFaults(t.Context(), tenant, nil); err != nil || f != nil {
		t.Errorf("the chain: %v, %v", f, err)
	}
	return rows
}

func TestAWholeExportIsOnRecord(t *testing.T) {
	b := newBench(t, newScript(2))
	ctx := audit.As(t.Context(), audit.Identity{Actor: "alice", Source: "local"})
	id, err := b.Request(ctx, "lakeside", export.Wish{By: "command"})
	if err != nil {
		t.Fatal(err)
	}
	b.wait("lakeside", id, life.Completed)
	b.settle("lakeside", id)
	want := map[string]int{
		"alice export_requested allowed permitted":                               1,
		"bulkhead policy kick-off allowed permitted":                             1,
		"bulkhead export_kicked_off https://ehr.example/status/1 done permitted": 1,
		"bulkhead export_listed done permitted":                                  1,
		"bulkhead file_started file done":                                        1,
		"bulkhead file_stored file done permitted":                               2,
		"bulkhead file_staged file done permitted":                               2,
		"bulkhead delivered tables done permitted":                               1,
		"bulkhead export_completed done":                                         1,
		"bulkhead export_released https://ehr.example/status/1 done":             1,
	}
	got := map[string]int{}
	for _, row := range record(t, b.store, "lakeside") {
		got[row]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if others := record(t, b.store, "hillcrest"); len(others) > 0 {
		t.Errorf("hillcrest's record has %v", others)
	}
}

// settle waits until no step of an export is open.
func (b *bench) settle(tenant, id string) {
	b.t.Helper()
	for {
		changed := b.Changed()
		n, err := b.store.In(tenant).OpenSteps(b.t.Context(), id, export.Release)
		if err != nil {
			b.t.Fatal(err)
		}
		if n == 0 {
			return
		}
		<-changed
	}
}

// refusal is what a step returns when it finds the agreement in a status.
func refusal(stage agreement.Stage, status string) *problem.Problem {
	a := &config.Agreement{Reference: "BAA-1", Status: status, EffectiveFrom: config.Moment{Time: time.Unix(0, 0)}}
	return agreement.Check(a, agreement.Ask{Stage: stage, Tenant: "lakeside", At: time.Now()})
}

func TestASuspendedAgreementStopsWithinOneStepAndKeeps(t *testing.T) {
	t.Attr("fault", "step: an agreement is suspended while files are downloaded -> stopped at once, kept, never deleted, resumed when it is active again")
	s := newScript(4)
	b := newBench(t, s)
	suspended := true
	begun, cancelled := make(chan struct{}), make(chan error, 1)
	s.on[export.Download] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		if !suspended {
			return nil, nil
		}
		if strings.Contains(w.Lease.Subject, "-0-") { // the file that is being transferred at that moment
			close(begun)
			<-ctx.Done()
			cancelled <- context.Cause(ctx)
			return nil, ctx.Err()
		}
		<-begun
		return nil, refusal(agreement.AtDownload, config.AgreementSuspended)
	}
	id := b.request("lakeside", export.Wish{})
	x := b.wait("lakeside", id, life.Failed)
	if x.ProblemCode != string(problem.AgreementDenied) || x.FailedIn != life.Downloading || !strings.Contains(x.ProblemRemedy, "--resume") {
		t.Errorf("export = %s in %s: %s", x.ProblemCode, x.FailedIn, x.ProblemRemedy)
	}
	<-cancelled
	if n := s.count("lakeside download"); n != 2 {
		t.Errorf("%d downloads were begun, want the two that ran", n)
	}
	rows := strings.Join(record(t, b.store, "lakeside"), "\n")
	for _, want := range []string{"bulkhead policy download refused suspended", "bulkhead export_failed failed suspended"} {
		if !strings.Contains(rows, want) {
			t.Errorf("the record lacks %q:\n%s", want, rows)
		}
	}
	suspended = false
	if err := b.Resume(t.Context(), "lakeside", id); err != nil {
		t.Fatal(err)
	}
	b.wait("lakeside", id, life.Completed)
	if s.count("lakeside kickoff") != 1 {
		t.Error("the export began anew")
	}
}

func TestATerminatedAgreementCancelsAtTheServerToo(t *testing.T) {
	t.Attr("fault", "step: an agreement is terminated while its export runs -> cancelled within one step, DELETE at the server, nothing more is asked")
	for kind, stage := range map[string]agreement.Stage{
		export.Poll: agreement.AtPoll, export.Download: agreement.AtDownload, export.Ingest: agreement.AtLanding, export.Publish: agreement.AtDelivery,
	} {
		t.Run(kind, func(t *testing.T) {
			s := newScript(1)
			b := newBench(t, s)
			s.on[kind] = func(context.Context, export.Work) (export.Outcome, error) {
				return nil, refusal(stage, config.AgreementTerminated)
			}
			id := b.request("lakeside", export.Wish{})
			x := b.wait("lakeside", id, life.Cancelled)
			b.settle("lakeside", id)
			if x.ProblemCode != string(problem.AgreementDenied) || s.count("lakeside release") != 1 || s.count("lakeside "+kind) != 1 {
				t.Errorf("export = %+v, steps %v", x.ProblemCode, s.runs)
			}
			rows := strings.Join(record(t, b.store, "lakeside"), "\n")
			for _, want := range []string{"bulkhead policy " + string(stage) + " refused terminated", "bulkhead export_cancelled done terminated", "bulkhead export_released"} {
				if !strings.Contains(rows, want) {
					t.Errorf("the record lacks %q:\n%s", want, rows)
				}
			}
		})
	}
}

func TestATerminatedAgreementBeforeTheServerIsAskedIsDenied(t *testing.T) {
	s := newScript(1)
	b := newBench(t, s)
	s.on[export.Kickoff] = func(context.Context, export.Work) (export.Outcome, error) {
		return nil, refusal(agreement.AtKickoff, config.AgreementTerminated)
	}
	id := b.request("lakeside", export.Wish{})
	b.wait("lakeside", id, life.Denied)
	if s.count("lakeside release") != 0 {
		t.Error("a server was told to forget what it never knew")
	}
}

func TestPeopleWhoCancelAndResumeAreOnRecord(t *testing.T) {
	s := newScript(1)
	b := newBench(t, s)
	failing := problem.New(problem.ServerFailing, "no", "wait")
	s.on[export.Poll] = func(context.Context, export.Work) (export.Outcome, error) { return nil, failing }
	id := b.request("lakeside", export.Wish{})
	b.wait("lakeside", id, life.Failed)
	alice := audit.As(t.Context(), audit.Identity{Actor: "alice", Source: "local"})
	if err := b.Resume(alice, "lakeside", id); err != nil {
		t.Fatal(err)
	}
	b.wait("lakeside", id, life.Failed)
	if err := b.Cancel(alice, "lakeside", id, "alice"); err != nil {
		t.Fatal(err)
	}
	rows := strings.Join(record(t, b.store, "lakeside"), "\n")
	for _, want := range []string{"alice export_resumed done", "alice export_cancelled done", "bulkhead export_failed failed"} {
		if !strings.Contains(rows, want) {
			t.Errorf("the record lacks %q:\n%s", want, rows)
		}
	}
}
