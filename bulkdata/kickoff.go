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
	// RequestURL is what was sent.
	RequestURL string
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
// The request leaves at most once (twice when the first was answered 401 and a
// fresh token could be had). When Kickoff fails, [MayHaveStarted] says whether
// an export may be running all the same.
func (c *Client) Kickoff(ctx context.Context, r Request) (*Kickoff, error) {
	p, err := c.Plan(r)
	if err != nil {
		return nil, err
	}
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
		RequestURL: p.URL, Sent: a.sent, Answered: a.received,
		ServerTime: serverTime(a.header, time.Time{}),
		RetryAfter: ParseRetryAfter(a.header, a.received),
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
