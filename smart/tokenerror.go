package smart

import (
	"errors"
	"fmt"
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

	// Held says that this is the server's earlier answer, given again without
	// a request.
	Held bool
	// Err is the cause where the server gave no code: the network, or an
	// answer that makes no sense.
	Err error
}

// Error says what the server answered, and a difference of clocks that may be
// the reason.
func (e *TokenError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "token request to %s", e.Endpoint)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	for _, part := range []string{e.Code, e.Description, e.URI} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.ClockOffset.Abs() >= skew && !e.Temporary() {
		fmt.Fprintf(&b, " (the server's clock differs by %v)", e.ClockOffset)
	}
	return b.String()
}

// Unwrap returns the cause, nil when the server gave a code.
func (e *TokenError) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later by itself: the
// network broke, or the server answered 408, 429 or 5xx without a code that
// means no. Everything else is a refusal, for a person to look at.
func (e *TokenError) Temporary() bool {
	return !slices.Contains(refusals, e.Code) && isWeather(e.Status, e.Err)
}

// Causes lists what a person can check, the likeliest first; nil for weather.
func (e *TokenError) Causes() []string {
	if e.Temporary() {
		return nil
	}
	var list []string
	if e.ClockOffset.Abs() >= skew {
		list = append(list, fmt.Sprintf("the server's clock differs from ours by %v: correct this machine's time", e.ClockOffset))
	}
	switch e.Code {
	case "invalid_client":
		list = append(list,
			fmt.Sprintf("client id %q is not the one that was registered, or not in this environment", e.ClientID),
			fmt.Sprintf("key %q is not published, or the server still has an older copy of the key set", e.KeyID),
			fmt.Sprintf("the server does not accept %s", e.Algorithm),
			"the registered key set URL cannot be reached from the server",
			"the token URL differs from the one that the server expects as audience")
	case "invalid_scope", "invalid_grant", "access_denied":
		list = append(list, "one of these scopes is not granted to the client, and a single one is enough: "+strings.Join(e.Scopes, " "))
	case "unauthorized_client":
		list = append(list, "the client is not approved for client_credentials, or not enabled by this practice")
	case "":
		list = append(list, "the token URL may be wrong")
	}
	return list
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
