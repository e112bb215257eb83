package sandbox

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// poll answers the status of an export: progress, or its manifest.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request
func (p *PracticeServer) poll(x *exchange) {
	e := p.exportAsked(x)
	if e == nil {
		return
	}
	if page := pageAsked(x.r); page != 1 {
		p.pollPage(x, e, page)
		return
	}
	n, since := e.polled(time.Now())
	if p.troubled(x, e, n, since) {
		return
	}
	switch {
	case slices.Contains(x.k.DisabledGroups, e.group):
		x.refuse(x.k.NoGroupStatus, "not-found", "The group is unknown or not enabled for this app.")
	case e.cancelled.Load():
		e.writeGone(x)
	case !e.finished(x.k):
		if text := e.progress(x.k); text != "" {
			x.header("X-Progress", text)
		}
		p.retryAfter(x, e)
		if e.available(x.k) > 0 {
			e.writePage(x, http.StatusAccepted, 1)
			return
		}
		x.WriteHeader(e.state(x, http.StatusAccepted))
	case x.k.Fail != FailNever || e.err != nil:
		e.writeFailed(x)
	case x.k.EmptyManifest:
		x.WriteHeader(e.state(x, http.StatusOK))
	default:
		e.writeExpires(x)
		e.writePage(x, http.StatusOK, 1)
	}
}

// writeExpires tells until when the manifest and its files can be had.
func (e *export) writeExpires(x *exchange) {
	end := e.accepted.Add(e.p.s.clock.real(x.k.Takes + x.k.Expiry)).UTC()
	switch {
	case x.k.Expires == ExpiresZero:
		x.Header().Set("Expires", "0")
	case x.k.Expiry == 0 || x.k.Expires == ExpiresMissing:
	case x.k.Expires == ExpiresGo:
		x.Header().Set("Expires", end.String())
	default:
		x.Header().Set("Expires", end.Format(http.TimeFormat))
	}
}

// troubled lets the poll fail, not the export: since is how long ago the poll
// before the n-th was.
func (p *PracticeServer) troubled(x *exchange, e *export, n int, since time.Duration) bool {
	switch {
	case n > 1 && since < p.s.clock.real(x.k.MinPoll):
		x.k.RetryAfter = max(x.k.RetryAfter, x.k.MinPoll)
		p.retryAfter(x, e)
		x.refuse(http.StatusTooManyRequests, "throttled", "This export is polled too frequently.")
	case n <= x.k.Poll404:
		x.refuse(http.StatusNotFound, "not-found", "There is no such export.")
	case n <= x.k.Poll404+x.k.HTML:
		writeHTML(x, http.StatusBadGateway, "502 Bad Gateway")
	case n <= x.k.Poll404+x.k.HTML+x.k.Transient:
		x.refuse(http.StatusServiceUnavailable, "transient", "The status cannot be told at the moment.")
	default:
		return false
	}
	return true
}

// writeHTML answers as a proxy in front of the server does.
func writeHTML(x *exchange, status int, title string) {
	x.Header().Set("Content-Type", "text/html")
	x.WriteHeader(status)
	io.WriteString(x, "<html><head><title>"+title+"</title></head><body><center><h1>"+title+"</h1></center></body></html>\n")
}

// state returns the HTTP status that tells the export's state: itself, or 200
// with the state in a header of its own where that was agreed at kick-off.
// https://build.fhir.org/ig/HL7/bulk-data/export.html#bulk-data-status-request
func (e *export) state(x *exchange, status int) int {
	if !e.wish.separate {
		return status
	}
	x.Header().Set("X-Export-Status", fmt.Sprintf("%d %s", status, http.StatusText(status)))
	return http.StatusOK
}

// exportAsked returns the export that the request's URL names. When there is
// none it has answered.
func (p *PracticeServer) exportAsked(x *exchange) *export {
	g, ok := p.authorize(x)
	if !ok {
		return nil
	}
	return p.exportOf(x, exportID(x.r), g)
}

// writeFailed answers for an export that came to nothing.
func (e *export) writeFailed(x *exchange) {
	switch x.k.Fail {
	case FailHTML:
		writeHTML(x, e.state(x, http.StatusInternalServerError), "500 Internal Server Error")
	case Fail400:
		x.refuse(e.state(x, http.StatusBadRequest), "processing", "The export failed.")
	default:
		x.refuse(e.state(x, http.StatusInternalServerError), "processing", "The export failed.")
	}
}

func (e *export) writeGone(x *exchange) {
	switch x.k.Gone {
	case GoneCancelled:
		x.header("X-Progress", "CANCELLED")
		x.WriteHeader(e.state(x, http.StatusAccepted))
	case Gone410:
		x.refuse(e.state(x, http.StatusGone), "deleted", "The export was cancelled.")
	default:
		x.refuse(e.state(x, http.StatusNotFound), "not-found", "There is no such export.")
	}
}

// progress picks what to show of the way that e has gone.
func (e *export) progress(k Knobs) string {
	if len(k.Progress) == 0 {
		return ""
	}
	i := len(k.Progress) - 1
	if k.Takes > 0 {
		i = min(i, int(float64(len(k.Progress))*float64(e.elapsed())/float64(k.Takes)))
	}
	text := k.Progress[i]
	if _, err := strconv.Atoi(text); err == nil {
		return text + "% Completed"
	}
	return text
}

// remove cancels an export, or forgets one that is finished.
func (p *PracticeServer) remove(x *exchange) {
	e := p.exportAsked(x)
	if e == nil {
		return
	}
	status := http.StatusAccepted
	if e.finished(x.k) {
		e.noteDelete(x.k)
		status = cmp.Or(x.k.Delete, status)
	}
	if status >= http.StatusInternalServerError {
		x.refuse(status, "exception", "The export cannot be deleted.")
		return
	}
	if e.cancelled.Swap(true) {
		e.writeGone(x)
		return
	}
	if status >= http.StatusBadRequest {
		x.refuse(status, "not-found", "There is no such export.")
		return
	}
	x.WriteHeader(status)
}
