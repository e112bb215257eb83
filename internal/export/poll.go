package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	// settling is how long after the kick-off a 404 may mean "not yet".
	settling = 2 * time.Minute
	// stuckAfter is the age at which an export that the server has not finished,
	// or not started, is shown to a person. Waits of weeks are known.
	stuckAfter = 30 * 24 * time.Hour
)

// poll asks once for the status, never before it was told to: next_poll_at is
// durable, so a restart does not forget it.
func (s *Steps) poll(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	if at := w.Export.NextPollAt; time.Now().Before(at) {
		return nil, &Later{Until: at, Reason: "the server asked to be polled later"}
	}
	if err := permitted(t, w.Export, w.Export.Sinks); err != nil { // I1
		return nil, err
	}
	client, err := s.Connect(t, w.Export.Types)
	if err != nil {
		return nil, err
	}
	status, err := client.Status(ctx, w.Export.StatusURL)
	if err != nil {
		return s.pollFailed(t, w, err)
	}
	if status.State == bulkdata.Complete {
		return s.listed(ctx, t, w, status)
	}
	if status.SaysCancelled {
		return Vanished{gone(w, nil)}, nil
	}
	if time.Since(w.Export.AcceptedAt) > stuckAfter {
		return nil, stuck(t)
	}
	return InProgress{Progress: status.Progress, PollAt: s.pollAt(t, status.RetryAfter, status.Answered)}, nil
}

func (s *Steps) pollFailed(t *config.Tenant, w Work, err error) (Outcome, error) {
	status, ok := errors.AsType[*bulkdata.StatusError](err)
	if !ok || !status.Gone() {
		if err = explain(t, w, err); isLater(err) && time.Since(w.Export.AcceptedAt) > stuckAfter {
			return nil, stuck(t) // a server that only ever says later
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

func stuck(t *config.Tenant) *problem.Problem {
	return problem.New(problem.ExportStuck, "the server has been working on the export for over 30 days",
		"Ask the practice or its vendor to look at the export; then start a new one with bulkhead export "+t.ID+".")
}

func gone(w Work, cause error) *problem.Problem {
	return problem.Wrap(cause, problem.ExportGone, "the server no longer knows the export",
		"Start a new one with bulkhead export "+w.Export.Tenant+". If it happens again, ask the vendor how long exports are kept.")
}

// pollAt says when to ask next: when the server said, within the profile's
// bounds; or at the profile's own pace.
func (s *Steps) pollAt(t *config.Tenant, told bulkdata.RetryAfter, answered time.Time) time.Time {
	rule := s.Config.Profile(t).Poll
	wait := rule.Default.Std()
	if told.Given {
		wait = told.Wait
	}
	if !told.Given && rule.Ceiling > 0 {
		wait = min(wait, rule.Ceiling.Std())
	}
	return answered.Add(max(wait, rule.Floor.Std()))
}

// listed stores the manifest as received and reads what it names.
func (s *Steps) listed(ctx context.Context, t *config.Tenant, w Work, status *bulkdata.Status) (Outcome, error) {
	m := status.Manifest
	if m.Next != "" {
		return nil, problem.New(problem.ManifestInvalid, "the server split the manifest into pages, which was not asked for",
			"Report this with the vendor's name; bulkhead does not follow pages yet, and would miss what they list.")
	}
	if err := s.keepManifest(ctx, t, w, status.Raw); err != nil {
		return nil, err
	}
	files, notPermitted, err := filesOf(t, m)
	if err != nil {
		return nil, err
	}
	return Listed{
		TransactionTime: m.TransactionTime, NextSince: nextSince(m, w.Export.KickoffSentAt),
		RequiresToken: string(m.Access), Files: files, NotPermitted: notPermitted,
	}, nil
}

func (s *Steps) keepManifest(ctx context.Context, t *config.Tenant, w Work, raw []byte) (err error) {
	scope, err := s.Files.Tenant(t.ID)
	if err != nil {
		return err
	}
	key, err := scope.ManifestKey(w.Export.ID)
	if err != nil {
		return err
	}
	f, err := scope.Create(ctx, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(raw); err != nil {
		return err
	}
	return f.Commit()
}

// nextSince gives the _since of the stream's next export: the server's own
// word, unless that is later than our kick-off or missing (I6). What is sent
// twice is found out by its hash; what is never sent is lost.
func nextSince(m *bulkdata.Manifest, kickoff time.Time) string {
	if m.Time.IsZero() || m.Time.After(kickoff) {
		return fhir.FormatInstant(kickoff)
	}
	return m.TransactionTime
}

// filesOf names the manifest's files by their place in it. Types that the
// agreement does not permit are left at the server (I1).
func filesOf(t *config.Tenant, m *bulkdata.Manifest) (files []store.File, notPermitted []string, err error) {
	for f := range m.Files() {
		section, resourceType := string(f.Section), f.Type
		switch f.Section {
		case bulkdata.DeletedSection:
			resourceType = "Bundle"
		case bulkdata.ErrorSection, bulkdata.OutcomeSection:
			section, resourceType = "error", "OperationOutcome"
		default:
			if len(agreement.Missing(t.Agreement.Types, []string{resourceType})) > 0 {
				if !slices.Contains(notPermitted, resourceType) {
					notPermitted = append(notPermitted, resourceType)
				}
				continue
			}
		}
		name, err := blob.FileName(0, section, f.Index, resourceType)
		if err != nil {
			return nil, nil, problem.Wrap(err, problem.ManifestInvalid, fmt.Sprintf("entry %d of the manifest's %s names no resource type", f.Index, section),
				"Report this to the vendor; the manifest is kept in the raw folder as it was received.")
		}
		file := store.File{Name: name, Position: int64(len(files)), Section: section, ResourceType: resourceType, URL: f.URL, Expected: -1}
		if f.Count != nil {
			file.Expected = *f.Count
		}
		files = append(files, file)
	}
	return files, notPermitted, nil
}
