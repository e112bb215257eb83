// Package smart is the client side of SMART Backend Services: it discovers an
// authorization server, holds the client's signing keys, and exchanges signed
// assertions for access tokens.
//
// A [TokenSource] is one connection. It finds the token endpoint, spells the
// scopes, chooses a key that the server takes, caches the token and shares it
// among all callers; it follows an endpoint that moves and keys that are
// rotated ([KeySource]). [ReviewGrant] compares what was granted with what was
// asked for, [TokenError.Causes] says what a person can check, and
// [CheckPublished] looks at published keys as a server does.
//
// It never sends a key, an assertion or a token anywhere but in the one form
// POST to the token endpoint, never follows a redirect with one, and never
// writes one into an error, a log or a file. Tokens live in memory only. It
// makes one request for a token unless [Config].Attempts permits more, save two
// cases that the standard brings about: an endpoint that has moved, and a key
// that the server does not know yet. What a server refuses is not asked again
// for some minutes. The exceptions are asked for by name: [Key.PrivateJWK]
// gives the private key, and a token is given to the caller to be used.
//
// Standard: https://hl7.org/fhir/smart-app-launch/backend-services.html and
// https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
package smart
