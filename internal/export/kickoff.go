package export

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// RequestOf gives the kick-off request of an intent. Patients are named as in
// the ledger.
func RequestOf(i store.Intent) bulkdata.Request {
	p := i.Parameters
	r := bulkdata.Request{
		Level: bulkdata.Level(i.Level), GroupID: i.Group, Types: i.Types, Since: i.Since, Until: p.Until,
		Elements: p.Elements, TypeFilters: p.TypeFilters, Patients: p.Patients, AssociatedData: p.AssociatedData,
		OrganizeOutputBy: p.OrganizeBy, AllowPartialManifests: p.AllowPartial, SeparateExportStatus: p.SeparateStatus,
	}
	return r
}

// requestOf gives the kick-off request of an intent as it is sent: with the ids
// of patients that the ledger has veiled.
func (s *Steps) requestOf(ctx context.Context, i store.Intent, t *config.Tenant) (r bulkdata.Request, err error) {
	r = RequestOf(i)
	r.Post = s.Config.Profile(t).Post
	if len(r.Patients) == 0 {
		return r, nil
	}
	scope, err := s.Files.Tenant(t.ID)
	if err != nil {
		return r, err
	}
	r.Patients, err = scope.Unveil(ctx, r.Patients)
	return r, err
}

// kickoff sends one kick-off. That it is about to be sent is durable before it
// leaves (I2): a runner that finds the intent of another, without an answer,
// does not send a second one.
func (s *Steps) kickoff(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	if !w.Export.KickoffSentAt.IsZero() {
		return Lost{lost(w, nil)}, nil
	}
	if wait, err := s.mayBegin(ctx, t, w); err != nil || wait != nil {
		return wait, err
	}
	client, err := s.Connect(t, w.Export.Types)
	if err != nil {
		return nil, err
	}
	grant, err := s.granted(ctx, t, w)
	if err != nil {
		return nil, err
	}
	request, err := s.requestOf(ctx, w.Export.Intent, t)
	if err != nil {
		return nil, err
	}
	client, notes, err := s.speak(ctx, t, w, client)
	if err != nil {
		return nil, err
	}
	notes = append(notes, grantNotes(grant)...)
	err = s.Store.In(t.ID).Do(ctx, func(tx *store.Tx) error {
		if err := tx.Hold(w.Lease); err != nil {
			return err
		}
		return tx.SetKickoffIntent(&w.Export) // I2
	})
	if err == nil {
		err = s.at("kickoff: intended")
	}
	if err != nil {
		return nil, err
	}
	answer, err := client.Kickoff(ctx, request)
	if t.RetryWithoutTypes && refusesTypes(err) {
		request.Types, request.TypeFilters = nil, nil
		w.Export.Parameters.WithoutTypes = true
		notes = append(notes, Note{"types_left_out", "the server refused _type"})
		answer, err = client.Kickoff(ctx, request)
	}
	if err != nil {
		outcome, err := s.kickoffFailed(ctx, t, w, err)
		return outcome, sayScopes(err, grant)
	}
	if err := s.at("kickoff: answered"); err != nil {
		return nil, err
	}
	notes = append(notes, saidAtKickoff(answer)...)
	return Accepted{
		StatusURL: answer.StatusURL, Separate: answer.SeparateStatus, PollAt: s.pollAt(t, answer.RetryAfter, answer.Answered, 0), Notes: notes,
		WithoutTypes: w.Export.Parameters.WithoutTypes, Began: beganAt(answer),
	}, nil
}

// mayBegin says whether the kick-off may leave now: the agreement permits it,
// what comes of it can be kept, and the server is ready for it.
func (s *Steps) mayBegin(ctx context.Context, t *config.Tenant, w Work) (wait Outcome, err error) {
	if p := Permit(s.Config, t, w.Export.Intent, time.Now()); p != nil { // I1
		return nil, p
	}
	scope, err := s.Files.Tenant(t.ID)
	if err == nil {
		err = scope.Writable(ctx)
	}
	if err == nil {
		err = s.afterRelease(ctx, t, w)
	}
	if err != nil {
		return nil, err
	}
	return s.cooling(ctx, t, w)
}

