// Package trigger lets other programs start exports and tells them how exports
// ended. A request is a row of the ledger: another program inserts it, or the
// API or a web hook writes it for one. It is checked strictly, taken up exactly
// once, in the transaction that writes the export, and stands as its export
// does from then on. The end of an export is written to an outbox in one
// transaction, and sent from there, signed, to addresses that the configuration
// allows, at least once, for a day.
//
// It starts no goroutine and decides nothing about exports: whether one may
// begin is the engine's and the agreement's. What it sends holds nothing of a
// patient, no secret and no query of a URL.
//
// Signatures: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
package trigger
