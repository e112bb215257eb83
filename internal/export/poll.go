package export

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/exportlog"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	// settling is how long after the kick-off a 404 may mean "not yet".
	settling = 2 * time.Minute
	// stuckAfter is the age at which an export that the server has not finished,
	// or not started, is shown to a person, unless the profile says otherwise.
	// Waits of weeks are known.
	stuckAfter = 30 * 24 * time.Hour
)

// poll asks once for the status, never before it was told to: next_poll_at is
// durable, so a restart does not forget it.
func (s *Steps) poll(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	if at := w.Export.NextPollAt; time.Now().Before(at) {
		return nil, &Later{Until: at, Reason: "the server asked to be polled later"}
	}
	if err := s.permitted(agreement.AtPoll, t, w.Export, w.Export.Sinks); err != nil { // I1
		return nil, err
	}
	client, err := s.Connect(t, w.Export.Types)
	if err != nil {
		return nil, err
	}
	status, err := s.ask(ctx, client, w.Export)
	if err != nil {
		return s.pollFailed(t, w, err)
	}
	if m := status.Manifest; m != nil && (status.State == bulkdata.Complete || m.Next != "") {
		return s.listed(ctx, t, w, status) // a page that is linked from has all its files
	}
	if status.SaysCancelled {
		return Vanished{gone(w, nil)}, nil
	}
	if time.Since(w.Export.AcceptedAt) > s.maxAge(t) {
		return nil, stuck(t, s.maxAge(t))
	}
	return InProgress{Progress: progress(status.Progress), PollAt: s.pollAt(t, status.RetryAfter, status.Answered, w.Export.Polls+1)}, nil
}

// progress gives what is kept of an X-Progress header: a percentage, because
// its text is free and may name a patient.
func progress(said string) string {
	if said == "" {
		return ""
	}
	return exportlog.Progress(said)
}

// pageURL gives what to ask next: the status URL, or a page of the manifest,
// which answers like one.
func pageURL(x store.Export) string {
	if x.PageURL != "" {
		return x.PageURL
	}
	return x.StatusURL
}

func (s *Steps) pollFailed(t *config.Tenant, w Work, err error) (Outcome, error) {
	status, ok := errors.AsType[*bulkdata.StatusError](err)
	if !ok || !status.Gone() {
		if err = explain(t, w, err); isLater(err) && time.Since(w.Export.AcceptedAt) > s.maxAge(t) {
			return nil, stuck(t, s.maxAge(t)) // a server that only ever says later
		}
		return nil, err
	}
	if early := w.Export.AcceptedAt.Add(settling); time.Now().Before(early) && w.Lease.Attempt < 3 {
		return nil, fmt.Errorf("the server does not know the export yet: %w", err)
	}
	return Vanished{gone(w, err)}, nil
}

func isLater(err error) bool {
	_, ok := errors.AsType[*Later](err)
	return ok
}

func (s *Steps) maxAge(t *config.Tenant) time.Duration {
	if age := s.Config.Profile(t).MaxAge.Std(); age > 0 {
		return age
	}
	return stuckAfter
}

func days(d time.Duration) string { return fmt.Sprintf("%d days", int(d.Hours()/24)) }

func stuck(t *config.Tenant, age time.Duration) *problem.Problem {
	return problem.New(problem.ExportStuck, "the server has been working on the export for over "+days(age),
		"Ask the practice or its vendor to look at the export; then start a new one with bulkhead export "+t.ID+".")
}

func gone(w Work, cause error) *problem.Problem {
	return problem.Wrap(cause, problem.ExportGone, "the server no longer knows the export",
		"Start a new one with bulkhead export "+w.Export.Tenant+". If it happens again, ask the vendor how long exports are kept.")
}

// pollAt says when to ask next: when the server said, within the profile's
// bounds; or at our own pace, which grows with the polls there were.
func (s *Steps) pollAt(t *config.Tenant, told bulkdata.RetryAfter, answered time.Time, polls int64) time.Time {
	rule := s.Config.Profile(t).Poll
	if !told.Given {
		return answered.Add(ownPace(rule, polls))
	}
	return answered.Add(max(s.believed(t, told), rule.Floor.Std()))
}

// believed gives how long a server wants to be left alone, as far as the profile
// believes it.
func (s *Steps) believed(t *config.Tenant, told bulkdata.RetryAfter) time.Duration {
	if most := s.Config.Profile(t).Poll.RetryAfterCap.Std(); most > 0 {
		return min(told.Wait, most)
	}
	return told.Wait
}

// ownPace is how long to wait after so many polls where the server does not
// say: half as long again each time, up to the profile's ceiling.
func ownPace(rule config.PollRule, polls int64) time.Duration {
	pace := bulkdata.Pace{First: rule.Default.Std(), Least: rule.Floor.Std(), Longest: max(rule.Ceiling.Std(), rule.Default.Std()), Factor: 1.5}
	return pace.Wait(int(polls), 0, bulkdata.RetryAfter{})
}
