package sandbox

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// storage is where a practice may keep its output files: an origin of its own
// that believes signed links and nothing else.
type storage struct {
	s   *Server
	url string
	key []byte
}

// foreignStatus is where status URLs are whose host is not the FHIR server's;
// a practice's code comes after it.
const foreignStatus = "/status/"

func newStorage(s *Server) *storage {
	return &storage{s: s, key: []byte(rand.Text())}
}

// storageURL returns a signed link to one of e's files.
func (e *export) storageURL(k Knobs, name string) string {
	path := "/" + e.p.cfg.Code + "/" + e.id + "/" + name
	return e.p.s.storage.url + path + "?" + e.p.s.storage.signature(path, k.LinkLife)
}

// signature returns the query of a link to path that works for so long in the
// sandbox's time, or for ever where life is 0.
func (st *storage) signature(path string, life time.Duration) string {
	end := "never"
	if life > 0 {
		end = strconv.FormatInt(time.Now().Add(st.s.clock.real(life)).UnixMilli(), 10)
	}
	return url.Values{"expires": {end}, "signature": {st.sign(path, end)}}.Encode()
}

func (st *storage) sign(path, end string) string {
	mac := hmac.New(sha256.New, st.key)
	mac.Write([]byte(path + "?" + end)) // a hash takes every write
	return hex.EncodeToString(mac.Sum(nil))
}

func (st *storage) handler() http.Handler {
	mux := http.NewServeMux()
	for code, p := range st.s.practices {
		mux.HandleFunc("GET /"+code+"/{id}/{name}", func(w http.ResponseWriter, r *http.Request) { st.serve(p, w, r) })
	}
	for code, p := range st.s.practices {
		mux.Handle("GET "+foreignStatus+code, p.handler(route{kind: KindPoll, serve: (*PracticeServer).poll, foreign: true}))
		mux.Handle("DELETE "+foreignStatus+code, p.handler(route{kind: KindDelete, serve: (*PracticeServer).remove, foreign: true}))
	}
	mux.HandleFunc("/", st.s.noPractice)
	return mux
}

func (st *storage) serve(p *PracticeServer, w http.ResponseWriter, r *http.Request) {
	k := p.snapshot()
	x := &exchange{&answer{ResponseWriter: w, ctx: r.Context()}, r, k}
	q := asked{kind: KindStorage, file: r.PathValue("name")}
	if r.PathValue("id") == attachmentPath {
		q.kind = KindAttachment
	}
	q.resourceType, _, _ = strings.Cut(q.file, "-")
	q.number = p.numberOf(r.PathValue("id"), q.file)
	stray := k.URLs != URLsOtherHost || r.URL.Query().Has("signature")
	st.s.handle(x.answer, r, Request{Practice: p.cfg.Code, Kind: q.kind, File: q.file, Stray: stray}, func(log *Request) {
		fault, _ := p.faults.next(q)
		log.Fault = fault.Do
		suffer(x.answer, fault, func() { st.answer(p, x) })
	})
}

func (st *storage) answer(p *PracticeServer, x *exchange) {
	signed := x.r.URL.Query().Has("signature")
	switch {
	case x.k.URLs == URLsOtherHost && !signed:
		if _, ok := p.authorize(x); !ok {
			return
		}
	case x.r.Header.Get("Authorization") != "":
		x.refuse(http.StatusBadRequest, "invalid", "A signed link and a token exclude each other.")
		return
	case !st.admits(x):
		return
	}
	id, name := x.r.PathValue("id"), x.r.PathValue("name")
	if id == attachmentPath {
		p.serveAttachment(x, name)
		return
	}
	p.mu.Lock()
	e := p.exports[id]
	p.mu.Unlock()
	if e == nil {
		x.refuse(http.StatusNotFound, "not-found", "There is no such export.")
		return
	}
	if page, ok := strings.CutPrefix(name, "page-"); ok {
		n, err := strconv.Atoi(page)
		if err == nil {
			p.pollPage(x, e, n)
			return
		}
	}
	p.serveFile(x, e, name)
}

// admits reports whether the request's link is signed and in force. When it is
// not, it has answered.
func (st *storage) admits(x *exchange) bool {
	query := x.r.URL.Query()
	end := query.Get("expires")
	ends, err := strconv.ParseInt(end, 10, 64)
	switch {
	case !hmac.Equal([]byte(query.Get("signature")), []byte(st.sign(x.r.URL.Path, end))):
		x.refuse(http.StatusForbidden, "forbidden", "The link's signature is wrong.")
	case err == nil && time.Now().UnixMilli() >= ends:
		x.refuse(http.StatusForbidden, "expired", "The link has expired.")
	default:
		return true
	}
	return false
}
