package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A fetching is one side of a comparison: what took the files of a practice
// from the sandbox, and what that cost.
type fetching struct {
	name    string
	wall    time.Duration // from the start of the process
	cpu     time.Duration // of the process
	sandbox time.Duration // CPU time of the sandbox meanwhile
	peak    int64         // greatest resident memory in bytes; 0 where nobody looked
	durable time.Duration // the wall time until the disk has it; 0 where nobody waited for that
}

// curl downloads the files of a batch to disk by curl, in one process: one
// connection after another request, or parallel at once.
func curl(ctx context.Context, e *ehr, b batch, parallel int) (f fetching, err error) {
	f.name = "curl, one after another"
	if parallel > 1 {
		f.name = fmt.Sprintf("curl --parallel --parallel-max %d", parallel)
	}
	folder, err := os.MkdirTemp(filepath.Dir(b.folder), "curl-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	urls, err := manifestOf(ctx, e.bases[0])
	if err != nil {
		return f, err
	}
	script := filepath.Join(filepath.Dir(b.folder), "curl.txt")
	if err := writeScript(script, folder, urls); err != nil {
		return f, err
	}
	args := []string{"--silent", "--show-error", "--fail", "--noproxy", "*", "--config", script}
	if parallel > 1 {
		args = append(args, "--parallel", "--parallel-max", fmt.Sprint(parallel))
	}
	c := exec.CommandContext(ctx, "curl", args...)
	var complaint bytes.Buffer
	c.Stderr = &complaint
	e.look()
	before, began := e.at(time.Now()), time.Now()
	if err := c.Run(); err != nil {
		return f, fmt.Errorf("curl: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	f.wall, f.cpu = time.Since(began), c.ProcessState.UserTime()+c.ProcessState.SystemTime()
	e.look()
	f.sandbox = e.at(time.Now()).cpu - before.cpu
	if b.files == 1 {
		if err := syncFile(filepath.Join(folder, fileName(0))); err != nil {
			return f, err
		}
		f.durable = time.Since(began)
	}
	files, size, err := folderSize(folder)
	if err == nil && (files != b.files || size != b.bytes) {
		err = fmt.Errorf("curl brought %d files of %d bytes, want %d of %d", files, size, b.files, b.bytes)
	}
	return f, err
}

// fileName is the name of the n-th file that curl writes.
func fileName(n int) string { return fmt.Sprintf("%06d.ndjson", n) }

// syncFile returns when the disk has the file.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// writeScript writes curl's configuration: each URL and its file in the folder.
func writeScript(path, folder string, urls []string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	for n, u := range urls {
		fmt.Fprintf(w, "url = %q\noutput = %q\n", u, filepath.Join(folder, fileName(n))) //nolint:errcheck // Flush tells
	}
	return w.Flush()
}

// curlVersion is what curl calls itself.
func curlVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "curl", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("curl is needed beside: %w", err)
	}
	first, _, _ := strings.Cut(string(out), " (")
	return first, nil
}
