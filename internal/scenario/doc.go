// Package scenario runs whole products in simulated time: a bulkhead, as
// internal/app wires it, and the practice EHRs of internal/sandbox, in one
// process, joined by a network in memory, inside a bubble of testing/synctest.
// Nothing is replaced but the wires and the clock: the ledger, the executor,
// TLS, tokens, raw files, ingest and the sinks are the product's own. Hours of
// polling pass in milliseconds, and a Retry-After is obeyed to the second or
// the test fails. It is for tests only.
//
// A scenario:
//
//	func TestABusyServerIsWaitedFor(t *testing.T) {
//		t.Attr("shows", "K1")
//		spec := scenario.Spec{Kickoffs: 2}
//		spec.Preset = "ecw"
//		spec.Knobs = func(k *sandbox.Knobs) { k.Takes = 2 * time.Hour }
//		scenario.Run(t, spec, func(w *scenario.World) {
//			x := w.Want(w.Export(), life.Completed)        // asks, and waits until it settles
//			w.Pass(24 * time.Hour)                         // a day at the practice
//			w.Change(func(k *sandbox.Knobs) { k.Count = true })
//			w.Restart()                                    // what is durable is all that is left
//			y := w.Want(w.Export(), life.Completed)        // incremental
//			if y.Since != x.NextSince {
//				t.Errorf("second export since %s", y.Since)
//			}
//			if n := w.Count(sandbox.KindPoll); n > 20 { // what the server saw
//				t.Errorf("%d polls", n)
//			}
//			t.Log(len(w.Rows("patient")), w.Quarantine(y), w.Problem(y)) // what was published, refused, told
//		})
//	}
//
// Spec says what stands there: preset and knobs, vendor profile, size of the
// practice, types, level, tenants, YAML laid over the configuration. After the
// scenario Run checks what must hold in every world: lines add up (I4), one
// kick-off per export unless Spec.Kickoffs says more, nothing polled earlier
// than told, no token where none belongs, no half-written files, a reason with
// every export that did not complete, watermarks only of completed ones, and
// no secret in a log or the ledger.
//
// # What a bubble asks for
//
// Its clock begins at 2000-01-01; Run lets it pass to [Begin] before anything
// is made, so certificates, agreements and people are of one time. Every
// goroutine of the world is started in the bubble and ends in it: River,
// database/sql, net/http and the sandbox do so by themselves once they are
// opened inside and closed before the end. Time stands still while anything
// computes, reads a file or is within DuckDB.
//
// Two things needed a remedy. Arrow keeps zstd encoders for the whole process,
// and their channels belong to the bubble that made them, so the scenarios use
// a codec that was made outside (codec.go). The executor looks for work some
// thirty times a second, which costs 20 real seconds in a simulated hour, so
// while nothing is due the engine is stopped, and is started again when
// something is (pass.go); whatever must survive that survives a restart too.
//
// Within a scenario the test's own t may fail and log. Its context is made
// outside, so waiting on it holds the clock: use that of World.T.
//
// It never opens a socket, and it never asks the sandbox for more than it
// would tell anybody else's test.
//
// https://pkg.go.dev/testing/synctest
package scenario
