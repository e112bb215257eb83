package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
)

// childWord is the first argument of the processes that bench starts of
// itself: what they take is theirs alone, start-up included.
const childWord = "child"

// children are what such a process can do with the rest of its arguments. What
// it says goes to out.
var children = map[string]func(ctx context.Context, out io.Writer, args []string) error{
	"bulkhead": commandLine,
	"duckdb":   duckDB,
	"query":    queryOne,
	"parse":    parseWays,
	"ingest":   ingestFile,
	"valid":    validFile,
	"ehr":      serveEHR,
	"attended": attended,
}

// runChild is the main of a child. Its last line on standard output is its
// greatest resident memory.
func runChild(ctx context.Context, args []string) int {
	err := fmt.Errorf("no child does %q", args)
	if len(args) > 0 && children[args[0]] != nil {
		err = children[args[0]](ctx, os.Stdout, args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: child:", err)
		return 1
	}
	fmt.Fprintf(os.Stdout, "peak %d kB\n", peak())
	return 0
}

// commandLine is what the command bulkhead does.
func commandLine(ctx context.Context, _ io.Writer, args []string) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25) // as in cmd/bulkhead
	}
	var said bytes.Buffer
	if status := cli.Main(ctx, args, cli.Streams{In: os.Stdin, Out: &said, Err: &said}); status != 0 {
		return fmt.Errorf("bulkhead %s ended with status %d: %s", args[0], status, &said)
	}
	return nil
}

// peak is the greatest resident memory of this process so far in kB, 0 where
// the kernel does not tell it.
func peak() (kB int64) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	fmt.Sscan(after, &kB) //nolint:errcheck // 0 is the answer then
	return kB
}

// A spending is what one whole process took.
type spending struct {
	cost
	peak int64 // greatest resident memory in bytes
	said string
}

// spend runs a child on so many processors, and gives what it took.
func spend(ctx context.Context, cpus int, args ...string) (spending, error) {
	self, err := os.Executable()
	if err != nil {
		return spending{}, err
	}
	var out, complaint bytes.Buffer
	c := exec.CommandContext(ctx, self, append([]string{childWord}, args...)...)
	c.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(cpus))
	c.Stdout, c.Stderr = &out, &complaint
	began := time.Now()
	if err := c.Run(); err != nil {
		return spending{}, errors.Join(err, errors.New(strings.TrimSpace(complaint.String())))
	}
	s := spending{cost: cost{time.Since(began), c.ProcessState.UserTime() + c.ProcessState.SystemTime()}}
	said, last, _ := strings.Cut(out.String(), "peak ")
	s.said = said
	var kB int64
	if _, err := fmt.Sscanf(last, "%d kB", &kB); err != nil {
		return s, fmt.Errorf("the child's last line: %w", err)
	}
	if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok && kB == 0 {
		kB = u.Maxrss
	}
	s.peak = kB << 10
	return s, nil
}
