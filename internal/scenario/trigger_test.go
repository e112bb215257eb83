package scenario_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
	"github.com/bulkhead-fhir/bulkhead/internal/secret"
	"github.com/bulkhead-fhir/bulkhead/internal/trigger"
)

// A receiver is a program on this machine that takes posts.
type receiver struct {
	server *http.Server
	mu     sync.Mutex
	posts  []posted
	refuse int // with this status; 0 takes
}

type posted struct {
	path   string
	header http.Header
	body   []byte
	at     time.Time
}

// listens begins a receiver in the world, and ends it with the scenario.
func listens(w *scenario.World, addr string) *receiver {
	w.T().Helper()
	at, err := w.Net.ListenOn(addr)
	if err != nil {
		w.T().Fatal(err)
	}
	r := &receiver{}
	r.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(a http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.posts = append(r.posts, posted{q.URL.RequestURI(), q.Header, body, time.Now()})
		if err != nil || r.refuse > 0 {
			a.WriteHeader(max(r.refuse, http.StatusBadRequest))
		}
	})}
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := r.server.Serve(at); !errors.Is(err, http.ErrServerClosed) {
			w.T().Error(err)
		}
	})
	w.T().Cleanup(func() { r.server.Close(); ended.Wait() })
	return r
}

// take gives what was posted since the last time.
func (r *receiver) take() []posted {
	r.mu.Lock()
	defer r.mu.Unlock()
	posts := r.posts
	r.posts = nil
	return posts
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = status
}

const callbackSecret = "thirty-two bytes of a scenario.."

// called reads a call-back, whose signature must be right.
func called(w *scenario.World, p posted) trigger.Told {
	w.T().Helper()
	if _, err := trigger.Verify(secret.New(callbackSecret), p.header, p.body, p.at); err != nil {
		w.T().Error(err)
	}
	var m trigger.Message
	if err := json.Unmarshal(p.body, &m); err != nil {
		w.T().Fatal(err)
	}
	return m.Data
}

func TestARowStartsAnExportAndIsToldItsEnd(t *testing.T) {
	t.Attr("fault", "network: a program asks for an export by a row and does not take its call-back for three hours, over a restart -> one export, its end is told once the program is back")
	t.Setenv("MIRTH_SECRET", callbackSecret)
	spec := with(func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = 2*time.Hour, 10*time.Minute })
	spec.Config = `callbacks: [{name: mirth, url: "http://localhost:8081/bulkhead", secret_env: MIRTH_SECRET}]`
	scenario.Run(t, spec, func(w *scenario.World) {
		mirth := listens(w, "localhost:8081")
		ask := func(reference string) {
			_, err := w.Store.DB().ExecContext(w.T().Context(),
				`INSERT INTO export_requests (tenant_id, requested_by, reference, callback) VALUES (?, 'mirth', ?, 'http://localhost:8081/bulkhead/done')`, w.Tenant().ID, reference)
			if err != nil {
				t.Fatal(err)
			}
		}
		ask("night-1")
		ask("night-1")
		w.Pass(time.Minute)
		w.Restart()
		mirth.answer(http.StatusServiceUnavailable)
		w.Pass(4 * time.Hour)
		exports, err := w.Store.In(w.Tenant().ID).Exports(w.T().Context(), 10)
		if err != nil || len(exports) != 1 || exports[0].State != life.Completed || exports[0].RequestedBy != "table:mirth" {
			t.Fatalf("exports: %+v, %v", exports, err)
		}
		if n := len(mirth.take()); n == 0 || n > 40 {
			t.Errorf("the end was told %d times while nobody took it", n)
		}
		w.Restart()
		mirth.answer(0)
		w.Pass(2 * time.Hour)
		posts := mirth.take()
		if len(posts) != 2 {
			t.Fatalf("%d call-backs", len(posts))
		}
		for _, p := range posts {
			told := called(w, p)
			if p.path != "/bulkhead/done" || told.State != "completed" || told.Reference != "night-1" || told.Export != exports[0].ID || len(told.Types) == 0 {
				t.Errorf("%s: %s", p.path, p.body)
			}
			if strings.Contains(string(p.body), scenario.Canary) || strings.Contains(string(p.body), "http") {
				t.Errorf("too much is told: %s", p.body)
			}
		}
		w.Pass(48 * time.Hour)
		if n := len(mirth.take()); n > 0 {
			t.Errorf("told %d times more", n)
		}
	})
}

func TestWhoIsToldOfAllHearsOfExportsThatFail(t *testing.T) {
	t.Setenv("MIRTH_SECRET", callbackSecret)
	spec := with(func(k *sandbox.Knobs) {
		k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Do: sandbox.ActionStatus, Status: 404}}
	})
	spec.LeavesFiles = true
	spec.Config = `callbacks: [{name: mirth, url: "http://localhost:8081/", secret_env: MIRTH_SECRET, all: true}]`
	scenario.Run(t, spec, func(w *scenario.World) {
		mirth := listens(w, "localhost:8081")
		x := w.Want(w.Export(), life.Failed)
		w.Pass(time.Minute)
		w.Change(func(k *sandbox.Knobs) { k.Faults = nil })
		w.Want(w.Resume(x), life.Completed)
		w.Pass(time.Minute)
		var states []string
		for _, p := range mirth.take() {
			told := called(w, p)
			states = append(states, told.State)
			if told.State == "failed" && (told.Code != "download_failed" || told.Remedy == "") {
				t.Errorf("told: %s", p.body)
			}
		}
		if !slices.Equal(states, []string{"failed", "completed"}) {
			t.Errorf("told: %v", states)
		}
	})
}

// secretFile writes a file of the test's.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// wishOf is a wish for the next export as configured.
func wishOf(by string) export.Wish { return export.Wish{By: by} }
