// Package bulkdata is a client for the FHIR Bulk Data Access implementation
// guide: it starts an export, asks for its status, reads the manifest, opens
// the output files and cancels.
//
// It makes one exchange per call and returns. It never polls, sleeps, retries
// (except once with a fresh token after a 401), logs, stores, or reads the
// lines of a file. It never sends a token to an origin that the configuration
// does not name, and no error text of it holds a token, a URL's query, or a
// server's own words.
//
// The errors of a call say what a caller has to decide on:
//
//   - [*NotSentError]: nothing reached the server.
//   - [*UnansweredError]: the request may have reached the server, no answer came.
//   - [*BusyError]: the server refuses a kick-off for now, an export is running.
//   - [*StatusError]: the server answered with an error status.
//   - [*ProtocolError]: the server answered with success that makes no sense.
//   - [*OriginError]: the request would have gone where it must not go.
//   - [*TruncatedError]: a file's transfer ended early.
//
// [Temporary] tells weather from what needs a person, and [MayHaveStarted]
// whether a failed kick-off may have left an export running at the server.
//
// Standard: https://hl7.org/fhir/uv/bulkdata/export.html
package bulkdata
