package smart

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// skew is the difference of clocks from which on it is worth a word.
const skew = 30 * time.Second

// refusals are the codes that mean no, whatever the status.
var refusals = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
	"unsupported_grant_type", "invalid_scope", "access_denied",
}

// A TokenError is a token request that gave no token. It never holds the
// assertion, a token or a key.
type TokenError struct {
	// Status is the HTTP status, 0 when no whole answer came.
	Status int
	// Code is the OAuth error code, empty when there was none.
	Code string
	// Description and URI are the server's own words on it, shortened and
	// made printable.
	Description, URI string
	// Excerpt is the beginning of an answer that is no OAuth error, shortened,
	// made printable, and without anything that looks like a secret.
	Excerpt string
	// RetryAfter is the wait that the server asks for, 0 for none.
	RetryAfter time.Duration
	// ClockOffset is how far the server's clock is ahead of ours, by its Date
	// header, to the second; 0 when unknown.
	ClockOffset time.Duration

	// What was asked, and with what.
	Endpoint  string // without a query
	ClientID  string
	KeyID     string
	Algorithm Algorithm
	Scopes    []string
	JWKSURL   string // the jku, empty when none was sent

	// PreviousKeyID is the key that was tried after KeyID because it had been
	// rotated lately; the server refused it too. Empty when there was none.
	PreviousKeyID string

	// Held says that this is the server's earlier answer, given again without
	// a request, and AskAgain when there will be one again.
	Held     bool
	AskAgain time.Time
	// Err is the cause where the server gave no code: the network, or an
	// answer that makes no sense.
	Err error
}

// Error says what the server answered, in codes and never in its own words,
// and a difference of clocks that may be the reason.
func (e *TokenError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "token request to %s", hostOf(e.Endpoint))
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Code != "" {
		b.WriteString(": " + shownCode(e.Code))
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.ClockOffset.Abs() >= skew && !e.Temporary() {
		fmt.Fprintf(&b, " (the server's clock differs by %v)", e.ClockOffset)
	}
	if e.Held {
		fmt.Fprintf(&b, " (given again; the server is asked again at %s)", e.AskAgain.Format(time.TimeOnly))
	}
	return b.String()
}

// hostOf gives scheme and host of an endpoint, whose path may be the server's
// own words, too.
func hostOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "an endpoint that is no URL"
	}
	return u.Scheme + "://" + u.Host
}

// shownCode lets a code of OAuth's kind through and nothing else.
func shownCode(code string) string {
	if len(code) > 40 || strings.ContainsFunc(code, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		return "a code that is none of OAuth's"
	}
	return code
}

// moved reports whether the endpoint is not there any more.
func (e *TokenError) moved() bool {
	if e.Status == http.StatusNotFound || e.Status == http.StatusGone {
		return !slices.Contains(refusals, e.Code)
	}
	_, name := errors.AsType[x509.HostnameError](e.Err)
	unknown, dns := errors.AsType[*net.DNSError](e.Err)
	return name || dns && unknown.IsNotFound
}

// Unwrap returns the cause, nil when the server gave a code.
func (e *TokenError) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later by itself: the
// network broke, or the server answered 408, 429 or 5xx without a code that
// means no. Everything else is a refusal, for a person to look at.
func (e *TokenError) Temporary() bool {
	return !slices.Contains(refusals, e.Code) && isWeather(e.Status, e.Err)
}

// read takes an OAuth error out of an answer; signed is never repeated.
func (e *TokenError) read(text []byte, signed string) {
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		URI         string `json:"error_uri"`
	}
	err := json.Unmarshal(text, &answer, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil || answer.Error == "" {
		if e.Err == nil {
			e.Err = errors.New("the answer is no OAuth error")
		}
		return
	}
	safe := func(words string, limit int) string {
		return plainText(withoutSecrets(words, signed), limit)
	}
	e.Code, e.Err = safe(answer.Error, maxErrorCodeLen), nil
	e.Description, e.URI = safe(answer.Description, maxDescription), safe(answer.URI, maxDescription)
}

// withoutSecrets takes the assertion, and whatever looks like a JWT, out of
// the server's words.
func withoutSecrets(words, signed string) string {
	words = strings.ReplaceAll(words, signed, "[assertion]")
	fields := strings.FieldsFunc(words, func(r rune) bool { return !isTokenRune(r) })
	for _, field := range fields {
		if strings.Contains(field, "eyJ") || len(field) > 100 {
			words = strings.ReplaceAll(words, field, "[removed]")
		}
	}
	return words
}

func isTokenRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.~+/=", r)
}
