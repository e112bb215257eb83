// Package bulkdata is a client for the FHIR Bulk Data Access implementation
// guide in its releases STU1 to STU4: it starts an export, asks for its status,
// reads the manifest and its pages, opens the output files and attachments, and
// cancels.
//
// It makes one exchange per call and returns. It never polls, sleeps, retries,
// logs, stores, or reads the lines of a file. Two refusals alone are answered
// within a call: a token that the server does not want is renewed once, and a
// POST that it does not know becomes one GET. It never sends a token, or a
// cookie, to an origin that the configuration does not name, and no error text
// of it holds a token, a URL's query, or a server's own words.
//
// # The life of an export
//
// [Client.Kickoff] starts it; keep StatusURL and SeparateStatus of its answer.
// [Client.StatusOf] tells how far it is; wait as [Pace] says between two calls.
// The [Manifest] of a complete export lists files for [Client.Open]. Where
// partial manifests were allowed, [Pages] says which page to ask for next with
// [Client.Page], and which files are new. When everything is stored,
// [Client.Cancel] lets the server remove its files. See the package example.
//
// # Errors
//
// The errors of a call say what a caller has to decide on:
//
//   - [*RequestError]: the guide does not allow the request; nothing was sent.
//   - [*NotSentError]: nothing reached the server.
//   - [*UnansweredError]: the request may have reached the server, no answer came.
//   - [*BusyError]: the server refuses a kick-off for now, an export is running.
//   - [*StatusError]: the server answered with an error status.
//   - [*ProtocolError]: the server answered with success that makes no sense.
//   - [*OriginError]: the request would have gone where it must not go.
//   - [*TruncatedError]: a file's transfer ended early.
//
// [Temporary] tells weather from what needs a person, [MayHaveStarted] whether
// a failed kick-off may have left an export running at the server, and
// [StatusError.ExportEnded] whether a failed status request was the export's end.
//
// # Where the guide contradicts itself
//
// The path follows the operation's name in the CapabilityStatement only in STU4
// and only for a definition of version 4: [Capability.OperationName]. A page is
// read like a status, and a page elsewhere gets no token: [Client.Page]. Outcome
// files that every page repeats are given once: [Pages]. A link may be an array
// or one object, output may be missing in STU4, and a manifest is read by its
// shape whatever the dialect: [ParseManifest]. A status is asked for as
// application/json and told from an OperationOutcome by its content. A gateway's
// 502, 503 or 504 is no failed export, though the text calls every 5xx one:
// [StatusError.Temporary]. A type that was not asked for is no error. Both URLs
// of the extension operation-not-supported are known: [Capability.NotSupported].
// The release is configuration, with one fallback from POST to GET in STU2 and
// STU3: [Client.Kickoff].
//
// Standard: https://hl7.org/fhir/uv/bulkdata/export.html
package bulkdata
