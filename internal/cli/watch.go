package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// A watcher follows exports to their end and shows where they are: lines that
// change in place on a terminal, one line for each change elsewhere, JSON
// objects with --json.
type watcher struct {
	g      *Globals
	app    *app.App
	live   bool
	screen screen
	said   map[string]string // last line of each export
	rates  map[string]rate
	tally  *tally
}

type rate struct {
	at    time.Time
	bytes int64
	mbps  float64
}

// watch shows the exports until all have ended or are in a person's hands, and
// returns them with the problems of those that did not complete.
func (g *Globals) watch(ctx context.Context, a *app.App, refs []ref) ([]store.Export, error) {
	w := &watcher{
		g: g, app: a, live: isTerminal(g.streams.Out) && !g.JSON, screen: screen{out: g.streams.Out}, said: map[string]string{},
		rates: map[string]rate{}, tally: newTally(a.Store),
	}
	pace := time.NewTicker(250 * time.Millisecond)
	defer pace.Stop()
	for {
		changed := a.Engine.Changed()
		exports, err := w.look(ctx, refs)
		if err != nil {
			return nil, err
		}
		if err := w.show(ctx, exports); err != nil {
			return nil, err
		}
		released, err := w.released(ctx, exports)
		if err != nil {
			return exports, err
		}
		if ended(exports) && released {
			return exports, w.finish(ctx, exports)
		}
		if err := a.Engine.Hindered(idsOf(exports)...); err != nil {
			return exports, err
		}
		if a.Joined && !store.Held(app.Ledger(a.Config)) {
			return exports, errHolderGone
		}
		select {
		case <-ctx.Done():
			return exports, context.Cause(ctx)
		case <-changed:
		case <-pace.C:
		}
	}
}

func idsOf(exports []store.Export) []string {
	ids := make([]string, len(exports))
	for i := range exports {
		ids[i] = exports[i].ID
	}
	return ids
}

// parting is how long a command waits for servers to be told that they may
// forget an export; the next process tells those that were not.
const parting = 10 * time.Second

// released reports whether no completed export still has to be released.
func (w *watcher) released(ctx context.Context, exports []store.Export) (bool, error) {
	for _, x := range exports {
		if x.State != life.Completed || time.Since(x.EndedAt) > parting {
			continue
		}
		open, err := w.app.Store.In(x.Tenant).OpenSteps(ctx, x.ID, export.Release)
		if err != nil || open > 0 {
			return false, err
		}
	}
	return true, nil
}

func ended(exports []store.Export) bool {
	for _, x := range exports {
		if !x.State.Settled() {
			return false
		}
	}
	return true
}

func (w *watcher) look(ctx context.Context, refs []ref) ([]store.Export, error) {
	exports := make([]store.Export, len(refs))
	for i, r := range refs {
		var err error
		if exports[i], err = w.last(ctx, r); err != nil {
			return nil, err
		}
	}
	return exports, nil
}

// last gives the export, or that which follows it in its chain.
func (w *watcher) last(ctx context.Context, r ref) (store.Export, error) {
	scope := w.app.Store.In(r.Tenant)
	x, err := scope.Export(ctx, r.Export)
	if err != nil {
		return x, err
	}
	id, err := scope.Following(ctx, x)
	if err != nil || id == x.ID {
		return x, err
	}
	return scope.Export(ctx, id)
}

func (w *watcher) show(ctx context.Context, exports []store.Export) error {
	var lines []string
	for _, x := range exports {
		line, err := w.line(ctx, x)
		if err != nil {
			return err
		}
		switch {
		case w.live:
			lines = append(lines, line)
		case w.said[x.ID] != line && w.worthSaying(x, line):
			w.said[x.ID] = line
			if err := w.say(x, line); err != nil {
				return err
			}
		}
	}
	if w.live {
		return w.screen.draw(lines)
	}
	return nil
}

// worthSaying keeps lines that only count on to a new state or a new trouble,
// so that a log file of an export stays short.
func (w *watcher) worthSaying(x store.Export, line string) bool {
	head := func(s string) string { before, _, _ := strings.Cut(s, " · "); return before }
	return w.said[x.ID] == "" || head(w.said[x.ID]) != head(line)
}

func (w *watcher) say(x store.Export, line string) error {
	if !w.g.JSON {
		w.g.printf("%s\n", line)
		return nil
	}
	return w.g.emit(followed{At: time.Now().UTC().Format(time.RFC3339Nano), Tenant: x.Tenant, Export: x.ID, State: x.State, Retries: x.RetryCount})
}

