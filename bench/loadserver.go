package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
)

// An ehr is the sandbox in a process of its own. All its practices have the
// same prepared files.
type ehr struct {
	*process
	bases []string // FHIR base URLs, by practice
}

// startEHR serves the files of a folder as so many practices.
func startEHR(ctx context.Context, folder string, practices int) (*ehr, error) {
	p, err := start(ctx, nil, "ehr", folder, strconv.Itoa(practices))
	if err != nil {
		return nil, err
	}
	e := &ehr{process: p}
	line, err := p.said.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &e.bases)
	}
	if err == nil && len(e.bases) != practices {
		err = fmt.Errorf("the sandbox has %d practices, want %d", len(e.bases), practices)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the sandbox: %w", err), p.end())
	}
	return e, nil
}

// serveEHR is the child: a sandbox without limits on requests, and quick, of
// args[1] practices that have the files of the folder args[0]. It says the
// practices' base URLs in one line and serves until its standard input ends.
func serveEHR(ctx context.Context, out io.Writer, args []string) (err error) {
	source, err := sandbox.PreparedSource(args[0])
	if err != nil {
		return err
	}
	practices, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	cfg := sandbox.Config{Plain: true}
	for n := range practices {
		knobs := sandbox.Standard()
		knobs.Takes, knobs.RetryAfter, knobs.FilesPer, knobs.Gzip = 50*time.Millisecond, 20*time.Millisecond, 0, false
		cfg.Practices = append(cfg.Practices, sandbox.Practice{
			Code: practiceName(n), Name: practiceName(n), Profile: sandbox.ProfileStandard, Open: true, Source: source, Knobs: &knobs,
		})
	}
	server, err := sandbox.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	var bases []string
	for n := range practices {
		bases = append(bases, server.Practice(practiceName(n)).Base())
	}
	if err := json.NewEncoder(out).Encode(bases); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// practiceName is the tenant and the practice code of the n-th practice.
func practiceName(n int) string { return fmt.Sprintf("practice-%03d", n) }

// manifestOf exports a practice as a client that only wants the links, and
// gives them.
func manifestOf(ctx context.Context, base string) ([]string, error) {
	client := &http.Client{Timeout: time.Minute}
	r, err := fetch(ctx, client, base+"/$export", http.StatusAccepted)
	if err != nil {
		return nil, err
	}
	status := r.Header.Get("Content-Location")
	for range 1000 {
		r, err := fetch(ctx, client, status, 0)
		if err != nil {
			return nil, err
		}
		if r.StatusCode == http.StatusOK {
			var m struct{ Output []struct{ URL string } }
			err := json.Unmarshal(r.body, &m)
			urls := make([]string, len(m.Output))
			for i, o := range m.Output {
				urls[i] = o.URL
			}
			return urls, err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return nil, errors.New("the sandbox does not end its export")
}

type read struct {
	*http.Response
	body []byte
}

// fetch asks for a URL; a status that is neither the one wanted nor, with 0,
// one of progress is an error.
func fetch(ctx context.Context, client *http.Client, url string, want int) (read, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return read{}, err
	}
	r.Header.Set("Accept", "application/fhir+json")
	r.Header.Set("Prefer", "respond-async")
	answer, err := client.Do(r)
	if err != nil {
		return read{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && (want > 0 && answer.StatusCode != want || answer.StatusCode > http.StatusAccepted) {
		err = fmt.Errorf("the sandbox answers %s", answer.Status)
	}
	return read{answer, body}, err
}
