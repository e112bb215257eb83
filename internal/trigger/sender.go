package trigger

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Sender sends the call-backs that the ledger holds. It starts no goroutine;
// its method is called by one at a time.
type Sender struct {
	Store  *store.Store
	Config func() *config.Config
	// Way gives the connections to callees; here says that they are on this
	// machine.
	Way func(here bool) http.RoundTripper
	Log *slog.Logger
}

const (
	batch       = 50
	patience    = 10 * time.Second // of one call, its answer included
	answerMost  = 4 << 10          // bytes of an answer that are read
	firstPause  = time.Minute
	longPause   = time.Hour
	giveUpAfter = 24 * time.Hour
)

// SendDue sends every call-back that is due now. One that does not arrive is
// due again after growing pauses, for a day; while a callee does not answer,
// what else is for it waits with the first. The error is trouble with the
// ledger, or the end of ctx.
func (s *Sender) SendDue(ctx context.Context) error {
	for {
		due, err := s.Store.DueCallbacks(ctx, batch)
		if err != nil || len(due) == 0 {
			return err
		}
		silent := map[string]bool{}
		for _, c := range due {
			if silent[c.Target] {
				continue // it was put off
			}
			if silent[c.Target], err = s.send(ctx, c); err != nil {
				return err
			}
		}
	}
}

// A failure is why a call-back did not arrive, in our words.
type failure struct {
	why    string
	silent bool // the callee as a whole does not answer
	final  bool // trying again is of no use
}

// send sends one call-back and records what came of it. silent says that the
// callee does not answer.
func (s *Sender) send(ctx context.Context, c store.Callback) (silent bool, err error) {
	f := s.call(ctx, c)
	if ctx.Err() != nil && f != nil {
		return false, ctx.Err() // we stop: it is as if it had not been tried
	}
	keep := context.WithoutCancel(ctx)
	in := s.Store.In(c.Tenant)
	if f == nil {
		return false, in.SetCalledBack(keep, c)
	}
	now := time.Now()
	due := now.Add(min(firstPause<<min(c.Attempts, 10), longPause))
	last := f.final || due.Sub(c.MadeAt) > giveUpAfter
	if last {
		s.Log.Error("a call-back is given up", "target", c.Target, "tenant", c.Tenant, "export", c.Export, "state", c.State, "reason", f.why)
		due = time.Time{}
	} else {
		s.Log.Warn("a call-back did not arrive", "target", c.Target, "tenant", c.Tenant, "export", c.Export, "reason", f.why)
	}
	if err := in.SetNotCalledBack(keep, c.ID, due, f.why); err != nil || !f.silent {
		return false, err
	}
	if last {
		due = now.Add(longPause)
	}
	givenUp, err := s.Store.PutOffCallbacks(keep, c.Target, due, now.Add(-giveUpAfter), f.why)
	if givenUp > 0 {
		s.Log.Error("call-backs are given up", "target", c.Target, "count", givenUp, "reason", f.why)
	}
	return true, err
}

// call posts a call-back; nil when it was taken.
func (s *Sender) call(ctx context.Context, c store.Callback) *failure {
	to, ok := s.Config().CalleeOf(c.Target)
	if !ok || !to.Knows(c.Tenant) || c.URL != to.URL && !to.Allows(c.URL) {
		return &failure{why: "the configuration no longer allows it", final: true}
	}
	key, err := to.Secret()
	if err != nil {
		return &failure{why: "its secret cannot be read, or is too short", silent: true}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, strings.NewReader(c.Body))
	if err != nil {
		return &failure{why: "its address cannot be used", final: true}
	}
	now := time.Now()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "bulkhead")
	r.Header.Set(HeaderID, c.Delivery)
	r.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(HeaderSignature, Sign(key, c.Delivery, now, []byte(c.Body)))
	answer, err := s.Way(to.Local()).RoundTrip(r) // which follows no redirect
	if err != nil {
		return &failure{why: reason(err), silent: true}
	}
	defer answer.Body.Close()                            //nolint:errcheck // the answer is its status
	_, _ = io.CopyN(io.Discard, answer.Body, answerMost) //nolint:errcheck // as above; the connection may be used again
	switch code := answer.StatusCode; {
	case code/100 == 2:
		return nil
	case code/100 == 3:
		return &failure{why: fmt.Sprintf("it answered %d; no redirect is followed", code)}
	default:
		return &failure{why: fmt.Sprintf("it answered %d", code), silent: code >= 500 || code == http.StatusTooManyRequests}
	}
}

// reason says in our words why a call did not come through: the library's own
// text names the address.
func reason(err error) string {
	timeout, isNet := errors.AsType[net.Error](err)
	_, noName := errors.AsType[*net.DNSError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, wrongName := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case export.Withheld(err):
		return "its name leads to an address that bulkhead never calls"
	case errors.Is(err, context.DeadlineExceeded) || isNet && timeout.Timeout():
		return "it did not answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at its address"
	case noName:
		return "its name does not resolve"
	case unknown || wrongName || invalid:
		return "its certificate is not trusted"
	}
	return "the connection failed"
}