// followed is an export that has moved, as --json prints it.
type followed struct {
	At      string     `json:"at"`
	Tenant  string     `json:"tenant"`
	Export  string     `json:"export"`
	State   life.State `json:"state"`
	Retries int64      `json:"retries"`
}

// line says in one line where an export is.
func (w *watcher) line(ctx context.Context, x store.Export) (string, error) {
	detail, err := w.detail(ctx, x)
	if err != nil {
		return "", err
	}
	if !x.State.Over() && x.RetryCount > 0 {
		detail = retrying(detail, x.RetryCount, x.LastError)
	}
	return fmt.Sprintf("%-16s %-11s %s", x.Tenant, x.State, detail), nil
}

// retrying adds to a detail how often was tried in vain, and why.
func retrying(detail string, times int64, why string) string {
	head, tail, counted := strings.Cut(detail, " · ")
	if counted {
		tail += "; "
	}
	if times == 1 {
		tail += "1 retry"
	} else {
		tail += wording.Count(times) + " retries"
	}
	detail = head + ", retrying · " + tail
	if why != "" {
		detail += ", the last because: " + why
	}
	return detail
}

// waits says what an export in state waiting waits for.
func waits(until time.Time, reason string) string {
	if reason == store.ForSlot {
		return "for a free slot"
	}
	return "until " + clock(until) + ": " + reason
}

func (w *watcher) detail(ctx context.Context, x store.Export) (string, error) {
	switch x.State {
	case life.Requested:
		return "for a free slot", nil
	case life.KickingOff:
		return "asking the server: " + x.Mode + " export", nil
	case life.Waiting:
		return waits(x.WaitingUntil, x.WaitingFor), nil
	case life.Polling:
		return fmt.Sprintf("the server is working · %s, next poll %s", orNothing(x.Progress), clock(x.NextPollAt)), nil
	case life.Downloading, life.Ingesting:
		return w.moving(ctx, x)
	case life.Publishing:
		return "to " + strings.Join(x.Sinks, ", "), nil
	case life.Completed:
		return w.completed(ctx, x)
	case life.Unknown, life.Gone, life.Failed, life.Denied, life.Cancelled:
	}
	return x.ProblemSummary, nil
}

func (w *watcher) moving(ctx context.Context, x store.Export) (string, error) {
	f, err := w.tally.of(ctx, x.Tenant, x.ID)
	if err != nil {
		return "", err
	}
	downloaded, ingested := w.app.Meter.Read(x.ID)
	downloaded = max(downloaded, f.Bytes) // another process may do the work
	spent, err := w.app.Store.In(x.Tenant).AttachmentSpending(ctx, x.ID)
	if err != nil {
		return "", err
	}
	if spent.Requests > 0 {
		return fmt.Sprintf("%s · %s for documents, %s", some(f.Files, "file"), some(spent.Requests, "request"), wording.Size(spent.Bytes)), nil
	}
	return fmt.Sprintf("%s · %d stored, %s lines, %s, %.0f MB/s", some(f.Files, "file"), f.InRaw, wording.Count(f.Lines), wording.Size(downloaded), w.rate(x.ID, downloaded+ingested)), nil
}

// rate gives megabytes a second over the last half second or so.
func (w *watcher) rate(export string, bytes int64) float64 {
	r, now := w.rates[export], time.Now()
	if r.at.IsZero() {
		r = rate{at: now, bytes: bytes}
	}
	if elapsed := now.Sub(r.at); elapsed > 500*time.Millisecond {
		r = rate{at: now, bytes: bytes, mbps: float64(bytes-r.bytes) / 1e6 / elapsed.Seconds()}
	}
	w.rates[export] = r
	return r.mbps
}

func (w *watcher) completed(ctx context.Context, x store.Export) (string, error) {
	f, err := w.app.Store.In(x.Tenant).FileTotals(ctx, x.ID)
	if err != nil {
		return "", err
	}
	kind := kindOf(x) + " export"
	if x.Purpose == store.Replay {
		kind = kindOf(x)
	}
	return fmt.Sprintf("%s · %s resources, %s, %s, %.1f s",
		kind, wording.Count(f.Delivered), some(f.Quarantined, "refused line"), some(f.Files, "file"), x.EndedAt.Sub(x.RequestedAt).Seconds()), nil
}

// finish prints what the exports brought, and gathers what went wrong.
func (w *watcher) finish(ctx context.Context, exports []store.Export) error {
	var problems []error
	for _, x := range exports {
		w.app.Meter.Forget(x.ID)
		if err := problemOf(x); err != nil {
			problems = append(problems, err)
		}
	}
	if err := w.g.report(ctx, w.app.Store, exports); err != nil {
		return err
	}
	return errors.Join(problems...)
}
