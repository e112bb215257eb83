// The command bulkhead pulls FHIR Bulk Data out of many practices' EHRs and
// keeps it as tables.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
)

// version is set by the build.
var version string

func main() {
	ctx, stop := cli.Signals(context.Background())
	defer stop()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25) // live memory is small and steady: keep what is resident close to it
	}
	os.Exit(cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: version}))
}
