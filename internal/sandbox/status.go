package sandbox

import (
	"fmt"
	"net/http"
	"slices"
)

// poll answers the status of an export: progress, or its manifest.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request
func (p *PracticeServer) poll(x *exchange) {
	e := p.exportAsked(x)
	if e == nil {
		return
	}
	switch {
	case slices.Contains(x.k.DisabledGroups, e.group):
		x.refuse(x.k.NoGroupStatus, "not-found", "The group is unknown or not enabled for this app.")
	case e.cancelled.Load():
		e.writeGone(x)
	case !e.finished(x.k):
		x.header("X-Progress", fmt.Sprintf("%d%% Completed", e.progress(x.k)))
		p.retryAfter(x)
		x.WriteHeader(http.StatusAccepted)
	case e.err != nil:
		x.refuse(http.StatusInternalServerError, "processing", "The export failed.")
	case x.k.EmptyManifest:
		x.WriteHeader(http.StatusOK)
	default:
		if x.k.Expiry > 0 {
			end := e.accepted.Add(p.s.clock.real(x.k.Takes + x.k.Expiry))
			x.Header().Set("Expires", end.UTC().Format(http.TimeFormat))
		}
		writeJSON(x, http.StatusOK, "application/json", e.manifest(x.k))
	}
}

// exportAsked returns the export that the request's job_id names. When there
// is none it has answered.
func (p *PracticeServer) exportAsked(x *exchange) *export {
	g, ok := p.authorize(x)
	if !ok {
		return nil
	}
	e := p.find(x.r.URL.Query().Get("job_id"), g.client.ID)
	if e == nil {
		x.refuse(http.StatusNotFound, "not-found", "There is no such export.")
	}
	return e
}

func (e *export) writeGone(x *exchange) {
	switch x.k.Gone {
	case GoneCancelled:
		x.header("X-Progress", "CANCELLED")
		x.WriteHeader(http.StatusAccepted)
	case Gone410:
		x.refuse(http.StatusGone, "deleted", "The export was cancelled.")
	default:
		x.refuse(http.StatusNotFound, "not-found", "There is no such export.")
	}
}

// progress picks what to show of the way that e has gone.
func (e *export) progress(k Knobs) int {
	if len(k.Progress) == 0 || k.Takes <= 0 {
		return 0
	}
	i := int(float64(len(k.Progress)) * float64(e.elapsed()) / float64(k.Takes))
	return k.Progress[min(i, len(k.Progress)-1)]
}

// remove cancels an export, or forgets one that is finished.
func (p *PracticeServer) remove(x *exchange) {
	e := p.exportAsked(x)
	if e == nil {
		return
	}
	if e.cancelled.Swap(true) {
		e.writeGone(x)
		return
	}
	x.WriteHeader(http.StatusAccepted)
}
