package engine_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/trigger"
)

// keeper makes what takes requests of other programs up, in front of the real
// engine; point ends it at a moment.
func (b *bench) keeper(point func(string) error) *trigger.Keeper {
	b.t.Helper()
	cfg, err := config.Parse(filepath.Join(b.folder, "bulkhead.yaml"), []byte(strings.ReplaceAll(b.yaml, "%FOLDER%", b.folder)))
	if err != nil {
		b.t.Fatal(err)
	}
	cfg.Callbacks = []config.Callback{{Name: "mirth", URL: "https://mirth.example/done"}}
	return trigger.New(trigger.Options{
		Config: func() *config.Config { return cfg }, Store: b.store, Work: func() trigger.Work { return b.Engine }, Point: point,
	})
}

// asks writes a row as another program does and gives its number.
func (b *bench) asks(kind string) int64 {
	b.t.Helper()
	r, err := b.store.DB().ExecContext(b.t.Context(),
		`INSERT INTO export_requests (tenant_id, requested_by, kind, callback) VALUES ('lakeside', 'mirth', ?, 'mirth')`, kind)
	if err != nil {
		b.t.Fatal(err)
	}
	id, err := r.LastInsertId()
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bench) answered(k *trigger.Keeper, row int64) store.ExportRequest {
	b.t.Helper()
	if err := k.CatchUp(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	r, err := b.store.In("lakeside").Request(b.t.Context(), row)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func TestARowIsAnsweredByOneExportWhereverTheProcessEnds(t *testing.T) {
	t.Attr("fault", "step: the process ends between a row of export_requests and the start of its export -> one export, one kick-off")
	died := errors.New("the process ends here")
	for _, at := range []string{"request: taken", "request: committed"} {
		t.Run(at, func(t *testing.T) {
			s := newScript(1)
			b := newBench(t, s)
			row := b.asks("full")
			err := b.keeper(func(name string) error {
				if name == at {
					return died
				}
				return nil
			}).CatchUp(t.Context())
			if !errors.Is(err, died) {
				t.Fatalf("it did not end there: %v", err)
			}
			b.stop()
			b.start()
			k := b.keeper(nil)
			r := b.answered(k, row)
			x := b.wait("lakeside", r.Export, life.Completed)
			if r = b.answered(k, row); r.State != "completed" || r.EndedAt.IsZero() || x.RequestedBy != "table:mirth" || x.Mode != export.Full {
				t.Errorf("request %+v, export by %s", r, x.RequestedBy)
			}
			if n := s.count("lakeside kickoff"); n != 1 {
				t.Errorf("%d kick-offs", n)
			}
			if calls, err := b.store.In("lakeside").Callbacks(t.Context(), x.ID); err != nil || len(calls) != 1 || calls[0].State != "completed" {
				t.Errorf("call-backs: %+v, %v", calls, err)
			}
		})
	}
}

func TestARequestFollowsTheChainOfItsExportsToTheirEnd(t *testing.T) {
	g := watchedGroup(t, newScript(1), "old")
	k := g.keeper(nil)
	first := g.answered(k, g.asks("full"))
	g.wait("lakeside", first.Export, life.Completed)
	g.joinedBy("joined")
	row := g.asks("incremental")
	r := g.answered(k, row)
	last := g.wait("lakeside", r.Export, life.Completed)
	g.want(wholeGroup, roster, newcomer, changes)
	if r = g.answered(k, row); r.Export != last.ID || r.State != "completed" {
		t.Errorf("request = %+v, the chain ended with %s", r, last.ID)
	}
	exports, err := g.store.In("lakeside").Exports(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, x := range exports {
		calls, err := g.store.In("lakeside").Callbacks(t.Context(), x.ID)
		if err != nil {
			t.Fatal(err)
		}
		told += len(calls)
		if len(calls) > 0 && x.Purpose != store.Delivery {
			t.Errorf("the end of a link is told: %s", x.Purpose)
		}
	}
	if told != 2 {
		t.Errorf("%d ends are told", told)
	}
}
