package scenario

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
)

// fault notes something that does not hold although it must in every world.
func (w *World) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// check looks at exports, servers and secrets while the bulkhead is there.
func (w *World) check() {
	for _, x := range w.exports {
		w.look(x)
		w.checkExport(x)
	}
	for _, t := range w.tenants {
		w.checkServer(t)
	}
	w.checkRecord()
	w.checkSecrets()
}

func (w *World) checkExport(x *Export) {
	for _, f := range x.Files {
		if f.State == "ingested" && f.Lines != f.Delivered+f.Quarantined+f.Blank { // I4
			w.fault("file %s has %d lines, %d delivered, %d quarantined, %d blank", f.Name, f.Lines, f.Delivered, f.Quarantined, f.Blank)
		}
	}
	if most := max(w.spec.Kickoffs, 1); x.Kickoffs > int64(most) {
		w.fault("%d kick-offs for one export: %s", x.Kickoffs, x)
	}
	switch x.State {
	case life.Failed, life.Gone, life.Denied, life.Unknown:
		if x.ProblemCode == "" || x.ProblemSummary == "" || x.ProblemRemedy == "" || x.ProblemCode == "internal" && w.spec.Around == nil {
			w.fault("an export ended without a word about why, or about what to do: %s (%q)", x, x.ProblemRemedy)
		}
	case life.Waiting:
		if x.WaitingFor == "" || x.WaitingUntil.IsZero() {
			w.fault("an export waits without a reason or an end: %s", x)
		}
	case life.Requested, life.KickingOff, life.Polling, life.Downloading, life.Ingesting, life.Publishing, life.Completed, life.Cancelled:
	}
	mark, ok, err := w.Store.In(x.Tenant).Watermark(w.t.Context(), x.Stream)
	switch {
	case err != nil:
		w.fault("%v", err)
	case ok && mark.Export == x.ID && x.State != life.Completed: // I6
		w.fault("the watermark moved to %s by an export that did not complete: %s", mark.Since, x)
	}
}

// checkServer asks the sandbox about our manners.
func (w *World) checkServer(t Tenant) {
	seen := w.Sandbox.Observations(t.Code())
	if seen.EarlyPolls > w.spec.EarlyPolls {
		w.fault("%d polls of %s earlier than told", seen.EarlyPolls, t.ID)
	}
	if seen.StrayTokens > 0 { // I9
		w.fault("%d tokens of %s where none belongs", seen.StrayTokens, t.ID)
	}
	if seen.StrayCookies > 0 {
		w.fault("%d cookies of %s where none belongs", seen.StrayCookies, t.ID)
	}
	if seen.EarlyDeletes > w.taken(t) && !w.spec.LeavesFiles { // I8
		w.fault("%d exports of %s deleted before every file was given", seen.EarlyDeletes, t.ID)
	}
	if strays := w.Sandbox.Strays(); strays > 0 {
		w.fault("%d Authorization headers where none belongs", strays)
	}
	w.checkKickoffs(t, seen)
}

// taken counts the tenant's exports of which a file did not look whole, however
// often it was fetched, and was taken as it was, which the timeline tells.
func (w *World) taken(t Tenant) (n int) {
	for _, x := range w.exports {
		if x.Tenant == t.ID && x.Happened("not_whole")+x.Happened("count_mismatch") > 0 {
			n++
		}
	}
	return n
}

// checkKickoffs compares the kick-offs that the server saw with those that the
// ledger knows of.
func (w *World) checkKickoffs(t Tenant, seen sandbox.Observations) {
	exports, err := w.Store.In(t.ID).Exports(w.t.Context(), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	sent, known := int64(0), int64(len(exports)*max(w.spec.Kickoffs, 1))
	for _, n := range seen.Kickoffs {
		sent += int64(n)
	}
	if sent > known {
		w.fault("%s saw %d kick-offs of %d exports", t.ID, sent, len(exports))
	}
}

// checkFiles looks for what should be whole or gone when the bulkhead has ended.
func (w *World) checkFiles() {
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		left := strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".next") || strings.HasSuffix(name, ".spill") || name == "spill"
		if left && name != ".tmp" { // which is the folder of what is being written
			w.fault("%s was left behind", strings.TrimPrefix(path, w.dir))
		}
		return nil
	})
	if err != nil {
		w.fault("%v", err)
	}
}
