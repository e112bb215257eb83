package engine_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var watched = strings.Replace(practices, "types: [Patient, Condition]", "types: [Patient, Condition]\n    new_members: export", 1)

// A group is who is in a group as its exports show it.
type group struct {
	*bench
	mu       sync.Mutex
	patients []string
}

func watchedGroup(t *testing.T, s *script, patients ...string) *group {
	g := &group{patients: patients}
	s.on[export.ReadMembers] = func(ctx context.Context, w export.Work) (export.Outcome, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		strangers, err := g.store.In(w.Lease.Tenant).Strangers(ctx, w.Export.Stream, g.patients)
		return export.Members{Patients: g.patients, Strangers: strangers}, err
	}
	g.bench = newBenchOf(t, s, watched)
	return g
}

func (g *group) joinedBy(patient string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.patients = append(slices.Clone(g.patients), patient)
}

// kickoffs gives the exports of lakeside from the oldest: what each is for, and
// of which types and patients.
func (g *group) kickoffs() (told []string) {
	g.t.Helper()
	exports, err := g.store.In("lakeside").Exports(g.t.Context(), 20)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, x := range slices.Backward(exports) {
		text := string(x.Purpose) + " " + x.Mode + " " + x.Group + " " + strings.Join(x.Types, ",")
		told = append(told, strings.TrimSpace(text+" "+strings.Join(x.Parameters.Patients, ",")))
	}
	return told
}

func (g *group) want(want ...string) {
	g.t.Helper()
	if told := g.kickoffs(); !slices.Equal(told, want) {
		g.t.Errorf("exports %q, want %q", told, want)
	}
}

const (
	wholeGroup = "delivery full g1 Condition,Patient"
	changes    = "delivery incremental g1 Condition,Patient"
	roster     = "roster full g1 Patient"
	newcomer   = "newcomers incremental g1 Condition,Patient joined"
)

func TestNobodyIsAMemberBeforeTheSinksHaveTheData(t *testing.T) {
	s := newScript(1)
	g := watchedGroup(t, s, "old")
	g.wait("lakeside", g.request("lakeside", export.Wish{}), life.Completed)
	g.joinedBy("joined")
	s.mu.Lock()
	s.on[export.Publish] = func(context.Context, export.Work) (export.Outcome, error) {
		return nil, problem.New(problem.SinkFailed, "the sink is broken", "Mend it.")
	}
	s.mu.Unlock()
	g.wait("lakeside", g.request("lakeside", export.Wish{Full: true}), life.Failed)
	s.mu.Lock()
	delete(s.on, export.Publish)
	s.mu.Unlock()
	g.wait("lakeside", g.request("lakeside", export.Wish{}), life.Completed)
	g.want(wholeGroup, wholeGroup, roster, newcomer, changes)
}

func TestNobodyIsAMemberByAnExportThatBroughtErrors(t *testing.T) {
	s := newScript(1)
	g := watchedGroup(t, s, "old")
	g.wait("lakeside", g.request("lakeside", export.Wish{}), life.Completed)
	g.joinedBy("joined")
	short := func(_ context.Context, w export.Work) (export.Outcome, error) {
		if w.Export.Purpose == store.Roster {
			return nil, nil
		}
		return export.Staged{Files: []export.StagedFile{{Summary: ingest.Summary{File: w.Lease.Subject, Lines: 1, Delivered: 1}, Short: 1}}}, nil
	}
	s.mu.Lock()
	s.on[export.Ingest] = short
	s.mu.Unlock()
	g.wait("lakeside", g.request("lakeside", export.Wish{Full: true}), life.Completed)
	g.wait("lakeside", g.request("lakeside", export.Wish{}), life.Completed)
	s.mu.Lock()
	delete(s.on, export.Ingest)
	s.mu.Unlock()
	g.wait("lakeside", g.request("lakeside", export.Wish{}), life.Completed)
	g.wait("lakeside", g.request("lakeside", export.Wish{}), life.Completed)
	g.want(wholeGroup, wholeGroup, roster, newcomer, changes, roster, newcomer, changes, roster, changes)
}

func TestTheChainIsOfTheGroupAndTypesThatWereAskedFor(t *testing.T) {
	g := watchedGroup(t, newScript(1), "old")
	wish := export.Wish{Group: "g2", Types: []string{"Observation", "Patient"}}
	g.wait("lakeside", g.request("lakeside", wish), life.Completed)
	g.joinedBy("joined")
	g.wait("lakeside", g.request("lakeside", wish), life.Completed)
	g.want("delivery full g2 Observation,Patient", "roster full g2 Patient",
		"newcomers incremental g2 Observation,Patient joined", "delivery incremental g2 Observation,Patient")
}

func TestAChainThatTheConfigurationNoLongerHasEnds(t *testing.T) {
	s := newScript(1)
	g := watchedGroup(t, s, "old")
	g.wait("lakeside", g.request("lakeside", export.Wish{}), life.Completed)
	s.mu.Lock()
	at := make(chan struct{}, 1)
	s.on[export.Poll] = func(ctx context.Context, _ export.Work) (export.Outcome, error) {
		at <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s.mu.Unlock()
	id := g.request("lakeside", export.Wish{})
	<-at
	g.stop()
	s.mu.Lock()
	delete(s.on, export.Poll)
	s.mu.Unlock()
	g.yaml = strings.Replace(g.yaml, "new_members: export", "elements: [id]", 1)
	g.start()
	x := g.wait("lakeside", id, life.Completed)
	g.want(wholeGroup, roster)
	timeline, err := g.store.In("lakeside").Timeline(t.Context(), x.ID)
	if err != nil || !slices.ContainsFunc(timeline, func(e store.Entry) bool { return e.Kind == "not_followed" }) {
		t.Errorf("nobody is told that the chain ends: %v, %v", timeline, err)
	}
}

func TestARosterAsksForNoDocuments(t *testing.T) {
	s := newScript(1)
	s.on[export.Attach] = attaches
	g := watchedGroup(t, s, "old")
	g.stop()
	g.yaml = strings.Replace(g.yaml, "new_members: export", "new_members: export\n    attachments: {fetch: true}", 1)
	g.start()
	g.wait("lakeside", g.request("lakeside", export.Wish{}), life.Completed)
	g.wait("lakeside", g.request("lakeside", export.Wish{}), life.Completed)
	g.want(wholeGroup, roster, changes)
	if n := s.count("lakeside attach"); n != 2 {
		t.Errorf("documents of %d files, want those of the two deliveries", n)
	}
}
