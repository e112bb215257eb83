package cli

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/doctor"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

type doctorCommand struct {
	Tenant string `placeholder:"ID" help:"Only this practice."`
	Deep   bool   `help:"Read every raw file, staged file, quarantined line and table, too."`
	Repair bool   `help:"Make again what can be made again, and remove what a crash left. Needs the ledger for itself."`
}

// Run says what of the ledger, the files and the tables is not as it should
// be, and with Repair does what is safe about it.
func (c *doctorCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	if _, err := os.Stat(app.Ledger(cfg)); errors.Is(err, fs.ErrNotExist) {
		return problem.Wrap(store.ErrNoLedger, problem.ConfigMissing, "there is no ledger: nothing was ever exported into this state folder",
			"If there was one, put a backup back with bulkhead restore. Otherwise start with bulkhead export TENANT.")
	}
	look := c.look
	if c.Repair {
		look = c.mend
	}
	report, err := look(ctx, cfg)
	if err != nil {
		return err
	}
	if err := c.print(g, report); err != nil {
		return err
	}
	if p := report.Problem(); p != nil {
		return p
	}
	return nil
}

func (c *doctorCommand) look(ctx context.Context, cfg *config.Config) (doctor.Report, error) {
	holder, _ := store.Holder(app.Ledger(cfg))
	s, err := store.Look(ctx, app.Ledger(cfg))
	if err != nil {
		return doctor.Report{}, err
	}
	defer s.Close() //nolint:errcheck // it was only read
	o, free, err := c.options(ctx, cfg, s)
	if err != nil {
		return doctor.Report{}, err
	}
	defer free()
	o.Holder = holder
	return doctor.Examine(ctx, o)
}

// mend takes the ledger, so that nobody works meanwhile, looks, and repairs.
func (c *doctorCommand) mend(ctx context.Context, cfg *config.Config) (report doctor.Report, err error) {
	s, err := store.Open(ctx, app.Ledger(cfg))
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	e, err := engine.New(engine.Options{Config: cfg, Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return report, err
	}
	o, free, err := c.options(ctx, cfg, s)
	if err != nil {
		return report, err
	}
	defer free()
	if report, err = doctor.Examine(ctx, o); err != nil {
		return report, err
	}
	return report, doctor.Repair(ctx, &report, s, e)
}

// options say what there is to look at. free closes it.
func (c *doctorCommand) options(ctx context.Context, cfg *config.Config, s *store.Store) (o doctor.Options, free func(), err error) {
	o = doctor.Options{Ledger: s, Folder: cfg.Folder, Tenant: c.Tenant, Deep: c.Deep, Now: time.Now()}
	if c.Tenant != "" {
		if err := known(ctx, cfg, s, c.Tenant); err != nil {
			return o, nil, err
		}
	}
	if o.Sinks, o.Places, err = lookers(cfg); err != nil {
		return o, nil, err
	}
	if o.Keys, o.KeyTrouble = app.Keys(cfg, s, true); o.KeyTrouble != nil {
		o.Keys = atrest.New(atrest.Options{Folder: filepath.Join(cfg.Folder, atrest.FolderName), Ledger: s, Looking: true})
	}
	o.Files, err = blob.LookLocal(filepath.Join(cfg.Folder, "files"))
	if errors.Is(err, fs.ErrNotExist) {
		o.Files = nil
		return o, func() {}, nil
	}
	if err == nil {
		o.Files.Encrypt(o.Keys)
	}
	return o, func() { o.Files.Close() }, err //nolint:errcheck // it was only read
}

// known reports whether a practice is configured, or was.
func known(ctx context.Context, cfg *config.Config, s *store.Store, tenant string) error {
	tenants, err := s.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if t.ID == tenant {
			return nil
		}
	}
	_, err = cfg.Tenant(tenant)
	return err
}

// lookers gives the configured sinks, and where they keep what is temporary.
func lookers(cfg *config.Config) (map[string]doctor.Looker, []string, error) {
	sinks, err := app.Sinks(cfg)
	if err != nil {
		return nil, nil, err
	}
	looked, places := map[string]doctor.Looker{}, []string(nil)
	for name, s := range sinks {
		if l, ok := s.(doctor.Looker); ok {
			looked[name] = l
		}
		if file := cfg.Sinks[name].File; file != "" {
			places = append(places, filepath.Dir(file))
		}
		if folder := cfg.Sinks[name].Folder; folder != "" {
			places = append(places, folder)
		}
	}
	return looked, places, nil
}

// A summary is the last line of doctor's JSON.
type summary struct {
	Clean    bool          `json:"clean"`
	Findings int           `json:"findings"`
	Repaired int           `json:"repaired"`
	Deep     bool          `json:"deep"`
	Looked   doctor.Looked `json:"looked_at"`
}

func (c *doctorCommand) print(g *Globals, r doctor.Report) error {
	s := summary{Clean: r.Problem() == nil, Findings: len(r.Findings), Deep: c.Deep, Looked: r.Looked}
	for _, f := range r.Findings {
		if f.Repaired != "" {
			s.Repaired++
		}
		if g.JSON {
			if err := g.emit(f); err != nil {
				return err
			}
			continue
		}
		c.finding(g, f)
	}
	if g.JSON {
		return g.emit(s)
	}
	l := r.Looked
	g.printf("looked at %s, %s, %s, %s and %s", some(int64(l.Tenants), "practice"), some(int64(l.Exports), "export"),
		some(l.Files, "file"), some(l.Parts, "staged part"), some(int64(l.Sinks), "sink"))
	if l.Read > 0 {
		g.printf("; read %s of raw lines", wording.Size(l.Read))
	}
	g.printf("; %s is free on the disk\n", wording.Size(l.FreeDisk))
	switch {
	case s.Clean && s.Repaired > 0:
		g.printf("all that was found is repaired; look again with bulkhead doctor%s\n", c.again())
	case s.Clean:
		g.printf("everything is as it should be\n")
	}
	return nil
}

func (c *doctorCommand) again() string {
	if c.Deep {
		return " --deep"
	}
	return ""
}

func (c *doctorCommand) finding(g *Globals, f doctor.Finding) {
	g.printf("%s (%s)", f.Severity, f.Check)
	if f.Tenant != "" {
		g.printf(" %s", f.Tenant)
	}
	g.printf(": %s\n", f.Says)
	switch {
	case f.Repaired != "":
		g.printf("  repaired: %s\n", f.Repaired)
	case f.Next != "":
		g.printf("  next: %s\n", strings.ReplaceAll(f.Next, "`", ""))
	}
}
