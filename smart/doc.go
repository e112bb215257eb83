// Package smart is the client side of SMART Backend Services: it discovers an
// authorization server, holds the client's signing keys, and exchanges signed
// assertions for access tokens.
//
// It never sends a key, an assertion or a token anywhere but in the one form
// POST to the token endpoint, never follows a redirect with one, never retries
// by itself, and never writes one into an error, a log or a file. Tokens live
// in memory only. The exceptions are asked for by name: [Key.PrivateJWK] gives
// the private key, and a token is given to the caller to be used.
//
// Standard: https://hl7.org/fhir/smart-app-launch/backend-services.html and
// https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
package smart
