package sandbox

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// halfHeader is what comes of an answer that breaks in its header.
const halfHeader = "HTTP/1.1 200 OK\r\nContent-Type: application/fhir+js"

// breakHeader writes half a header and does the rest of the fault. It does not
// return: nothing can follow.
func breakHeader(a *answer, fault Fault) {
	conn := takeOver(a)
	defer panic(http.ErrAbortHandler)
	defer conn.Close()
	a.status = http.StatusOK
	if _, err := io.WriteString(conn, halfHeader); err != nil {
		return
	}
	switch fault.Do {
	case ActionReset:
		sever(conn)
	case ActionHang:
		await(a.ctx, conn)
	case ActionStall:
		for a.ctx.Err() == nil {
			if _, err := conn.Write([]byte{'n'}); err != nil {
				return
			}
			rest(a.ctx, fault.Pace)
		}
	}
}

// breakEnd lets the whole body pass and does the fault before the body's end
// is marked.
func breakEnd(a *answer, fault Fault, serve func()) {
	serve()
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	http.NewResponseController(a.ResponseWriter).Flush() // an error here means that the client has gone
	switch fault.Do {
	case ActionHang, ActionStall:
		<-a.ctx.Done()
	case ActionTruncate:
		conn := takeOver(a)
		conn.Close()
		panic(http.ErrAbortHandler)
	}
	reset(a.ResponseWriter)
}

// takeOver gives the request's connection, which is the caller's from then on.
// Over HTTP/2, where there is none, it does not return.
func takeOver(a *answer) net.Conn {
	conn, _, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn
}

// sever makes the peer see a reset when conn is closed.
func sever(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		t.SetLinger(0) // without it the close is merely orderly
	}
	conn.Close()
}

// await waits until the client or the server gives the connection up.
func await(ctx context.Context, conn net.Conn) {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	io.Copy(io.Discard, conn) // it ends with an error, or with the client
}

// rest waits for so long, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// tellWait is a Retry-After as Fault.RetryAfter says it.
func tellWait(text string) string {
	if d, err := time.ParseDuration(text); err == nil {
		return strconv.Itoa(int(d.Seconds()))
	}
	if ahead, ok := strings.CutPrefix(text, "date "); ok {
		if d, err := time.ParseDuration(ahead); err == nil {
			return time.Now().Add(d).UTC().Format(http.TimeFormat)
		}
	}
	return text
}
