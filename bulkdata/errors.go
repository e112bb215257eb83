package bulkdata

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
)

// An Operation names the exchange that an error belongs to.
type Operation string

// The operations.
const (
	OpKickoff Operation = "kick off"
	OpStatus  Operation = "read status"
	OpFile    Operation = "open file"
	OpCancel  Operation = "cancel"
	OpQuery   Operation = "read from FHIR base"

	OpAttachment Operation = "open attachment"
)

// ErrNotSent is for transports that refuse a request before anything of it
// leaves, such as a rate limiter: an error that wraps it becomes a
// [*NotSentError].
var ErrNotSent = errors.New("request was not sent")

// A NotSentError says that no part of the request reached the server: no
// token could be had, the name did not resolve, no connection was made, or TLS
// failed. Err is the cause.
type NotSentError struct {
	Op  Operation
	Err error
}

// Error names the operation and the cause.
func (e *NotSentError) Error() string { return string(e.Op) + ": not sent: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *NotSentError) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later by itself. A
// certificate that does not verify does not; a token error speaks for itself.
func (e *NotSentError) Temporary() bool {
	_, cert := errors.AsType[*tls.CertificateVerificationError](e.Err)
	if cert || errors.Is(e.Err, context.Canceled) {
		return false
	}
	inner, ok := errors.AsType[weather](e.Err)
	if !ok {
		return errors.Is(e.Err, ErrNotSent)
	}
	if _, network := inner.(net.Error); network {
		return true // package net calls hardly anything temporary
	}
	return inner.Temporary()
}

// An UnansweredError says that the request may have reached the server and
// that no answer came. After a kick-off this means: an export may be running
// whose status URL nobody knows.
type UnansweredError struct {
	Op  Operation
	Err error
}

// Error names the operation and the cause.
func (e *UnansweredError) Error() string { return string(e.Op) + ": no answer: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnansweredError) Unwrap() error { return e.Err }

// Temporary reports true unless the caller itself gave up.
func (e *UnansweredError) Temporary() bool { return !errors.Is(e.Err, context.Canceled) }

// A BusyError is a kick-off that the server refuses for now, because an export
// is running already or requests come too often. It is not a failed export.
type BusyError struct {
	// Status is the HTTP status: 429, 409, or 200 where that is tolerated.
	Status int
	// RetryAfter is what the server said about the next attempt.
	RetryAfter RetryAfter
	// Locations are the status URLs of running exports that the server named,
	// absolute; nil when it named none. They may belong to anybody.
	Locations []string
	// Outcome is the server's OperationOutcome, nil when there was none.
	Outcome *OperationOutcome
}

// Error says the status and the outcome's codes.
func (e *BusyError) Error() string {
	return fmt.Sprintf("kick off: server is busy with another export: status %d%s", e.Status, e.Outcome.inParentheses())
}

// Temporary reports true.
func (e *BusyError) Temporary() bool { return true }

// A StatusError is an answer with an error status.
type StatusError struct {
	// Op is the operation that was answered.
	Op Operation
	// Status is the HTTP status, or the export's own status where the server
	// reports that apart (X-Export-Status).
	Status int
	// RetryAfter is what the server said about the next attempt.
	RetryAfter RetryAfter
	// Outcome is the server's OperationOutcome, nil when the body was none.
	Outcome *OperationOutcome
	// WithToken says that the request carried the access token: a redirect to
	// another origin drops it, and some files want none.
	WithToken bool
	// Export says that Status is the export's own, from X-Export-Status: the
	// export has failed.
	Export bool
	// Separate says that the server tells the export's state apart: Status is
	// that of the request only and says nothing about the export.
	Separate bool
	// body is the start of an answer that is no OperationOutcome.
	body string
}

// Error says operation, status and the outcome's codes, never the server's words.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: status %s%s", e.Op, statusText(e.Status), e.Outcome.inParentheses())
}

// Temporary reports whether the answer is about this request only and a later
// one may succeed: 408 and 429; an outcome whose errors are all transient; a
// gateway's 502, 503 or 504 without an outcome; for files and attachments every
// 5xx. Of an export's own status it is never true; of a request whose status
// says nothing about the export it is, except 401 and 403. The guide calls every
// 5xx a failed export; gateways answer so too, so bound the attempts.
func (e *StatusError) Temporary() bool {
	switch {
	case e.Export:
		return false
	case e.Separate:
		return e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusRequestTimeout:
		return true
	case e.Op == OpFile, e.Op == OpAttachment:
		return e.Status >= 500
	case e.Outcome != nil:
		return e.Outcome.Transient() && (e.Status >= 500 || !e.Outcome.HasCode("exception"))
	}
	return e.Status >= 502 && e.Status <= 504
}

// Gone reports whether the export, or the file, no longer exists at the
// server: 404 or 410 without a transient outcome.
func (e *StatusError) Gone() bool {
	return (e.Status == http.StatusNotFound || e.Status == http.StatusGone) && !e.Temporary() && !e.Separate
}

// ExportEnded reports whether the answer to a status request says that the
// export has failed or is gone, so that asking again is of no use. A refusal of
// our identity (401, 403) says nothing about the export.
func (e *StatusError) ExportEnded() bool {
	refused := e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	return e.Op == OpStatus && (e.Export || !refused && !e.Separate && !e.Temporary())
}

// UnsafeText returns the server's own words, shortened. They may hold anything,
// also data of patients: show them to an operator of that tenant, never log them.
func (e *StatusError) UnsafeText() string {
	if e.Outcome != nil {
		return e.Outcome.UnsafeText()
	}
	return e.body
}

// A Reason says what was wrong with a success.
type Reason string

// The reasons of a ProtocolError.
const (
	UnexpectedStatus       Reason = "the status is none that the standard knows here"
	ContentLocationMissing Reason = "Content-Location is missing"
	ContentLocationSeveral Reason = "there are several Content-Location headers"
	ContentLocationInvalid Reason = "Content-Location is not a usable URL"
	EmptyBody              Reason = "the body is empty"
	NotJSON                Reason = "the body is not JSON"
	TooLarge               Reason = "the body is larger than the limit"
	OutcomeNotManifest     Reason = "the body is an OperationOutcome, not a manifest"
	ManifestInvalid        Reason = "the manifest is not valid"
	FileURLInvalid         Reason = "the file has no usable URL"
	ModifierExtension      Reason = "the file carries a modifier extension that is not understood"
	RedirectInvalid        Reason = "a redirect leads nowhere"
	RedirectDowngrade      Reason = "a redirect leads away from https"
	RedirectsTooMany       Reason = "there are too many redirects"
	ContentTypeUnexpected  Reason = "the content type is not NDJSON"
	OutcomeNotData         Reason = "the body is an OperationOutcome, not data"
	EncodingUnknown        Reason = "the content encoding was not asked for"
	EncodingBroken         Reason = "the compressed body is broken"
	TooSlow                Reason = "the body takes longer than the limit"
	RatioExceeded          Reason = "the body expands beyond the decompression limit"
	NotExpectedResource    Reason = "the body is not the resource asked for"
	PagesTooMany           Reason = "there are too many pages"
	RangeInvalid           Reason = "the part sent is not the part asked for"
	ExportStatusMissing    Reason = "X-Export-Status is missing or unreadable"
	PageRepeated           Reason = "the next page is one that was read before"
)

// A ProtocolError is an answer that claims success and breaks the standard.
type ProtocolError struct {
	Op     Operation
	Status int // HTTP status
	Reason Reason
	// Detail says more in our words: a member's name, a byte offset, a
	// content type; it may be empty.
	Detail string
	// Outcome is the server's OperationOutcome, nil when there was none.
	Outcome *OperationOutcome
	body    string
}

// Error says operation, status, reason and detail, never the server's words.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("%s: status %s: %s", e.Op, statusText(e.Status), e.What()) + e.Outcome.inParentheses()
}

