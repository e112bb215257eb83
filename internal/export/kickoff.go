package export

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// RequestOf gives the kick-off request of an intent.
func RequestOf(i store.Intent) bulkdata.Request {
	return bulkdata.Request{
		Level: bulkdata.Level(i.Level), GroupID: i.Group, Types: i.Types, Since: i.Since,
	}
}

// kickoff sends one kick-off. That it is about to be sent is durable before it
// leaves (I2): a runner that finds the intent of another, without an answer,
// does not send a second one.
func (s *Steps) kickoff(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	if !w.Export.KickoffSentAt.IsZero() {
		return Lost{lost(w, nil)}, nil
	}
	if p := Permit(t, w.Export.Intent, time.Now()); p != nil { // I1
		return nil, p
	}
	client, err := s.Connect(t, w.Export.Types)
	if err != nil {
		return nil, err
	}
	err = s.Store.In(t.ID).Do(ctx, func(tx *store.Tx) error {
		if err := tx.Hold(w.Lease); err != nil {
			return err
		}
		return tx.SetKickoffIntent(&w.Export) // I2
	})
	if err != nil {
		return nil, err
	}
	answer, err := client.Kickoff(ctx, RequestOf(w.Export.Intent))
	if err != nil {
		return s.kickoffFailed(ctx, t, w, err)
	}
	return Accepted{StatusURL: answer.StatusURL, PollAt: s.pollAt(t, answer.RetryAfter, answer.Answered)}, nil
}

// refused reports whether an error status says that nothing was started. A
// time-out, the server's own or a gateway's, says no such thing.
func refused(cause error) bool {
	status, ok := errors.AsType[*bulkdata.StatusError](cause)
	return ok && status.Status != http.StatusRequestTimeout && status.Status != http.StatusGatewayTimeout
}

// kickoffFailed tells what is lost from what can be sent again.
func (s *Steps) kickoffFailed(ctx context.Context, t *config.Tenant, w Work, cause error) (Outcome, error) {
	if bulkdata.MayHaveStarted(cause) && !refused(cause) {
		return Lost{lost(w, cause)}, nil
	}
	keep := context.WithoutCancel(ctx) // what is known now must not be lost because we are stopping
	if err := s.Store.In(t.ID).Do(keep, func(tx *store.Tx) error {
		if err := tx.Hold(w.Lease); err != nil {
			return err
		}
		return tx.ClearKickoffIntent(&w.Export)
	}); err != nil {
		return nil, errors.Join(err, cause)
	}
	if busy, ok := errors.AsType[*bulkdata.BusyError](cause); ok {
		return s.busy(t, w, busy)
	}
	return nil, explain(t, w, cause)
}

// busy says when to try again: when the server says, or else after as long as
// the profile waits at most between two polls. A server that is busy for ever
// is shown to a person.
func (s *Steps) busy(t *config.Tenant, w Work, b *bulkdata.BusyError) (Outcome, error) {
	if time.Since(w.Export.RequestedAt) > stuckAfter {
		return nil, problem.Wrap(b, problem.ExportStuck, "the server has refused to start the export for over 30 days, because it is busy with another",
			"Ask the practice or its vendor to end the export that runs there; then resume with bulkhead export "+t.ID+" --resume.")
	}
	profile := s.Config.Profile(t)
	wait := max(profile.Poll.Ceiling.Std(), profile.Poll.Floor.Std())
	reason := "the server is busy with another export of this group"
	if cool := profile.KickoffCooldown.Std(); cool > 0 {
		wait, reason = cool, "the server takes one kick-off of a group in "+cool.String()
	}
	if b.RetryAfter.Given {
		wait = max(b.RetryAfter.Wait, profile.Poll.Floor.Std())
	}
	return Busy{Until: time.Now().Add(wait), Reason: reason}, nil
}

func lost(w Work, cause error) *problem.Problem {
	what := "was requested from the server, but no answer came"
	_, broken := errors.AsType[*bulkdata.ProtocolError](cause)
	_, foreign := errors.AsType[*bulkdata.OriginError](cause)
	if broken || foreign {
		what = "was accepted by the server, but its answer cannot be used"
	}
	return problem.Wrap(cause, problem.KickoffUnknown,
		fmt.Sprintf("export %s %s: an export may be running there that nobody can reach", w.Export.ID, what),
		"Ask the practice whether an export is running, or just resume with bulkhead export "+w.Export.Tenant+
			" --resume: it asks once more, and waits if the server says that one is running.")
}
