package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A delivery is one export by a bulkhead in a process of its own.
type delivery struct {
	fetching               // up to staged
	download time.Duration // from the manifest to the last raw file; files are ingested beside it
	ingest   time.Duration // from there until all is staged
	publish  time.Duration // from there until every sink has it; 0 where that was not waited for
	peakAll  int64         // greatest resident memory of the whole run, in bytes
	ledger   int64         // bytes
	profile  shares
}

// staged is how long the export took from the manifest to staged.
func (d delivery) staged() time.Duration { return d.download + d.ingest }

// exported says how an export is measured.
type exported struct {
	whole   bool   // up to the sinks; otherwise the process ends when all is staged
	profile string // a file for the CPU profile; empty for none
}

// export lets the command export the first practice of the sandbox into a new
// home, and checks that every line came.
func (e *ehr) export(ctx context.Context, b batch, how exported) (d delivery, err error) {
	folder, err := os.MkdirTemp(filepath.Dir(b.folder), "home-")
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	h, err := newHome(folder, b, e.bases[:1], "")
	if err != nil {
		return d, err
	}
	e.look()
	before := e.at(time.Now())
	p, err := start(ctx, []string{profileVariable + "=" + how.profile}, "attended", "--config", h.config, "export", practiceName(0))
	if err != nil {
		return d, err
	}
	moved, err := h.follow(ctx, practiceName(0), how.whole, b.lines)
	d.ledger = h.ledgerSize()
	if how.whole && err == nil {
		err = p.wait() // it ends when its export has
	} else {
		err = errors.Join(err, p.cutShort())
	}
	if err != nil {
		return d, err
	}
	d.peakAll = p.at(time.Now()).peak
	staged := moved[life.Publishing]
	d.name = "bulkhead, to staged"
	d.wall, d.cpu, d.peak = staged.Sub(p.began), p.at(staged).cpu, p.at(staged).peak
	d.sandbox = e.at(staged).cpu - before.cpu
	d.download, d.ingest = moved[life.Ingesting].Sub(moved[life.Downloading]), staged.Sub(moved[life.Ingesting])
	if how.whole {
		d.publish = moved[life.Completed].Sub(staged)
	}
	if how.profile != "" {
		d.profile, err = sharesOf(ctx, how.profile)
	}
	return d, err
}

// follow waits until the tenant's export is staged, or completed, and gives when
// it came into each state. An export that ended otherwise, or that lacks a
// line, is an error.
func (h home) follow(ctx context.Context, tenant string, whole bool, lines int64) (map[life.State]time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, mostWaited, errors.New("the export is not through in time"))
	defer cancel()
	ledger, err := h.ledger(ctx)
	if err != nil {
		return nil, err
	}
	defer ledger.Close()
	scope := ledger.In(tenant)
	var x store.Export
	for x.State != life.Completed && (whole || x.State != life.Publishing) {
		if err := pause(ctx, sampleEvery); err != nil {
			return nil, err
		}
		latest, ok, err := scope.Latest(ctx)
		if err != nil {
			return nil, err
		}
		if ok {
			x = latest
		}
		if x.State.Over() && x.State != life.Completed || x.State == life.Failed {
			return nil, fmt.Errorf("the export ended %s: %s (%s)", x.State, x.ProblemSummary, x.LastError)
		}
	}
	files, err := scope.Files(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	if n := delivered(files); n != lines {
		return nil, fmt.Errorf("the export brought %d of %d lines", n, lines)
	}
	timeline, err := scope.Timeline(ctx, x.ID)
	return entered(timeline), err
}
