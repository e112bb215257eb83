package export

import (
	"context"
	"sync"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
)

// A trial is what a step has found out itself about servers: which of them it
// could not reach.
type trial struct {
	mu     sync.Mutex
	failed map[string]error // by origin
}

type trialKey struct{}

// onTrial gives a context for the requests of one step. When a connection of
// them has failed and the circuit then keeps the next one back, that one fails
// of the same cause: the step has tried, and that counts as an attempt. With a
// wait instead, a step of two requests would take every probe for the first and
// wait for ever with the second.
func onTrial(ctx context.Context) context.Context {
	return context.WithValue(ctx, trialKey{}, &trial{failed: map[string]error{}})
}

// found records that a connection of this step failed.
func found(ctx context.Context, origin string, err error) {
	if t, ok := ctx.Value(trialKey{}).(*trial); ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.failed[origin] = err
	}
}

// foundOut gives the error of a request that need not leave, because this step
// knows that the server cannot be reached; nil when it does not.
func foundOut(ctx context.Context, origin string) error {
	t, ok := ctx.Value(trialKey{}).(*trial)
	if !ok {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.failed[origin]; err != nil {
		return &triedError{err}
	}
	return nil
}

// A triedError is that of an earlier request to the same server.
type triedError struct{ cause error }

func (e *triedError) Error() string { return e.cause.Error() }

// Unwrap gives the cause, and marks it for the Bulk Data client: this request
// was never sent.
func (e *triedError) Unwrap() []error { return []error{e.cause, bulkdata.ErrNotSent} }
