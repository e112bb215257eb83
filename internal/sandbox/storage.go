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

func newStorage(s *Server) *storage {
	return &storage{s: s, key: []byte(rand.Text())}
}

// storageURL returns a signed link to one of e's files.
func (e *export) storageURL(k Knobs, name string) string {
	end := "never"
	if k.LinkLife > 0 {
		end = strconv.FormatInt(time.Now().Add(e.p.s.clock.real(k.LinkLife)).UnixMilli(), 10)
	}
	path := "/" + e.p.cfg.Code + "/" + e.id + "/" + name
	v := url.Values{"expires": {end}, "signature": {e.p.s.storage.sign(path, end)}}
	return e.p.s.storage.url + path + "?" + v.Encode()
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
	mux.HandleFunc("/", st.s.noPractice)
	return mux
}

func (st *storage) serve(p *PracticeServer, w http.ResponseWriter, r *http.Request) {
	k := p.snapshot()
	x := &exchange{&answer{ResponseWriter: w, ctx: r.Context()}, r, k}
	q := asked{kind: KindStorage, file: r.PathValue("name")}
	q.resourceType, _, _ = strings.Cut(q.file, "-")
	st.s.handle(x.answer, r, Request{Practice: p.cfg.Code, Kind: q.kind, File: q.file, Stray: true}, func(log *Request) {
		fault, _ := p.faults.next(q)
		log.Fault = fault.Do
		suffer(x.answer, fault, func() { st.answer(p, x) })
	})
}

func (st *storage) answer(p *PracticeServer, x *exchange) {
	query := x.r.URL.Query()
	end := query.Get("expires")
	ends, err := strconv.ParseInt(end, 10, 64)
	switch {
	case x.r.Header.Get("Authorization") != "":
		x.refuse(http.StatusBadRequest, "invalid", "A signed link and a token exclude each other.")
	case !hmac.Equal([]byte(query.Get("signature")), []byte(st.sign(x.r.URL.Path, end))):
		x.refuse(http.StatusForbidden, "forbidden", "The link's signature is wrong.")
	case err == nil && time.Now().UnixMilli() >= ends:
		x.refuse(http.StatusForbidden, "expired", "The link has expired.")
	default:
		p.mu.Lock()
		e := p.exports[x.r.PathValue("id")]
		p.mu.Unlock()
		if e == nil {
			x.refuse(http.StatusNotFound, "not-found", "There is no such export.")
			return
		}
		p.serveFile(x, e, x.r.PathValue("name"))
	}
}