// beganAt gives when the server had the kick-off, by its own clock, if ours is
// ahead of it: before it answered, and no longer before than the exchange took.
// Its Date has whole seconds.
func beganAt(k *bulkdata.Kickoff) time.Time {
	if k.ServerTime.IsZero() || k.Sent.Sub(k.ServerTime) < time.Second {
		return time.Time{}
	}
	return k.ServerTime.Add(-k.Answered.Sub(k.Sent))
}

// parting is how long a kick-off waits at most for the server to be told that
// it may forget the export before: some hold its slot until then, and refuse
// another. A courtesy to the server must not hold up an export.
const parting = 30 * time.Second

func (s *Steps) afterRelease(ctx context.Context, t *config.Tenant, w Work) error {
	open, err := s.Store.In(t.ID).Releasing(ctx, w.Export.Endpoint, Release, time.Now().Add(-parting))
	if err != nil || !open {
		return err
	}
	return &Later{Until: time.Now().Add(time.Second), Reason: "the server is first told to forget the export before"}
}

// cooling waits where the vendor takes only so many kick-offs of a group in a
// time. What was sent is in the ledger, so a restart does not forget it.
func (s *Steps) cooling(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	cool := s.Config.Profile(t).KickoffCooldown.Std()
	if cool == 0 {
		return nil, nil
	}
	last, err := s.Store.In(t.ID).LastKickoff(ctx, w.Export)
	if err != nil || last.IsZero() || time.Since(last) >= cool {
		return nil, err
	}
	return Busy{Until: last.Add(cool), Reason: "the server takes one kick-off of a group in " + cool.String()}, nil
}

// refusesTypes reports whether the server understood the kick-off and did not
// want its types.
func refusesTypes(err error) bool {
	status, ok := errors.AsType[*bulkdata.StatusError](err)
	return ok && status.Outcome != nil && (status.Status == http.StatusBadRequest || status.Status == http.StatusUnprocessableEntity)
}

// saidAtKickoff are what the server remarked, by code, and how its answer
// departed from the standard.
func saidAtKickoff(k *bulkdata.Kickoff) []Note {
	var notes []Note
	for _, d := range k.Deviations {
		notes = append(notes, Note{"deviation", string(d)})
	}
	if k.Outcome != nil {
		notes = append(notes, Note{"server_remarks", k.Outcome.String()})
	}
	return notes
}

// refused reports whether an error status says that nothing was started. A
// time-out, the server's own or a gateway's, says no such thing; nor does a
// gateway to which the server said something that it could not read, nor a
// facade that says so of what is behind it. (A server that names another error
// has started nothing: bulkdata.MayHaveStarted.)
// https://www.rfc-editor.org/rfc/rfc9110#name-502-bad-gateway
func refused(cause error) bool {
	status, ok := errors.AsType[*bulkdata.StatusError](cause)
	if !ok {
		return false
	}
	switch status.Status {
	case http.StatusRequestTimeout, http.StatusGatewayTimeout, http.StatusBadGateway, timedOut, unreadable:
		return false
	}
	return true
}

// What gateways answer besides the statuses of RFC 9110 when they have reached
// the server: it answered too late, or something that is no HTTP.
const (
	timedOut   = 524
	unreadable = 520
)

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
	if status, ok := errors.AsType[*bulkdata.StatusError](cause); ok && slices.Contains(s.Config.Profile(t).BusyStatuses, status.Status) {
		return s.busy(t, w, &bulkdata.BusyError{Status: status.Status, RetryAfter: status.RetryAfter, Outcome: status.Outcome})
	}
	return nil, explain(t, w, cause)
}

// busy says when to try again: when the server says, or else after as long as
// the profile waits at most between two polls. A server that is busy for ever
// is shown to a person.
func (s *Steps) busy(t *config.Tenant, w Work, b *bulkdata.BusyError) (Outcome, error) {
	if time.Since(w.Export.RequestedAt) > s.maxAge(t) {
		return nil, problem.Wrap(b, problem.ExportStuck, "the server has refused to start the export for over "+days(s.maxAge(t))+", because it is busy with another",
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
	if status, ok := errors.AsType[*bulkdata.StatusError](cause); ok {
		what = fmt.Sprintf("was requested from the server, but a gateway or a time-out answered in its place (%d)", status.Status)
	}
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
