package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// waits counts the requests for each page of a manifest.
type waits struct {
	mu    sync.Mutex
	asked map[int]int
}

// ask notes a request for a page and returns how many there were, with it.
func (w *waits) ask(page int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked == nil {
		w.asked = map[int]int{}
	}
	w.asked[page]++
	return w.asked[page]
}

// pageAsked returns the number of the page that a request to a status URL
// names, from 1.
func pageAsked(r *http.Request) int {
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil {
		return 1
	}
	return page
}

// pageCount returns in how many pages e's manifest comes.
func (e *export) pageCount(k Knobs) int {
	if e.showsParts(k) {
		return max(k.Pages, 2)
	}
	return max(k.Pages, 1)
}

// showsParts reports whether e shows, while it runs, what it has.
func (e *export) showsParts(k Knobs) bool { return k.Partial || e.wish.partial }

// available returns how many pages of a running export there are already:
// they come one after the other while the export runs.
func (e *export) available(k Knobs) int {
	if !e.showsParts(k) || k.Takes <= 0 || k.Stuck {
		return 0
	}
	select {
	case <-e.prepared:
	default:
		return 0
	}
	n := e.pageCount(k)
	return min(int(float64(e.elapsed())/float64(k.Takes)*float64(n)), n-1)
}

// pageURL is where a page after the first is.
func (e *export) pageURL(k Knobs, page int) string {
	if page == 1 {
		return e.statusURL()
	}
	if k.ForeignPages {
		return e.storageURL(k, fmt.Sprintf("page-%d", page))
	}
	u := e.statusURL()
	sep := "?"
	if strings.Contains(u, "?") {
		sep = "&"
	}
	return u + sep + url.Values{"page": {strconv.Itoa(page)}}.Encode()
}

// pollPage answers a request for a page after the first.
// https://build.fhir.org/ig/HL7/bulk-data/export.html#bulk-data-partial-manifests
func (p *PracticeServer) pollPage(x *exchange, e *export, page int) {
	over := e.finished(x.k)
	switch {
	case e.cancelled.Load():
		e.writeGone(x)
	case e.err != nil, page < 1, page > e.pageCount(x.k), !over && page > e.available(x.k):
		x.refuse(http.StatusNotFound, "not-found", "There is no such page.")
	case over && e.pages.ask(page) > x.k.PageWaits:
		e.writePage(x, http.StatusOK, page)
	case e.showsParts(x.k):
		p.retryAfter(x, e)
		e.writePage(x, http.StatusAccepted, page)
	default:
		p.retryAfter(x, e)
		x.WriteHeader(e.state(x, http.StatusAccepted))
	}
}

// writePage answers with a page of the manifest.
func (e *export) writePage(x *exchange, status, page int) {
	writeJSON(x, e.state(x, status), "application/json", e.manifest(x, status, page))
}
