package telemetry

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/secret"
)

// A pulse is when the engine last ticked, as it calls its followers: so long
// after the process began, by the clock that nobody sets.
type pulse struct{ at atomic.Int64 }

// silence is how long an engine that lives may let nothing be heard: it pauses
// for a minute when a follower failed.
const silence = 5 * time.Minute

// CatchUp notes that the engine ticks. It makes Metrics a follower of it.
func (m *Metrics) CatchUp(context.Context) error {
	m.pulse.at.Store(max(1, int64(time.Since(m.began))))
	return nil
}

// alive reports whether a restart would help: whether the engine has stopped
// ticking.
func (m *Metrics) alive() error {
	at := m.pulse.at.Load()
	if at > 0 && time.Since(m.began)-time.Duration(at) > silence {
		return errNoPulse
	}
	return nil
}

// health answers 200 as long as the process works, whatever else is wrong: a
// restart is what its asker does, and a restart mends no disk and no server.
func (m *Metrics) health(w http.ResponseWriter, _ *http.Request) {
	answer(w, m.alive())
}

// ready answers 200 when exports can be started and recorded: the engine has
// ticked and still does, the ledger can be read and written, and the disk has
// room. What practices' servers do is no part of it.
func (m *Metrics) ready(w http.ResponseWriter, r *http.Request) {
	answer(w, m.unready(r.Context()))
}

func (m *Metrics) unready(ctx context.Context) error {
	if m.pulse.at.Load() == 0 {
		return problem.New(problem.Internal, "the engine has not started yet", "Wait.")
	}
	if err := m.alive(); err != nil {
		return err
	}
	if err := m.o.Trouble(); err != nil {
		return problem.Of(err)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if _, err := m.o.Store.Version(ctx); err != nil {
		return problem.New(problem.LedgerDamaged, "the ledger does not answer", "See the log.")
	}
	c := m.o.Config()
	if free, err := m.free(c.Folder); err == nil && free < int64(c.Limits.FreeBytes) {
		return problem.New(problem.StorageFull, "no room is left for downloads", "Free space on the disk of the state folder.")
	}
	return nil
}

func (m *Metrics) free(folder string) (int64, error) {
	if m.o.Free != nil {
		return m.o.Free(folder)
	}
	return blob.Free(folder)
}

// answer tells the code of a problem and nothing else of it: whoever asks has
// not signed in.
func answer(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	text := "ok"
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = string(problem.Of(err).Code)
	}
	fmt.Fprintln(w, text) //nolint:errcheck // whoever asked has gone
}

// guarded asks for a token, if there is one.
func guarded(token secret.String, next http.Handler) http.Handler {
	if token.IsZero() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(token.Reveal())) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
