package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bench/lines"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// loadParts are what the part load stands for, in their order.
var loadParts = []string{"load-small", "load-large", "load-many", "load-day", "load-idle"}

// loads say how heavy the parts of load are.
type loads struct {
	files     int           // of the practice with many small files
	lines     int           // in each of them
	mega      int64         // MB of the one large file
	practices int           // that are due at once, or live a day
	idle      time.Duration // how long nothing is due
	settles   time.Duration // before that, after the start
	exports   int           // of which an old ledger knows meanwhile
	folder    string        // where all of it is made; empty for the system's
}

func (l *loads) flags() {
	flag.IntVar(&l.files, "load-files", 20_000, "how many files the practice of load-small has")
	flag.IntVar(&l.lines, "load-lines", 100, "how many lines each of them has")
	flag.Int64Var(&l.mega, "load-mega", 5000, "how many MB the file of load-large has")
	flag.IntVar(&l.practices, "load-practices", 200, "how many practices load-many, load-day and load-idle have")
	flag.DurationVar(&l.idle, "load-idle-for", time.Minute, "how long load-idle looks on")
	flag.DurationVar(&l.settles, "load-settles", 90*time.Second, "how long after the start load-idle begins to look")
	flag.IntVar(&l.exports, "load-exports", 100_000, "how many exports the old ledger of load-idle knows")
	flag.StringVar(&l.folder, "load-folder", "", "where files are made; the system's folder of temporary files when empty")
}

// mostWaited bounds every wait for exports.
const mostWaited = 15 * time.Minute

// A batch is a folder of prepared files.
type batch struct {
	folder string
	types  []string
	files  int
	lines  int64
	bytes  int64
}

// makeBatch writes so many files of so many lines each, of the types in turn.
func makeBatch(folder string, types []string, files, each int) (batch, error) {
	b := batch{folder: folder, types: types, files: files}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return b, err
	}
	numbers := map[string]int{}
	var text []byte
	for n := range files {
		kind := types[n%len(types)]
		text = text[:0]
		for range each {
			text = append(lines.Append(text, kind, numbers[kind]), '\n')
			numbers[kind]++
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s.%06d.ndjson", kind, n)), text, 0o600); err != nil {
			return b, err
		}
		b.lines, b.bytes = b.lines+int64(each), b.bytes+int64(len(text))
	}
	syscall.Sync() // what is measured shall not wait for this
	return b, nil
}

// makeLarge writes one file of so many bytes.
func makeLarge(folder, kind string, size int64) (b batch, err error) {
	b = batch{folder: folder, types: []string{kind}, files: 1}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return b, err
	}
	f, err := os.Create(filepath.Join(folder, kind+".ndjson"))
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	n, err := lines.Write(w, kind, size)
	if err = errors.Join(err, w.Flush(), f.Sync()); err != nil {
		return b, err
	}
	fi, err := f.Stat()
	b.lines, b.bytes = int64(n), fi.Size()
	return b, err
}

// The schedule of practices of which none is due but by a word in the ledger: a
// day of another year.
const (
	leap     = "schedule: '30 2 29 2 *', "
	leapSpec = "30 2 29 2 * UTC" // as the ledger has it
)

// A home is the folder of a bulkhead in a process of its own.
type home struct{ folder, config string }

// newHome writes a configuration in which everything that a server does not
// decide has its default, but that it may be polled at once. more is added to
// every tenant.
func newHome(folder string, b batch, bases []string, more string) (home, error) {
	h := home{folder, filepath.Join(folder, "bulkhead.yaml")}
	profile, err := quickProfile()
	if err != nil {
		return h, err
	}
	var text strings.Builder
	text.WriteString("folder: state\nprofiles: profiles\ntenants:\n")
	for n, base := range bases {
		fmt.Fprintf(&text, "  - {id: %s, open: true, allow_http: true, level: system, fhir_base_url: %q, types: [%s], %sagreement: {reference: invented, status: active, effective_from: 2020-01-01, types: ['*'], groups: ['*'], sinks: ['*']}}\n",
			practiceName(n), base, strings.Join(b.types, ", "), more)
	}
	return h, errors.Join(
		os.MkdirAll(filepath.Join(folder, "profiles"), 0o700),
		os.WriteFile(filepath.Join(folder, "profiles", "standard.yaml"), profile, 0o600),
		os.WriteFile(h.config, []byte(text.String()), 0o600))
}

// ledger opens the ledger to read it, once it is there.
func (h home) ledger(ctx context.Context) (s *store.Store, err error) {
	for range 1000 {
		if s, err = store.Look(ctx, h.ledgerPath()); err == nil {
			return s, nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("no ledger appears: %w", err)
}

func (h home) ledgerPath() string { return filepath.Join(h.folder, "state", "ledger.db") }

// ledgerSize is the size of the ledger, with what is not yet folded into it.
func (h home) ledgerSize() (size int64) {
	for _, ending := range []string{"", "-wal"} {
		if fi, err := os.Stat(h.ledgerPath() + ending); err == nil {
			size += fi.Size()
		}
	}
	return size
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// entered gives when an export first came into each state.
func entered(timeline []store.Entry) map[life.State]time.Time {
	at := map[life.State]time.Time{}
	for _, e := range timeline {
		s := life.State(e.Detail)
		if _, seen := at[s]; !seen && slices.Contains(life.States, s) {
			at[s] = e.At
		}
	}
	return at
}

// folderSize adds up the files of a folder.
func folderSize(folder string) (files int, bytes int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		if err == nil {
			files, bytes = files+1, bytes+fi.Size()
		}
		return err
	})
	return files, bytes, err
}
