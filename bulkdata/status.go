package bulkdata

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
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
	// received. While State is InProgress they are nil, unless the server gave
	// a partial manifest: its files may be read at once, and it is not final.
	Manifest *Manifest
	Raw      []byte
	// Expires is when the files may go away, by the local clock; zero when
	// unknown. A transfer that runs then need not be given up.
	Expires time.Time
	// Deviations are what was tolerated, the manifest's included.
	Deviations []Deviation
}

// A StatusRequest asks for the state of an export, or for a page of its
// manifest.
type StatusRequest struct {
	// URL is a Kickoff's StatusURL, or a manifest's Next.
	URL string
	// Separate is the Kickoff's SeparateStatus: the export's state is in
	// X-Export-Status, and the HTTP status speaks of this request only.
	Separate bool
}

// Status asks for the state of the export at statusURL where the server does
// not separate it from the request's: StatusOf without Separate.
func (c *Client) Status(ctx context.Context, statusURL string) (*Status, error) {
	return c.StatusOf(ctx, StatusRequest{URL: statusURL})
}

// StatusOf asks for the state of an export. It may be asked again after the
// export is complete: the server may then give new URLs for the same files.
// r.URL must be on an allowed origin.
//
// An export that is gone or has failed is a [*StatusError]; see its methods.
// Redirects are followed, the token never to another origin; the next request
// goes to r.URL again.
func (c *Client) StatusOf(ctx context.Context, r StatusRequest) (*Status, error) {
	target, err := c.checkStatusURL(OpStatus, r.URL)
	if err != nil {
		return nil, err
	}
	return c.status(ctx, r, target, true)
}

// Page asks for a further page of a manifest, as StatusOf does, except that
// the page may be on any origin: one that is not allowed gets no token. The
// guide gives no rule for pages, so they are read like a status: a page that is
// not ready is InProgress, and the export is complete when the last page is
// Complete and names no next one.
func (c *Client) Page(ctx context.Context, r StatusRequest) (*Status, error) {
	target, err := url.Parse(r.URL)
	if err != nil {
		return nil, &OriginError{Op: OpStatus, Why: "it is not a URL", URL: r.URL}
	}
	if err := checkURL(target, c.tolerances.LoopbackHTTP); err != nil {
		return nil, &OriginError{Op: OpStatus, Origin: shownOrigin(target), Why: err.Error(), URL: r.URL}
	}
	return c.status(ctx, r, target, c.origins[originOf(target)]) // I9
}

func (c *Client) status(ctx context.Context, r StatusRequest, target *url.URL, authorize bool) (*Status, error) {
	a, err := c.answerOf(ctx, exchange{
		op: OpStatus, method: http.MethodGet, target: target, authorize: authorize, redirects: true,
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
	status, err := exportStatus(a, r.Separate, &s.Deviations)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusAccepted:
		return c.inProgress(s, a, r.URL), nil
	case status == http.StatusOK:
		return c.complete(s, a, r.URL)
	}
	return nil, a.protocolError(OpStatus, UnexpectedStatus)
}

// inProgress reads the remarks, or the partial manifest, of an export in
// progress. Neither is needed, so that what is wrong with them is no failure.
func (c *Client) inProgress(s *Status, a *answer, statusURL string) *Status {
	s.State = InProgress
	s.Outcome, _ = a.outcome()
	if strings.EqualFold(s.Progress, "cancelled") || strings.EqualFold(s.Progress, "canceled") {
		s.SaysCancelled = true
		note(&s.Deviations, ProgressSaysCancelled)
	}
	if a.cut || a.broken != nil || !isManifest(a.body) {
		return s
	}
	if err := c.readManifest(s, a, statusURL); err != nil {
		note(&s.Deviations, UnusablePartialManifest)
	}
	return s
}

// complete reads the manifest of a complete export.
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
	if err := c.readManifest(s, a, statusURL); err != nil {
		invalid := a.protocolError(OpStatus, ManifestInvalid)
		invalid.Detail = err.Error()
		return nil, invalid
	}
	s.State = Complete
	return s, nil
}

// readManifest puts the manifest into s, or leaves s as it is.
func (c *Client) readManifest(s *Status, a *answer, statusURL string) error {
	m, err := ParseManifest(a.body, ManifestOptions{
		StatusURL: statusURL, EscapedAmpersands: c.tolerances.EscapedAmpersands,
	})
	if err == nil {
		err = c.judge(m)
	}
	if err != nil {
		return err
	}
	s.Manifest, s.Raw = m, a.body
	s.Expires = expires(a, &s.Deviations)
	for _, d := range m.Deviations {
		note(&s.Deviations, d)
	}
	return nil
}

func looksLikeJSON(body []byte) bool {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	return bytes.HasPrefix(body, []byte("{"))
}

// expires reads Expires by the local clock; zero for none, "0" or nonsense,
// which mean that the time is unknown.
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
