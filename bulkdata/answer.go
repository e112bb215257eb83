package bulkdata

import (
	"net/http"
	"net/url"
	"time"
)

// maxErrorBody is how much of an answer in no known format is kept to be shown.
const maxErrorBody = 1024

// An answer is a response whose body was read within its bound.
type answer struct {
	status   int
	header   http.Header
	url      *url.URL
	body     []byte
	cut      bool  // the body is longer than the bound
	broken   error // the body ended early, nil when whole
	token    bool  // the request carried the access token
	sent     time.Time
	received time.Time
}

// statusError reads an error answer.
func (a *answer) statusError(op Operation) *StatusError {
	outcome, body := a.outcome()
	return &StatusError{
		Op: op, Status: a.status, Outcome: outcome, WithToken: a.token, body: body,
		RetryAfter: ParseRetryAfter(a.header, a.received),
	}
}

// protocolError is for a success that breaks the standard.
func (a *answer) protocolError(op Operation, reason Reason) *ProtocolError {
	outcome, body := a.outcome()
	return &ProtocolError{Op: op, Status: a.status, Reason: reason, Outcome: outcome, body: body}
}

// outcome reads the body as an OperationOutcome, or else as words to show.
func (a *answer) outcome() (*OperationOutcome, string) {
	if o, err := ParseOperationOutcome(a.body); err == nil {
		return o, ""
	}
	return nil, plainText(string(a.body[:min(len(a.body), 4*maxErrorBody)]), maxErrorBody)
}
