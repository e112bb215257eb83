package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Signals gives a context that ends when the process is told to stop, by
// SIGINT or SIGTERM. The verbs then end in good order; a second signal does not
// wait for them and ends the process at once, as a kill does, which loses
// nothing either. stop gives the signals their usual meaning back.
func Signals(ctx context.Context) (_ context.Context, stop context.CancelFunc) {
	ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
