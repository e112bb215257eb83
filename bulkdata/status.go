package bulkdata

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A State is how far an export is, as a successful status answer says.
type State string

// The states.
const (
	InProgress State = "in-progress"
	Complete   State = "complete"
)

// maxProgress is how much of X-Progress is kept; the guide allows 100.
const maxProgress = 100

// A Status is the answer to a status request that was no error.
type Status struct {
	State State
	// Progress is the server's X-Progress: free words, made printable and cut
	// at 100 characters. Show it, do not compute with it.
	Progress string
	// SaysCancelled reports that Progress claims a cancelled export while the
	// status says it is in progress; such an export never completes.
	SaysCancelled bool
	// RetryAfter is what the server said about the next status request.
	RetryAfter RetryAfter
	// Answered is the local time of the answer, ServerTime its Date (zero
	// when it had none).
	Answered, ServerTime time.Time
	// Outcome holds the server's remarks on an export in progress, nil when
	// it made none.
	Outcome *OperationOutcome

	// Manifest is the parsed manifest and Raw the bytes it was parsed from, as
	// received; both are nil unless State is Complete.
	Manifest *Manifest
	Raw      []byte
	// Expires is when the files may go away, zero when unknown.
	Expires time.Time
	// Deviations are what was tolerated, the manifest's included.
	Deviations []Deviation
}

// Status asks for the state of the export at statusURL, a Kickoff's StatusURL
// or a manifest's Next. The URL must be on an allowed origin.
//
// An export that is gone or has failed is a [*StatusError]; see its methods.
// Redirects are followed, the token never to another origin.
func (c *Client) Status(ctx context.Context, statusURL string) (*Status, error) {
	target, err := c.checkStatusURL(OpStatus, statusURL)
	if err != nil {
		return nil, err
	}
	a, err := c.answerOf(ctx, exchange{
		op: OpStatus, method: http.MethodGet, target: target, authorize: true, redirects: true,
		header: http.Header{"Accept": {"application/json"}},
	}, c.limits.ManifestBytes)
	if err != nil {
		return nil, err
	}
	s := &Status{
		Progress: plainText(a.header.Get("X-Progress"), maxProgress),
		Answered: a.received, ServerTime: serverTime(a.header, time.Time{}),
		RetryAfter: ParseRetryAfter(a.header, a.received),
	}
	if s.RetryAfter.Unusable {
		note(&s.Deviations, UnusableRetryAfter)
	}
	switch status := exportStatus(a, &s.Deviations); {
	case status == http.StatusAccepted:
		return s.inProgress(a), nil
	case status == http.StatusOK:
		return c.complete(s, a, statusURL)
	case status < 400:
		return nil, a.protocolError(OpStatus, UnexpectedStatus)
	default:
		failed := a.statusError(OpStatus)
		failed.Status = status
		return nil, failed
	}
}

// exportStatus is the answer's status, or the one that X-Export-Status gives:
// with that header a 200 is no completion by itself.
func exportStatus(a *answer, deviations *[]Deviation) int {
	text := strings.TrimSpace(a.header.Get("X-Export-Status"))
	if a.status != http.StatusOK || len(text) < 3 {
		return a.status
	}
	status, err := strconv.Atoi(text[:3])
	if err != nil || status < 100 {
		return a.status
	}
	note(deviations, UnrequestedExportStatus)
	return status
}

func (s *Status) inProgress(a *answer) *Status {
	s.State = InProgress
	s.Outcome, _ = a.outcome()
	if strings.EqualFold(s.Progress, "cancelled") || strings.EqualFold(s.Progress, "canceled") {
		s.SaysCancelled = true
		note(&s.Deviations, ProgressSaysCancelled)
	}
	return s
}

// complete reads the manifest of a 200.
func (c *Client) complete(s *Status, a *answer, statusURL string) (*Status, error) {
	switch {
	case a.cut:
		return nil, a.protocolError(OpStatus, TooLarge)
	case a.broken != nil:
		return nil, &UnansweredError{Op: OpStatus, Err: a.broken}
	case len(bytes.TrimSpace(a.body)) == 0:
		return nil, a.protocolError(OpStatus, EmptyBody)
	}
	if outcome, _ := a.outcome(); outcome != nil {
		return nil, a.protocolError(OpStatus, OutcomeNotManifest)
	}
	if !looksLikeJSON(a.body) {
		return nil, a.protocolError(OpStatus, NotJSON)
	}
	m, err := ParseManifest(a.body, ManifestOptions{
		StatusURL: statusURL, EscapedAmpersands: c.tolerances.EscapedAmpersands,
	})
	if err == nil {
		err = c.judge(m)
	}
	if err != nil {
		invalid := a.protocolError(OpStatus, ManifestInvalid)
		invalid.Detail = err.Error()
		return nil, invalid
	}
	s.State, s.Manifest, s.Raw = Complete, m, a.body
	s.Expires = expires(a, &s.Deviations)
	for _, d := range m.Deviations {
		note(&s.Deviations, d)
	}
	return s, nil
}

func looksLikeJSON(body []byte) bool {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	return bytes.HasPrefix(body, []byte("{"))
}

// expires reads Expires by the local clock; zero for none, "0" or nonsense.
func expires(a *answer, deviations *[]Deviation) time.Time {
	text := strings.TrimSpace(a.header.Get("Expires"))
	if text == "" || text == "0" || text == "-1" {
		return time.Time{}
	}
	at, err := http.ParseTime(text)
	if err != nil {
		note(deviations, UnusableExpires)
		return time.Time{}
	}
	return a.received.Add(at.Sub(serverTime(a.header, a.received)))
}
