package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// answer is a ResponseWriter that counts, and that does to the body what a
// fault says.
type answer struct {
	http.ResponseWriter
	ctx    context.Context
	fault  Fault // what happens to the body; its zero value is nothing
	mute   bool  // nothing reaches the client
	status int
	sent   int64
}

// errCut tells whoever writes a body to stop.
var errCut = errors.New("the body was cut by a fault")

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	a.status = status
	if a.mute {
		return
	}
	switch a.fault.Do {
	case ActionTruncate:
		a.Header().Del("Content-Length") // the shorter body has to look whole
	case ActionWrongLength:
		a.Header().Set("Content-Length", strconv.FormatInt(cmp.Or(a.fault.AtByte, 1<<40), 10))
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.mute {
		return len(b), nil
	}
	switch a.fault.Do {
	case "":
		return a.pass(b)
	case ActionSlow:
		piece := max(a.fault.Rate/10, 1)
		return a.drip(b, int(min(piece, 1<<20)), time.Duration(piece)*time.Second/time.Duration(a.fault.Rate))
	case ActionWrongLength:
		if a.fault.AtByte == 0 {
			return a.pass(b)
		}
	}
	left := a.fault.AtByte - a.sent
	if int64(len(b)) <= left {
		return a.pass(b)
	}
	n, err := a.pass(b[:max(left, 0)])
	if err != nil {
		return n, err
	}
	if a.fault.Do == ActionStall {
		more, err := a.drip(b[n:], 1, a.fault.Pace)
		return n + more, err
	}
	return n, a.cut()
}

func (a *answer) pass(b []byte) (int, error) {
	n, err := a.ResponseWriter.Write(b)
	a.sent += int64(n)
	return n, err
}

// drip passes on b in pieces, with a pause after each.
func (a *answer) drip(b []byte, piece int, pause time.Duration) (int, error) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	done := 0
	for done < len(b) {
		n, err := a.pass(b[done:min(done+piece, len(b))])
		done += n
		if err != nil {
			return done, err
		}
		http.NewResponseController(a.ResponseWriter).Flush()
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-a.ctx.Done():
			panic(http.ErrAbortHandler)
		}
	}
	return done, nil
}

// cut does what the fault says at its byte.
func (a *answer) cut() error {
	if a.fault.Do == ActionTruncate || a.fault.Do == ActionWrongLength {
		return errCut
	}
	http.NewResponseController(a.ResponseWriter).Flush()
	if a.fault.Do == ActionHang {
		<-a.ctx.Done()
	}
	reset(a.ResponseWriter)
	return errCut
}

// suffer lets fault happen to a request that serve would answer.
func suffer(a *answer, fault Fault, serve func()) {
	switch {
	case fault.Stage == StageHeader:
		breakHeader(a, fault)
		return
	case fault.Stage == StageEnd:
		breakEnd(a, fault, serve)
		return
	}
	switch fault.Do {
	case "":
		serve()
	case ActionLost:
		a.mute = true
		serve()
		if fault.Status == 0 {
			reset(a.ResponseWriter)
		}
		a.mute, a.status = false, 0
		clear(a.Header())
		writePage(a, fault.Status)
	case ActionGarbage:
		writeGarbage(a, cmp.Or(fault.Status, http.StatusOK))
	case ActionHTML:
		writePage(a, cmp.Or(fault.Status, http.StatusBadGateway))
	case ActionTruncate, ActionStall, ActionSlow, ActionWrongLength:
		a.fault = fault
		serve()
	default:
		sufferStatus(a, fault, serve)
	}
}

// sufferStatus is for the faults that happen instead of an answer, unless
// AtByte says that they happen in the midst of it.
func sufferStatus(a *answer, fault Fault, serve func()) {
	switch {
	case fault.AtByte > 0:
		a.fault = fault
		serve()
	case fault.Do == ActionStatus:
		if wait := tellWait(fault.RetryAfter); wait != "" {
			a.Header().Set("Retry-After", wait)
		}
		writeOutcome(a, cmp.Or(fault.Status, http.StatusInternalServerError), "exception", "The server met an error it did not expect.")
	case fault.Do == ActionGone:
		writeOutcome(a, http.StatusNotFound, "not-found", "There is no such thing here.")
	case fault.Do == ActionHang:
		<-a.ctx.Done()
		panic(http.ErrAbortHandler)
	default: // ActionReset
		reset(a.ResponseWriter)
	}
}

// writePage answers with a web page, as gateways do.
func writePage(a *answer, status int) {
	a.Header().Set("Content-Type", "text/html")
	a.WriteHeader(status)
	a.Write([]byte("<html><body><h1>Something went wrong</h1></body></html>\n")) // an error here means that the client has gone
}

// writeGarbage answers with bytes that are neither JSON nor text.
func writeGarbage(a *answer, status int) {
	a.Header().Set("Content-Type", "application/octet-stream")
	a.WriteHeader(status)
	a.Write(bytes.Repeat([]byte{0xfe, 0x00, '{', 0x80, '"', 0x0a}, 100)) // an error here means that the client has gone
}

// reset breaks the request's connection so that the peer sees a reset, not an
// orderly end. It does not return.
func reset(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil { // HTTP/2 can only reset its stream
		sever(conn)
	}
	panic(http.ErrAbortHandler)
}
