package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

type configCommand struct {
	Check   configCheckCommand   `cmd:"" help:"Tell every mistake of every file at once, and what to see to."`
	Diff    configDiffCommand    `cmd:"" help:"Say what differs between the files and what is in force."`
	Apply   configApplyCommand   `cmd:"" help:"Put the files in force, also while bulkhead works."`
	History configHistoryCommand `cmd:"" help:"Say what a practice's configuration was, since when, and by whom."`
	Schema  configSchemaCommand  `cmd:"" help:"Print the JSON Schema of the configuration, for editors."`
}

type configCheckCommand struct {
	Strict bool `help:"Fail also when there is something to see to."`
}

// A sight is something that a person should see to, though the files are sound.
type sight struct {
	About string `json:"about"` // a practice, a registration, a folder
	Text  string `json:"text"`
	Next  string `json:"next,omitempty"`
}

// A soundness is what the check found.
type soundness struct {
	Tenants       int     `json:"tenants"`
	Registrations int     `json:"registrations"`
	Sinks         int     `json:"sinks"`
	SeeTo         []sight `json:"see_to"`
}

// Run reads all files, and what they name. It changes nothing and connects to
// nothing.
func (c *configCheckCommand) Run(g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	s := soundness{Tenants: len(cfg.Tenants), Registrations: len(cfg.Registrations), Sinks: len(cfg.Sinks), SeeTo: seeTo(cfg, time.Now())}
	if g.JSON {
		if err := g.emit(s); err != nil {
			return err
		}
	} else {
		g.printf("sound: %s, %s, %s\n", some(int64(s.Tenants), "practice"), some(int64(s.Registrations), "registration"), some(int64(s.Sinks), "sink"))
		if !cfg.Encryption.On() {
			g.printf("%s\n", cfg.Encryption.Standing())
		}
		g.see(s.SeeTo)
	}
	if c.Strict && len(s.SeeTo) > 0 {
		return problem.New(problem.ConfigInvalid, "the files are sound, but "+some(int64(len(s.SeeTo)), "thing")+" must be seen to", "See to what is listed, or leave out --strict.")
	}
	return nil
}

// see prints what a person should see to, and how.
func (g *Globals) see(list []sight) {
	for _, x := range list {
		g.printf("see to %s: %s\n", x.About, x.Text)
		if x.Next != "" {
			g.printf("    %s\n", x.Next)
		}
	}
}

// seeTo lists what is wrong with what the files name, and what no agreement
// permits at a time.
func seeTo(cfg *config.Config, now time.Time) []sight {
	list := []sight{}
	note := func(about string, err error) {
		if err != nil {
			p := problem.Of(err)
			list = append(list, sight{about, p.Summary, p.Remedy})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Registrations)) {
		_, warnings, err := keysOf(cfg.Registrations[name])
		note("registration "+name, err)
		for _, w := range warnings {
			text := w.Text
			if w.KeyID != "" {
				text = "key " + w.KeyID + ": " + text
			}
			list = append(list, sight{About: "registration " + name, Text: text})
		}
	}
	_, err := views.Load(cfg.Views...)
	note("views", err)
	_, untrusted := export.NewConnections(cfg, nil)
	note("tls", untrusted)
	_, err = app.Keys(cfg, nil, true)
	if err == nil || untrusted == nil || problem.Of(err).Summary != problem.Of(untrusted).Summary { // told once
		note("encryption", err)
	}
	for _, d := range cfg.Doubts() {
		list = append(list, sight{About: d.About, Text: fmt.Sprintf("%s (%s:%d)", d.Text, d.File, d.Line), Next: d.Next})
	}
	for _, c := range keyring.Certificates(cfg) {
		if c.Section != "tls" || untrusted == nil { // told once
			note(c.Field, c.Doubt(now))
		}
	}
	for _, text := range cfg.Alerts.Unheard(cfg.Tenants) {
		list = append(list, sight{About: "alerts", Text: text})
	}
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		ask := agreement.Ask{
			Tenant: t.ID, At: now, Level: t.Level, Group: t.Group, Types: t.Types, Sinks: t.Sinks, Attachments: t.Attachments.Fetch,
			Purposes: t.Purposes, Places: cfg.Sinks, Encrypted: cfg.Encryption.On(),
		}
		if p := agreement.Check(t.Agreement, ask); p != nil {
			note(t.ID, p)
		}
	}
	return list
}

type configSchemaCommand struct {
	Tenant bool `help:"The schema of a file that holds one practice."`
}

// Run prints the schema.
func (c *configSchemaCommand) Run(g *Globals) error {
	kind := config.WholeFile
	if c.Tenant {
		kind = config.TenantFile
	}
	g.printf("%s", config.Schema(kind))
	return nil
}

type configHistoryCommand struct {
	Tenant string `arg:"" optional:"" help:"The practice; without one, what all practices share."`
	Limit  int    `default:"20" help:"At most so many revisions."`
}

// A revision is how one revision of a practice's configuration is printed.
type revision struct {
	Tenant    string               `json:"tenant,omitempty"`
	Revision  int64                `json:"revision"`
	Kind      string               `json:"kind"`
	AppliedAt time.Time            `json:"applied_at"`
	AppliedBy string               `json:"applied_by"`
	Digest    string               `json:"digest"`
	Fields    []config.FieldChange `json:"fields,omitempty"`
}

// Run prints each revision with what it changed, the newest first.
func (c *configHistoryCommand) Run(ctx context.Context, g *Globals) error {
	list, err := c.revisions(ctx, g)
	if err != nil {
		return err
	}
	for _, r := range list {
		if g.JSON {
			if err := g.emit(r); err != nil {
				return err
			}
			continue
		}
		g.printf("revision %d: %s %s by %s\n", r.Revision, r.Kind, r.AppliedAt.Local().Format(time.DateTime), r.AppliedBy)
		if r.Kind == config.Changed {
			g.printFields(r.Fields)
		}
	}
	if len(list) == 0 && !g.JSON {
		fmt.Fprintln(g.streams.Err, "nothing was ever in force for it") //nolint:errcheck // the status tells all the same
	}
	return nil
}
