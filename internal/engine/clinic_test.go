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

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
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

// kept are the views that were read, by the text of the practice's own: the
// built-in ones take long to compile.
var kept = struct {
	sync.Mutex
	sets map[string]*views.Set
}{sets: map[string]*views.Set{}}

func (c *clinic) loadViews() (*views.Set, error) {
	folder := filepath.Join(c.folder, "views")
	text, err := os.ReadFile(filepath.Join(folder, "kin.json"))
	if err != nil {
		return nil, err
	}
	kept.Lock()
	defer kept.Unlock()
	if kept.sets[string(text)] == nil {
		if kept.sets[string(text)], err = views.Load(folder); err != nil {
			return nil, err
		}
	}
	return kept.sets[string(text)], nil
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
	set, err := c.loadViews()
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
	return export.Stored{Files: []store.File{{Name: w.Lease.Subject, Bytes: int64(len(c.lines))}}}, nil
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
