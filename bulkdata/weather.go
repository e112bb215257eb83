package bulkdata

import (
	"errors"
	"net/http"
	"strconv"
)

// weather is how errors of this package, and those of token sources, tell
// whether a later attempt may succeed by itself.
type weather interface {
	error
	Temporary() bool
}

// Temporary reports whether err is weather: a later attempt may succeed though
// nobody does anything. It is false for nil and for errors it does not know.
// After a kick-off ask [MayHaveStarted] first.
func Temporary(err error) bool {
	w, ok := errors.AsType[weather](err)
	return ok && w.Temporary()
}

// MayHaveStarted reports whether a kick-off that failed with err may
// nevertheless have started an export: it went unanswered, a gateway answered
// in the server's place, the server gave up waiting for itself, or success
// came without a usable status URL. Such a kick-off must not simply be repeated.
func MayHaveStarted(err error) bool {
	if _, ok := errors.AsType[*UnansweredError](err); ok {
		return true
	}
	if o, ok := errors.AsType[*OriginError](err); ok {
		return o.Op == OpKickoff
	}
	if p, ok := errors.AsType[*ProtocolError](err); ok {
		return p.Op == OpKickoff && p.Status/100 == 2 && p.Outcome.Worst() != SeverityError
	}
	s, ok := errors.AsType[*StatusError](err)
	if !ok || s.Op != OpKickoff {
		return false
	}
	return s.Status == http.StatusRequestTimeout || s.Status >= 500 && (s.Outcome == nil || s.Outcome.Transient())
}

func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return strconv.Itoa(status) + " " + text
	}
	return strconv.Itoa(status)
}
