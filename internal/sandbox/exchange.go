package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// An exchange is one request to a practice and its answer.
type exchange struct {
	*answer
	r *http.Request
	k Knobs // as they were when the request came
}

// handler wraps a route with what every request to the practice goes through:
// the record, the rate limit, the faults.
func (p *PracticeServer) handler(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k := p.snapshot()
		q := asked{kind: rt.kind}
		if rt.kind == KindFile {
			q.file = r.URL.Query().Get("file_name")
			q.resourceType, _, _ = strings.Cut(q.file, "-")
			q.number = p.numberOf(r.URL.Query().Get("job_id"), q.file)
		}
		x := &exchange{&answer{ResponseWriter: w, ctx: r.Context()}, r, k}
		p.s.handle(x.answer, r, Request{Practice: p.cfg.Code, Kind: rt.kind, File: q.file, Stray: p.cfg.Open || rt.foreign}, func(log *Request) {
			if !p.within(k) {
				x.WriteHeader(http.StatusTooManyRequests)
				return
			}
			fault, _ := p.faults.next(q)
			log.Fault = fault.Do
			suffer(x.answer, fault, func() { rt.serve(p, x) })
		})
	})
}

// handle keeps the record of one request and refuses it when the server is
// closed. When log.Stray is set, an Authorization header does not belong here.
func (s *Server) handle(a *answer, r *http.Request, log Request, serve func(*Request)) {
	s.life.RLock()
	defer s.life.RUnlock()
	if s.closed {
		panic(http.ErrAbortHandler)
	}
	log.At, log.Method = time.Now(), r.Method
	s.record.come(log.Practice)
	log.Authorized = r.Header.Get("Authorization") != ""
	log.Stray = log.Stray && log.Authorized
	s.affinity.see(r, log.Practice, log.Kind)
	defer func() { // also when a fault has broken the connection
		log.Status, log.Bytes = a.status, a.sent
		if a.mute {
			log.Status = 0
		}
		s.record.add(log)
	}()
	if !s.played(a, r, &log, serve) {
		serve(&log)
	}
}

// refuse answers with an OperationOutcome.
func (x *exchange) refuse(status int, code, format string, args ...any) {
	writeOutcome(x.answer, status, code, fmt.Sprintf(format, args...))
}

func writeOutcome(w http.ResponseWriter, status int, code, text string) {
	writeJSON(w, status, "application/fhir+json", map[string]any{
		"resourceType": "OperationOutcome",
		"issue": []any{map[string]any{
			"severity": "error", "code": code, "diagnostics": text, "details": map[string]any{"text": text},
		}},
	})
}

// writeJSON answers with v, which holds only what can be marshalled, and
// leaves &, < and > as they are.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // a mistake in this package
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(b.Bytes()) // an error here means that the client has gone
}

// header sets a header of the asynchronous pattern: under its usual name, or
// in lower case as eClinicalWorks writes it.
func (x *exchange) header(name, value string) {
	if x.k.LowerCase {
		x.Header()[strings.ToLower(name)] = []string{value}
		return
	}
	x.Header().Set(name, value)
}
