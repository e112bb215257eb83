package bulkdata

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Kickoff is an export that the server has accepted.
type Kickoff struct {
	// StatusURL is absolute and on an allowed origin. Make it durable before
	// anything else: without it the export is lost.
	StatusURL string
	// SeparateStatus says that the server applied separate-export-status. Keep
	// it with StatusURL: every status request of the export needs it.
	SeparateStatus bool
	// Method and RequestURL are what was sent and accepted.
	Method, RequestURL string
	// Sent and Answered are local times around the exchange.
	Sent, Answered time.Time
	// ServerTime is the answer's Date, zero when it had none.
	ServerTime time.Time
	// RetryAfter is what the server said about the first status request.
	RetryAfter RetryAfter
	// Outcome holds the server's remarks, such as ignored parameters; nil
	// when it made none.
	Outcome *OperationOutcome
	// Deviations are what was tolerated.
	Deviations []Deviation
}

// Kickoff asks the server to start the export. Only 202 with one usable
// Content-Location is success.
//
// The request leaves once, save for two cases in which the server has refused
// it outright: after a 401 it is repeated with a fresh token, and a POST of
// STU2 or STU3 without patients that is answered with 400, 404, 405, 415 or 501
// is followed by one GET. When Kickoff fails, [MayHaveStarted] says whether an
// export may be running all the same.
func (c *Client) Kickoff(ctx context.Context, r Request) (*Kickoff, error) {
	p, err := c.Plan(r)
	if err != nil {
		return nil, err
	}
	k, err := c.kickoff(ctx, p)
	if !c.fallsBack(r, p, err) {
		return k, err
	}
	r.Post = false
	if p, err = c.Plan(r); err != nil {
		return nil, err
	}
	if k, err = c.kickoff(ctx, p); err == nil {
		note(&k.Deviations, PostRefused)
	}
	return k, err
}

// fallsBack reports whether err is a server's refusal of POST itself, and GET
// can say the same.
func (c *Client) fallsBack(r Request, p *PlannedRequest, err error) bool {
	s, refused := errors.AsType[*StatusError](err)
	if !refused || p.Method != http.MethodPost || c.dialect == STU4 || len(r.Patients) > 0 {
		return false
	}
	switch s.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return true
	}
	return false
}

func (c *Client) kickoff(ctx context.Context, p *PlannedRequest) (*Kickoff, error) {
	target, err := url.Parse(p.URL)
	if err != nil {
		return nil, errors.New("kick off: the planned URL is not a URL")
	}
	a, err := c.answerOf(ctx, exchange{
		op: OpKickoff, method: p.Method, target: target, header: p.Header, body: p.Body,
		authorize: true, once: true,
	}, c.limits.AnswerBytes)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusAccepted {
		return nil, c.refusedKickoff(a)
	}
	k := &Kickoff{
		Method: p.Method, RequestURL: p.URL, Sent: a.sent, Answered: a.received,
		ServerTime:     serverTime(a.header, time.Time{}),
		RetryAfter:     ParseRetryAfter(a.header, a.received),
		SeparateStatus: preferenceApplied(a.header, separateExportStatus),
	}
	k.Outcome, _ = a.outcome()
	if k.RetryAfter.Unusable {
		note(&k.Deviations, UnusableRetryAfter)
	}
	if k.StatusURL, err = c.contentLocation(a, &k.Deviations); err != nil {
		return nil, err
	}
	return k, nil
}

// contentLocation gives the status URL of a 202.
func (c *Client) contentLocation(a *answer, deviations *[]Deviation) (string, error) {
	values := a.header.Values("Content-Location")
	switch {
	case len(values) > 1:
		return "", a.protocolError(OpKickoff, ContentLocationSeveral)
	case len(values) == 0 || strings.TrimSpace(values[0]) == "":
		return "", a.protocolError(OpKickoff, ContentLocationMissing)
	}
	text := strings.TrimSpace(values[0])
	u, err := url.Parse(text)
	if err != nil {
		return "", a.protocolError(OpKickoff, ContentLocationInvalid)
	}
	if !u.IsAbs() {
		note(deviations, RelativeContentLocation)
		text = a.url.ResolveReference(u).String()
	}
	if _, err := c.checkStatusURL(OpKickoff, text); err != nil {
		return "", err
	}
	return text, nil
}

// refusedKickoff is the error of a kick-off that was not answered with 202.
func (c *Client) refusedKickoff(a *answer) error {
	outcome, _ := a.outcome()
	duplicate := outcome.HasCode("duplicate")
	busy := a.status == http.StatusTooManyRequests ||
		a.status == http.StatusConflict && duplicate ||
		a.status == http.StatusOK && duplicate && c.tolerances.DuplicateOn200
	switch {
	case busy:
		return &BusyError{
			Status: a.status, Outcome: outcome, Locations: runningExports(a),
			RetryAfter: ParseRetryAfter(a.header, a.received),
		}
	case a.status < 300:
		return a.protocolError(OpKickoff, UnexpectedStatus)
	}
	return a.statusError(OpKickoff)
}

// runningExports reads the Content-Location headers of a refusal, which may
// each be a list joined by commas.
func runningExports(a *answer) []string {
	var list []string
	for _, value := range a.header.Values("Content-Location") {
		for part := range strings.SplitSeq(value, ",") {
			u, err := a.url.Parse(strings.TrimSpace(part))
			if err == nil && strings.TrimSpace(part) != "" && !slices.Contains(list, u.String()) {
				list = append(list, u.String())
			}
		}
	}
	return list
}
