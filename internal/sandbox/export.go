package sandbox

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// An export is one that a practice's server has accepted. What is fixed by
// kick-off is never written again; mu guards the rest.
type export struct {
	p        *PracticeServer
	id       string
	level    Level
	group    string // the id that the request named
	cohort   Group
	client   string
	request  string // the URL of the kick-off
	types    []string
	since    time.Time
	until    time.Time // transactionTime
	accepted time.Time // real time
	k        Knobs     // what decides the files' bytes
	wish     wish

	ordinal  int                        // how many exports the practice accepted before
	roster   roster                     // of the group, when the export was accepted
	plain    bool                       // resources are shown as the practice has them
	results  map[string]bool            // observations that reports refer to, where those matter
	invented []Ref                      // what is said to be deleted
	gone     map[string]map[string]bool // the same, by type and id

	prepared  chan struct{} // closed when what follows is set
	files     []*file
	deleted   []*file
	outcomes  []*file
	named     map[string]*file // all of them, by name
	err       error
	cancelled atomic.Bool
	early     atomic.Bool // deleted before every file was given

	pages  waits
	listed atomic.Int32 // how often the first page of the manifest was given whole

	turns turns
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// admit takes e in, unless an export of the same thing forbids it: then it
// returns that one, or true when it is too early for another.
func (p *PracticeServer) admit(k Knobs, e *export) (running *export, early bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, other := range p.exports {
		if other.expired() {
			delete(p.exports, id)
			continue
		}
		if k.Duplicate != DuplicateAllowed && e.rivals(k, other) && other.holdsSlot(k) {
			return other, false
		}
	}
	for _, other := range p.seen {
		if other.client == e.client && e.rivals(k, other) && other.elapsed() < k.KickoffWindow {
			return nil, true
		}
	}
	e.accepted, e.until, e.k = time.Now(), p.s.clock.now(), k
	e.prepared = make(chan struct{})
	p.exports[e.id] = e
	p.enrol(e)
	if len(p.seen) == keepExports {
		p.seen = slices.Delete(p.seen, 0, keepExports/10)
	}
	p.seen = append(p.seen, e)
	return nil, false
}

// keepExports bounds the memory of a long-lived sandbox.
const keepExports = 10_000

// rivals reports whether e and other want the same place.
func (e *export) rivals(k Knobs, other *export) bool {
	return k.OnePer == OnePerPractice || (other.level == e.level && other.group == e.group)
}

// runningFor returns the status URLs of a client's exports that hold a slot.
func (p *PracticeServer) runningFor(k Knobs, client string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var urls []string
	for _, e := range p.seen {
		if p.exports[e.id] == e && e.client == client && e.holdsSlot(k) {
			urls = append(urls, e.statusURL())
		}
	}
	return urls
}

// find returns the export id if client may see it.
func (p *PracticeServer) find(id, client string) *export {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.exports[id]
	if e == nil || (e.client != client && p.knobs.BindClient) || e.expired() {
		return nil
	}
	return e
}

// holdsSlot reports whether e keeps others of its group out.
func (e *export) holdsSlot(k Knobs) bool {
	return !e.cancelled.Load() && (k.SlotUntilDelete || !e.finished(k))
}

// finished reports whether e's manifest can be had.
func (e *export) finished(k Knobs) bool {
	if k.Stuck || e.elapsed() < k.Takes {
		return false
	}
	select {
	case <-e.prepared:
		return true
	default:
		return false
	}
}

// elapsed is how long e has been running, in the sandbox's time.
func (e *export) elapsed() time.Duration {
	return time.Duration(float64(time.Since(e.accepted)) * e.p.s.clock.scale)
}

func (e *export) expired() bool {
	return e.k.Expiry > 0 && e.elapsed() > e.k.Takes+e.k.Expiry
}

// statusURLs are the shapes of status URLs: a query's parameter, or a folder.
var statusURLs = []string{"$export-poll-location?job_id", "$export-poll-status?_jobId", "bulk-export/jobs", "bulk/status"}

func (e *export) statusURL() string {
	shape := cmp.Or(e.k.StatusURL, statusURLs[0])
	if strings.Contains(shape, "?") {
		return e.p.base + "/" + shape + "=" + url.QueryEscape(e.id)
	}
	return e.p.base + "/" + shape + "/" + url.PathEscape(e.id)
}

// exportID is the export that a request to a status URL names.
func exportID(r *http.Request) string {
	q := r.URL.Query()
	return cmp.Or(r.PathValue("job"), q.Get("job_id"), q.Get("_jobId"))
}

// prepare works out, beside the requests, which files e has.
func (e *export) prepare() {
	e.p.s.working.Go(func() {
		defer close(e.prepared)
		e.err = e.lay(e.p.s.ctx)
	})
}
