package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
)

// A practice is one tenant and its server.
type practice struct {
	tenant string // its code at the server is the same in capitals
	source sandbox.Source
	faults []sandbox.Fault
}

func (p practice) code() string { return strings.ToUpper(p.tenant) }

// A house is a bulkhead in this process, empty at first, and the server of its
// practices.
type house struct {
	dir    string
	server *sandbox.Server
	*app.App
}

// openHouse starts both in a new folder below dir.
func openHouse(ctx context.Context, dir string, practices ...practice) (_ *house, err error) {
	h := &house{}
	if h.dir, err = os.MkdirTemp(dir, "house-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close(ctx))
		}
	}()
	cfg := sandbox.Config{CAFile: filepath.Join(h.dir, "ca.pem")}
	for _, p := range practices {
		knobs := sandbox.Preset(sandbox.ProfileStandard)
		knobs.Takes, knobs.RetryAfter, knobs.FilesPer = 50*time.Millisecond, 20*time.Millisecond, 10_000
		knobs.Gzip = false // the sandbox's own work is kept small
		knobs.Faults = p.faults
		cfg.Practices = append(cfg.Practices, sandbox.Practice{
			Code: p.code(), Name: p.tenant, Profile: sandbox.ProfileStandard, Open: true, Source: p.source, Knobs: &knobs,
		})
	}
	if h.server, err = sandbox.Start(ctx, cfg); err != nil {
		return nil, err
	}
	if err := h.configure(practices); err != nil {
		return nil, err
	}
	c, err := config.Load(filepath.Join(h.dir, "bulkhead.yaml"))
	if err != nil {
		return nil, err
	}
	if h.App, err = app.Open(ctx, c, app.Options{Log: slog.New(slog.DiscardHandler)}); err != nil {
		return nil, err
	}
	return h, h.Start(ctx)
}

// quickProfile is the standard profile of a server that may be polled at once.
func quickProfile() ([]byte, error) {
	profile := config.Profiles()["standard"]
	profile.Poll = config.PollRule{Default: config.Duration(20 * time.Millisecond), Floor: config.Duration(10 * time.Millisecond), Ceiling: config.Duration(time.Second)}
	return profile.YAML()
}

// configure writes a configuration in which everything that a server does not
// decide has its default, but that a failing server is asked again sooner than
// by default: the sick are as much of a nuisance as they can be.
func (h *house) configure(practices []practice) error {
	text, err := quickProfile()
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("folder: state\ntls: {ca_file: ca.pem}\nprofiles: profiles\nlimits: {retry: {first_wait: 100ms, longest_wait: 1s, attempts: 1000}}\ntenants:\n")
	for _, p := range practices {
		fmt.Fprintf(&b, "  - {id: %s, open: true, level: system, fhir_base_url: %q, types: [%s], agreement: {reference: invented, status: active, effective_from: 2020-01-01, types: ['*'], groups: ['*'], sinks: ['*']}}\n",
			p.tenant, h.server.Practice(p.code()).Base(), strings.Join(p.source.Types(), ", "))
	}
	return errors.Join(
		os.Mkdir(filepath.Join(h.dir, "profiles"), 0o700),
		os.WriteFile(filepath.Join(h.dir, "profiles", "standard.yaml"), text, 0o600),
		os.WriteFile(filepath.Join(h.dir, "bulkhead.yaml"), []byte(b.String()), 0o600))
}

// request begins a tenant's export.
func (h *house) request(ctx context.Context, tenant string) (id string, err error) {
	return h.Engine.Request(ctx, tenant, export.Wish{By: "bench"})
}

// close ends the server first, so that what hangs does not hold bulkhead up.
func (h *house) close(ctx context.Context) error {
	var err error
	if h.server != nil {
		err = h.server.Close()
	}
	if h.App != nil {
		err = errors.Join(err, h.App.Close(ctx))
	}
	return errors.Join(err, os.RemoveAll(h.dir))
}
