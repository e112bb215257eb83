package cli

import (
	"context"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type disposeCommand struct {
	Now         disposeNowCommand         `cmd:"" default:"withargs" help:"Take away what may no longer be kept, of one practice or of all; or hand it back."`
	Calendar    disposeCalendarCommand    `cmd:"" help:"What goes when, of one practice or of all, by date. Nothing goes."`
	Certificate disposeCertificateCommand `cmd:"" help:"Show the certificate of what was destroyed at the end of a practice's agreement."`
}

type disposeNowCommand struct {
	Practice string `arg:"" optional:"" help:"The practice (default: all)."`
	DryRun   bool   `help:"Say what would go and why, and leave it there."`
	Return   string `type:"path" placeholder:"DIR" help:"Write what is kept of the practice, as it was received, into this folder for the practice, with a manifest and hashes. Nothing goes."`
	AtOnce   bool   `help:"After the end of an agreement: destroy now, not after half of its disposal_deadline."`
}

// Run says what goes and why, and then takes it away; run does so every day. It
// works beside a process that has the ledger.
func (c *disposeNowCommand) Run(ctx context.Context, g *Globals) error {
	if (c.AtOnce || c.Return != "") && c.Practice == "" {
		return problem.New(problem.Usage, "--at-once and --return are for one practice", "Name the practice.")
	}
	return g.disposing(ctx, func(cfg *config.Config, k *disposal.Keeper) error {
		tenants := cfg.Tenants
		if c.Practice != "" {
			t, err := cfg.Tenant(c.Practice)
			if err != nil {
				return err
			}
			tenants = []config.Tenant{*t}
		}
		for i := range tenants {
			if err := c.practice(ctx, g, k, &tenants[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// disposing gives what disposes, beside whoever works on the ledger.
func (g *Globals) disposing(ctx context.Context, do func(cfg *config.Config, k *disposal.Keeper) error) error {
	return g.onRecord(ctx, func(cfg *config.Config, s *store.Store) error {
		return withFiles(cfg, s, func(files *blob.Store) error {
			k, err := app.Disposal(cfg, s, files)
			if err != nil {
				return err
			}
			return do(cfg, k)
		})
	})
}

func (c *disposeNowCommand) practice(ctx context.Context, g *Globals, k *disposal.Keeper, t *config.Tenant) error {
	if c.Return != "" {
		return c.handBack(ctx, g, k, t)
	}
	f, open, err := k.Facts(ctx, t, time.Now())
	if err != nil {
		return err
	}
	f.AtOnce = c.AtOnce
	list := disposal.Look(f)
	if err := c.say(g, t, f, open, list); err != nil || c.DryRun {
		return err
	}
	r, err := k.Practice(ctx, t, disposal.Wish{AtOnce: c.AtOnce})
	if err != nil {
		return err
	}
	return c.done(g, t, r)
}

// A going is an area of an export and what becomes of it, for --json.
type going struct {
	Tenant string `json:"tenant"`
	Export string `json:"export"`
	Area   string `json:"area"`
	Due    bool   `json:"due"`
	Rule   string `json:"rule"`
	At     string `json:"at,omitempty"`
	Says   string `json:"says"`
}

// say prints what becomes of all that is left of a practice: what goes now one
// by one, the rest by when it goes.
func (c *disposeNowCommand) say(g *Globals, t *config.Tenant, f disposal.Facts, open *store.Ending, list []disposal.Verdict) error {
	if g.JSON {
		for _, v := range list {
			of := going{Tenant: t.ID, Export: v.Export.ID, Area: string(v.Area.Kind), Due: v.Due, Rule: string(v.Rule), Says: disposal.Says(v.Disposal)}
			if !v.At.IsZero() {
				of.At = v.At.UTC().Format(time.RFC3339)
			}
			if err := g.emit(of); err != nil {
				return err
			}
		}
		return nil
	}
	g.printf("%s: %s\n", t.ID, ends(t, f, open))
	table, due := grid{header: []string{"export", "area", "what becomes of it"}}, map[agreement.Kind]bool{}
	for _, v := range list {
		if v.Export.State == life.Denied && v.Export.KickoffSentAt.IsZero() && v.Area.Kind != agreement.KindHistory {
			continue // it brought nothing
		}
		table.add(v.Export.ID, string(v.Area.Kind), disposal.Says(v.Disposal))
		due[v.Area.Kind] = due[v.Area.Kind] || v.Due
	}
	if len(table.rows) > 0 {
		table.print(g)
	}
	for _, a := range disposal.Areas {
		if due[a.Kind] {
			g.printf("once %s is gone: %s\n", a.Kind, a.Ends)
		}
	}
	return nil
}

// ends says how a practice's agreement stands.
func ends(t *config.Tenant, f disposal.Facts, open *store.Ending) string {
	a := t.Agreement
	switch rule, over := agreement.Over(a, f.Now); {
	case a == nil:
		return "there is no agreement; everything is kept, for nobody can say what becomes of it"
	case a.LegalHold.Holds():
		return "a legal hold since " + a.LegalHold.Since.Format(time.DateOnly) + " by " + a.LegalHold.By + " keeps everything: " + a.LegalHold.Reason
	case over && !f.Destroyed.IsZero():
		return "everything was destroyed on " + f.Destroyed.Format(time.DateOnly) + ", after the agreement's end: bulkhead dispose certificate " + t.ID
	case over && open == nil:
		return "the agreement is over (" + string(rule) + ")"
	case over:
		return "the agreement is over (" + string(rule) + ") since " + f.OverAt.Format(time.DateOnly) + "; by " +
			f.OverAt.Add(a.DisposalDeadline.Std()).Format(time.DateOnly) + " everything must be gone, in the sinks too"
	}
	return "the agreement stands"
}

func (c *disposeNowCommand) done(g *Globals, t *config.Tenant, r disposal.Result) error {
	if g.JSON {
		return g.emit(map[string]any{"tenant": t.ID, "gone": len(r.Gone), "waits": r.Waits, "certificate": r.Certificate})
	}
	switch {
	case r.Certificate != "":
		g.printf("everything of %s is destroyed; the certificate is %s\nits sha256 is %s, which stands in the practice's record\n", t.ID, r.Certificate, r.Ending.SHA256)
	case r.Waits != "":
		g.printf("%s: not now: %s\n", t.ID, r.Waits)
	case len(r.Gone) == 0:
		g.printf("%s: nothing is due\n", t.ID)
	default:
		g.printf("%s: %s gone\n", t.ID, some(int64(len(r.Gone)), "area"))
	}
	return nil
}

// handBack writes what is kept for the practice into a folder.
func (c *disposeNowCommand) handBack(ctx context.Context, g *Globals, k *disposal.Keeper, t *config.Tenant) error {
	verdict := agreement.Decide(t.Agreement, agreement.Ask{Stage: agreement.AtReturn, Tenant: t.ID, At: time.Now()}) // I1
	if !verdict.Permit {
		return refusedSight(ctx, k.Store, t.ID, agreement.AtReturn, verdict)
	}
	if c.DryRun {
		return problem.New(problem.Usage, "--return has no dry run", "Leave --dry-run out: handing back takes nothing away.")
	}
	h, err := k.HandBack(ctx, t, c.Return)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.emit(map[string]any{"tenant": t.ID, "folder": c.Return, "exports": len(h.Exports), "manifest_sha256": h.SHA256})
	}
	var files, documents, gone int64
	for _, x := range h.Exports {
		files, documents, gone = files+int64(len(x.Files)), documents+int64(len(x.Documents)), gone+int64(len(x.Gone))
	}
	g.printf("%s: %s of %s and %s are in %s, with manifest.json\nits sha256 is %s, which stands in the practice's record\n",
		t.ID, some(files, "file"), some(int64(len(h.Exports)), "export"), some(documents, "document"), c.Return, h.SHA256)
	if gone > 0 {
		g.printf("%s were here no more; the manifest names them\n", some(gone, "file"))
	}
	g.printf("they are not encrypted: give the folder to the practice by a safe way, and remove it\n")
	return nil
}

type disposeCertificateCommand struct {
	Practice string `arg:"" help:"The practice."`
	HTML     bool   `name:"html" help:"Print the page to print, as HTML."`
}

// Run prints the latest certificate, as a text, as JSON or as a page, and writes
// its files again where they are gone.
func (c *disposeCertificateCommand) Run(ctx context.Context, g *Globals) error {
	return g.disposing(ctx, func(cfg *config.Config, k *disposal.Keeper) error {
		if err := known(ctx, cfg, k.Store, c.Practice); err != nil {
			return err
		}
		endings, err := k.Store.In(c.Practice).Endings(ctx)
		if err != nil {
			return err
		}
		var last *store.Ending
		for i := range endings {
			if endings[i].Certificate != nil {
				last = &endings[i]
			}
		}
		if last == nil {
			return problem.New(problem.Usage, "there is no certificate of "+c.Practice+": nothing of it was destroyed because of the end of its agreement",
				"See what is due with bulkhead dispose "+c.Practice+" --dry-run.").For(c.Practice)
		}
		path, err := k.Keep(c.Practice, *last)
		if err != nil {
			return err
		}
		return c.print(g, *last, path)
	})
}

func (c *disposeCertificateCommand) print(g *Globals, e store.Ending, path string) error {
	switch {
	case c.HTML:
		page, err := disposal.Page(e)
		g.printf("%s", page)
		return err
	case g.JSON:
		g.printf("%s", e.Certificate)
		return nil
	}
	text, err := disposal.Text(e)
	g.printf("%sit is kept in %s and %s\n", text, path, strings.TrimSuffix(path, ".json")+".html")
	return err
}
