// Package doctor compares the ledger with what it speaks of: the files in
// storage, the tables of the sinks, the steps of the executor. It says what is
// wrong in words, with what to do, and repairs what can be made again without
// asking anybody.
//
// It never deletes a raw file or a quarantined line, never writes to a sink,
// never sends a request, and without a Mender it changes nothing. It may look
// while a bulkhead works: what is found then is looked at twice.
//
// The invariants that it checks: DESIGN section 3, ARCHITECTURE.md.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Looker is a sink that says what it holds.
type Looker interface {
	Holdings(ctx context.Context, deep bool) (map[string]sink.Holding, error)
}

// A Mender makes again what was lost. *engine.Engine is the one there is.
type Mender interface {
	Rouse(ctx context.Context, tenant, export string) error
	Redo(ctx context.Context, l engine.Loss) error
}

// Options say what is looked at. Ledger, Folder and Now are required.
type Options struct {
	Ledger *store.Store
	Folder string            // the state folder
	Files  *blob.Store       // nil when the folder of files is not there
	Sinks  map[string]Looker // by name
	Keys   *atrest.Keys      // what encrypts the files; nil when nothing is known of keys
	Places []string          // folders in which sinks and queries keep what is temporary

	KeyTrouble error // why there is no house key, where the configuration names one

	Tenant string // only this practice; empty for all
	Deep   bool   // read everything
	Holder string // the process that works on the ledger; empty when nobody does, or we do
	Now    time.Time
	Room   int64 // bytes that should be free on the disk; 0 means 1 GiB
}

// An Examination is one look at everything.
type Examination struct {
	Options
	tenants []store.Tenant
	steps   []store.OpenStep
	looked  Looked
}

// Looked counts what was looked at.
type Looked struct {
	Tenants  int   `json:"tenants"`
	Exports  int   `json:"exports"`
	Files    int64 `json:"files"`
	Parts    int64 `json:"parts"`
	Read     int64 `json:"bytes_read,omitempty"` // of NDJSON, in depth
	Running  int   `json:"running"`              // exports that hold a slot
	Sinks    int   `json:"sinks"`
	FreeDisk int64 `json:"free_bytes"`
}

// A Report is what an examination found.
type Report struct {
	Findings []Finding
	Looked   Looked
}

// Examine looks at everything and returns what it found, the gravest first.
// Its error says that it could not look: at the ledger, or because ctx ended.
func Examine(ctx context.Context, o Options) (Report, error) {
	x := &Examination{Options: o}
	if x.Room == 0 {
		x.Room = 1 << 30
	}
	var found []Finding
	faults, err := o.Ledger.Faults(ctx)
	if err != nil {
		return Report{}, err
	}
	if len(faults) > 0 { // nothing that it says can be relied on
		return Report{Findings: []Finding{newFinding(Database, strings.Join(faults, "; "))}}, nil
	}
	if err := x.prepare(ctx); err != nil {
		return Report{}, err
	}
	checks := []check{x.steady, x.disk, x.houseKey}
	if x.Tenant == "" {
		checks = append(checks, x.strangers, x.temporary, x.orphans)
	}
	for _, t := range x.tenants {
		checks = append(checks, func(ctx context.Context) ([]Finding, error) { return x.tenant(ctx, t) })
	}
	checks = append(checks, x.sinks)
	for _, c := range checks {
		more, err := x.confirmed(ctx, c)
		if err != nil {
			return Report{}, err
		}
		found = append(found, more...)
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return a.Severity.order() - b.Severity.order() })
	return Report{found, x.looked}, nil
}

// check is one part of an examination.
type check func(ctx context.Context) ([]Finding, error)

// confirmed runs a check, and runs it again while somebody works on what it
// looks at: only what both times found is there. The ledger and the files are
// not read at one moment.
func (x *Examination) confirmed(ctx context.Context, c check) ([]Finding, error) {
	before := x.looked
	found, err := c(ctx)
	if err != nil || len(found) == 0 || x.Holder == "" {
		return found, err
	}
	if err := x.readSteps(ctx); err != nil {
		return nil, err
	}
	x.looked = before
	again, err := c(ctx)
	return slices.DeleteFunc(again, func(f Finding) bool {
		return !slices.ContainsFunc(found, func(o Finding) bool { return o.place() == f.place() })
	}), err
}

func (x *Examination) prepare(ctx context.Context) error {
	all, err := x.Ledger.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		if x.Tenant == "" || x.Tenant == t.ID {
			x.tenants = append(x.tenants, t)
		}
	}
	x.looked.Tenants = len(x.tenants)
	return x.readSteps(ctx)
}

func (x *Examination) readSteps(ctx context.Context) (err error) {
	x.steps, err = x.Ledger.AllOpenSteps(ctx)
	return err
}

// knows reports whether the ledger knows a practice.
func (x *Examination) knows(ctx context.Context, tenant string) (bool, error) {
	all, err := x.Ledger.Tenants(ctx)
	return slices.ContainsFunc(all, func(t store.Tenant) bool { return t.ID == tenant }), err
}

// missing reports whether an error says that a file is not there, and gives
// any other back.
func missing(err error) (bool, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// names writes the first few of a list of names.
func names(list []string) string {
	const most = 3
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
