package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// profileVariable names the file for the CPU profile of a child.
const profileVariable = "BULKHEAD_BENCH_PROFILE"

// profiled begins a CPU profile into a file; an empty path is none. What it
// returns ends it.
func profiled(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// shares are CPU times by what they were spent on.
type shares map[string]time.Duration

// kindsOfWork tell by a function what its caller's time is spent on. Of a stack
// the innermost function that one of them knows decides.
var kindsOfWork = []struct {
	what      string
	functions []string // parts of full names
}{
	{"SHA-256 of the bytes", []string{"crypto/sha256.", "fips140/sha256."}},
	{"look at lines and end while downloading", []string{"export.(*tail)."}},
	{"receive (HTTP, kernel's copy included)", []string{"net.(*conn).", "net.(*netFD).", "net/http.", "/bulkdata."}},
	{"zstd: decompress", []string{"zstd.(*Decoder)", "zstd.(*blockDec)", "zstd.(*frameDec)", "zstd.(*sequenceDecs"}},
	{"zstd: compress", []string{"zstd.(*Encoder)", "zstd.(*fastEncoder", "zstd.(*blockEnc)"}},
	{"parse", []string{"/tape."}},
	{"columns and Parquet", []string{"internal/columnar.", "internal/parquetfile."}},
	{"rules of US Core", []string{"/uscore.", "internal/judge."}},
	{"rows of views", []string{"/sqlonfhir.", "internal/rows.", "internal/generic."}},
	{"cut into lines", []string{"internal/ndjson."}},
	{"write and sync files", []string{"internal/blob."}},
	{sinkWork, []string{"duckdb", "parquetsink.", "sink/merge."}},
	{"ledger and executor", []string{"internal/store", "riverqueue/", "modernc.org/sqlite", "database/sql."}},
	{"ingest, the rest", []string{"internal/ingest.", "internal/scan."}},
	{"engine and steps, the rest", []string{"internal/engine.", "internal/export."}},
	{"start", []string{"views.Load", "app.Open", "runtime.main", "runtime.doInit"}},
	{"garbage collector", []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.bgscavenge"}},
	{"scheduler of goroutines", []string{"runtime.mcall", "runtime.schedule", "runtime.mstart", "runtime.sysmon"}},
}

const (
	sinkWork  = "sinks"
	otherWork = "all else"
)

// sharesOf reads a CPU profile by the names it holds: those of a binary without
// symbols, such as `go run` builds, would take the place of cgo's.
func sharesOf(ctx context.Context, path string) (shares, error) {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-symbolize=none", "-traces", path).Output()
	if err != nil {
		return nil, fmt.Errorf("read the CPU profile: %w", err)
	}
	return sharesOfTraces(out)
}

// sharesOfTraces reads what pprof -traces prints: after a ruler the stack of a
// sample, the innermost function first and behind the sample's time.
func sharesOfTraces(text []byte) (shares, error) {
	s := shares{}
	var spent time.Duration
	var stack []string
	flush := func() {
		if spent > 0 {
			s[workOf(stack)] += spent
		}
		spent, stack = 0, nil
	}
	started := false
	for scan := bufio.NewScanner(bytes.NewReader(text)); scan.Scan(); {
		line := scan.Text()
		if strings.HasPrefix(line, "-----") {
			flush()
			started = true
			continue
		}
		fields := strings.Fields(line)
		if !started || len(fields) == 0 {
			continue
		}
		if d, err := time.ParseDuration(fields[0]); err == nil && len(fields) > 1 {
			spent, fields = d, fields[1:]
		}
		stack = append(stack, strings.Join(fields, " "))
	}
	flush()
	if len(s) == 0 {
		return nil, errors.New("the CPU profile has no sample")
	}
	return s, nil
}

// workOf says what a stack, from the innermost function on, is spent on.
func workOf(stack []string) string {
	for _, function := range stack {
		for _, k := range kindsOfWork {
			if slices.ContainsFunc(k.functions, func(part string) bool { return strings.Contains(function, part) }) {
				return k.what
			}
		}
	}
	return otherWork
}

// tell gives the shares from the greatest on, as rows of a table, and how many
// seconds each gigabyte took.
func (s shares) tell(bytes int64) [][]string {
	var all time.Duration
	for _, d := range s {
		all += d
	}
	kinds := slices.SortedFunc(maps.Keys(s), func(a, b string) int { return int(s[b] - s[a]) })
	var rows [][]string
	for _, k := range kinds {
		if s[k] < all/200 {
			continue
		}
		rows = append(rows, []string{k, fmt.Sprintf("%.2f", s[k].Seconds()), fmt.Sprintf("%.0f %%", 100*s[k].Seconds()/all.Seconds()), fmt.Sprintf("%.2f", s[k].Seconds()/(float64(bytes)/1e9))})
	}
	return rows
}

// withoutSize is tell where no bytes are the measure.
func (s shares) withoutSize() [][]string {
	rows := s.tell(1)
	for i := range rows {
		rows[i] = rows[i][:3]
	}
	return rows
}
