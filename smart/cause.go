package smart

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A CauseKind is one thing that can be wrong with a token request, and that a
// person can check.
type CauseKind string

// The kinds.
const (
	CauseClock     CauseKind = "clock"       // the clocks differ
	CauseClient    CauseKind = "client_id"   // the client id is not known there
	CauseKey       CauseKind = "kid"         // the key is not published, or not yet in the server's copy
	CauseKeySet    CauseKind = "jwks"        // the server cannot fetch the key set
	CauseJKU       CauseKind = "jku"         // the jku is not the registered one
	CauseAudience  CauseKind = "aud"         // the token URL is not the audience that the server expects
	CauseExpiry    CauseKind = "exp"         // the assertion seems expired, or valid for too long
	CauseRepeated  CauseKind = "jti"         // the assertion was seen before
	CauseSignature CauseKind = "signature"   // the signature does not verify
	CauseAlgorithm CauseKind = "algorithm"   // the server does not take the algorithm
	CauseScope     CauseKind = "scope"       // a scope is outside of what was approved
	CauseApproval  CauseKind = "approval"    // the client is not approved, or not enabled by this practice
	CauseRecent    CauseKind = "propagation" // a change of the registration has not spread yet
	CauseEndpoint  CauseKind = "endpoint"    // the URL is no token endpoint
	CauseRequest   CauseKind = "request"     // the server does not understand the request
)

// A Cause is one thing to check.
type Cause struct {
	Kind CauseKind
	// Text says what may be wrong and what to do about it.
	Text string
	// Evident says that the clocks or the server's own words point to it.
	Evident bool
}

// String gives the text.
func (c Cause) String() string { return c.Text }

// evidence is what servers write about each kind of cause, in their own words.
var evidence = []struct {
	kind  CauseKind
	words *regexp.Regexp
}{
	{CauseJKU, regexp.MustCompile(`(?i)\bjku\b`)},
	{CauseRepeated, regexp.MustCompile(`(?i)\bjti\b|replay|already (been )?used`)},
	{CauseAudience, regexp.MustCompile(`(?i)\baud(ience)?\b`)},
	{CauseExpiry, regexp.MustCompile(`(?i)\bexp\b|expir|\bnbf\b|\biat\b|lifetime|too far in the future`)},
	{CauseKeySet, regexp.MustCompile(`(?i)(fetch|retriev|download|load|reach|connect).{0,40}(jwks?|key ?set|keys)|(jwks?|key ?set|keys).{0,40}(fetch|retriev|download|load|reach|timed? ?out|unavailable)`)},
	{CauseKey, regexp.MustCompile(`(?i)\bkid\b|key ?id|(no|unknown|matching|find)\W+(\w+\W+)?key`)},
	{CauseAlgorithm, regexp.MustCompile(`(?i)\balg(orithm)?s?\b`)},
	{CauseSignature, regexp.MustCompile(`(?i)signature`)},
	{CauseClient, regexp.MustCompile(`(?i)\biss(uer)?\b|\bsub(ject)?\b|client[_ ]?id|(unknown|unregistered|no such) client|client.{0,20}not (found|known|registered)`)},
}

// Causes lists what a person can check: what the clocks and the server's words
// point to first, then the rest, the likeliest first. It is nil for weather.
func (e *TokenError) Causes() []Cause {
	if e.Temporary() {
		return nil
	}
	kinds := e.possible()
	words := strings.Join([]string{e.Description, e.URI, e.Excerpt}, " ")
	var evident, others []Cause
	for _, found := range evidence {
		if slices.Contains(kinds, found.kind) && found.words.MatchString(words) {
			evident = append(evident, Cause{Kind: found.kind, Text: e.explain(found.kind), Evident: true})
		}
	}
	if e.ClockOffset.Abs() >= skew {
		evident = append([]Cause{{Kind: CauseClock, Text: e.explain(CauseClock), Evident: true}}, evident...)
	}
	for _, kind := range kinds {
		if !slices.ContainsFunc(evident, func(c Cause) bool { return c.Kind == kind }) {
			others = append(others, Cause{Kind: kind, Text: e.explain(kind)})
		}
	}
	return append(evident, others...)
}

// possible lists the kinds that the answer leaves open, the likeliest first.
func (e *TokenError) possible() []CauseKind {
	switch e.Code {
	case "invalid_client":
		kinds := []CauseKind{
			CauseClient, CauseKey, CauseAlgorithm, CauseKeySet, CauseAudience,
			CauseExpiry, CauseSignature, CauseRepeated, CauseRecent,
		}
		if e.JWKSURL != "" {
			kinds = slices.Insert(kinds, 4, CauseJKU)
		}
		return kinds
	case "invalid_scope", "invalid_grant", "access_denied":
		return []CauseKind{CauseScope, CauseApproval, CauseRecent}
	case "unauthorized_client", "unsupported_grant_type":
		return []CauseKind{CauseApproval, CauseRecent}
	case "":
		return []CauseKind{CauseEndpoint}
	}
	return []CauseKind{CauseRequest, CauseEndpoint}
}

func (e *TokenError) explain(kind CauseKind) string {
	switch kind {
	case CauseClock:
		return fmt.Sprintf("the server's clock differs from ours by %v: correct this machine's time", e.ClockOffset)
	case CauseClient:
		return fmt.Sprintf("client id %q is not the one that was registered, or not in this environment", plainText(e.ClientID, 100))
	case CauseKey:
		return fmt.Sprintf("key %q is not published, or the server still has an older copy of the key set", plainText(e.KeyID, 100))
	case CauseAlgorithm:
		return fmt.Sprintf("the server does not accept %s", e.Algorithm)
	case CauseKeySet:
		return "the registered key set URL cannot be reached from the server"
	case CauseJKU:
		return "the jku " + plainText(e.JWKSURL, 200) + " is not byte for byte the key set URL that was registered"
	case CauseAudience:
		return "the token URL " + e.Endpoint + " differs from the one that the server expects as audience"
	case CauseExpiry:
		return "the assertion seems expired or valid for more than 5 minutes: compare this machine's time and time server"
	case CauseSignature:
		return fmt.Sprintf("the signature does not verify: the key that is published as %q may be another one", plainText(e.KeyID, 100))
	case CauseRepeated:
		return "the server takes the assertion for a repeated one: a proxy may send requests twice"
	case CauseScope:
		return "one of these scopes is not granted to the client, and a single one is enough: " + strings.Join(e.Scopes, " ")
	case CauseApproval:
		return "the client is not approved for client_credentials, or not enabled by this practice"
	case CauseRecent:
		return "if the registration was changed lately: such changes can take hours to spread"
	case CauseEndpoint:
		return "the token URL may be wrong"
	case CauseRequest:
		return "the server does not understand the request: show this text to the vendor"
	}
	return string(kind)
}