// What says reason and detail alone.
func (e *ProtocolError) What() string {
	if e.Detail == "" {
		return string(e.Reason)
	}
	return string(e.Reason) + ": " + e.Detail
}

// Temporary reports whether the answer says nothing about the export, so that
// the next one may be right: only where X-Export-Status is missing.
func (e *ProtocolError) Temporary() bool { return e.Reason == ExportStatusMissing }

// UnsafeText returns the start of the answer. It may hold anything, also data
// of patients: show it to an operator of that tenant, never log it.
func (e *ProtocolError) UnsafeText() string {
	if e.Outcome != nil {
		return e.Outcome.UnsafeText()
	}
	return e.body
}

// An OriginError is a request that was not made, because the configuration
// does not let it, or its token, go to that origin. After a kick-off it says
// that an export was accepted whose status URL may not be used.
type OriginError struct {
	Op     Operation
	Origin string // scheme, host and port, empty when the URL has none
	Why    string // in our words
	// URL is what was refused, as received. It may be a credential: keep it
	// for a person who allows the origin, never log it.
	URL string
}

// Error names the origin and why it is refused.
func (e *OriginError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Op, e.Origin, e.Why)
}

// Temporary reports false: the configuration or the server has to change.
func (e *OriginError) Temporary() bool { return false }

// A TruncatedError is a file's transfer that ended before its end. The bytes
// read so far must not be taken for the file.
type TruncatedError struct {
	Got  int64 // bytes of this transfer that came over the wire
	Want int64 // bytes that were announced, -1 when unknown
	Err  error // the cause, io.ErrUnexpectedEOF for a silent end
}

// Error says how far the transfer came.
func (e *TruncatedError) Error() string {
	want := "an unknown number of"
	if e.Want >= 0 {
		want = strconv.FormatInt(e.Want, 10)
	}
	return fmt.Sprintf("read file: transfer ended after %d of %s bytes: %v", e.Got, want, e.Err)
}

// Unwrap returns the cause.
func (e *TruncatedError) Unwrap() error { return e.Err }

// Temporary reports true unless the caller itself gave up.
func (e *TruncatedError) Temporary() bool { return !errors.Is(e.Err, context.Canceled) }
