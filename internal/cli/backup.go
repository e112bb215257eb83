package cli

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

type backupCommand struct {
	Path  string `arg:"" type:"path" help:"The file to make, or a folder: then the file gets a dated name in it."`
	Force bool   `help:"Replace a file that is there."`
}

// Run copies the ledger, also while a bulkhead works on it.
func (c *backupCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	to := c.Path
	if st, err := os.Stat(to); err == nil && st.IsDir() {
		to = filepath.Join(to, "ledger-"+time.Now().UTC().Format("20060102-150405")+".db")
	}
	m, err := store.Backup(ctx, store.BackupOrder{
		Ledger: app.Ledger(cfg), To: to, Replace: c.Force, Build: cmp.Or(g.streams.Version, "unreleased"),
	})
	if err != nil {
		return err
	}
	if g.JSON {
		return g.emit(struct {
			Path string `json:"path"`
			store.Manifest
		}{to, m})
	}
	g.printf("%s: %s, schema %d, checked: %s, %s, %s\n", to, wording.Size(m.Bytes), m.Schema,
		some(m.Rows["tenant"], "practice"), some(m.Rows["export"], "export"), some(m.Rows["output_file"], "file"))
	g.printf("its manifest is beside it; put it back with bulkhead restore %s\n", to)
	g.printf("it is the ledger only: raw, staged and quarantined files and the sinks are not in it\n")
	return nil
}

type restoreCommand struct {
	Path string `arg:"" type:"path" help:"The file that bulkhead backup made."`
}

// A restored is what a restore came to.
type restored struct {
	store.Restored
	Open []openExport `json:"under_way"`
}

type openExport struct {
	Tenant string     `json:"tenant"`
	Export string     `json:"export"`
	State  life.State `json:"state"`
}

// Run puts a backup in the place of the ledger and says what must be looked at.
func (c *restoreCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	r, err := store.Restore(ctx, c.Path, app.Ledger(cfg))
	if err != nil {
		return err
	}
	if err := recordRestore(ctx, app.Ledger(cfg), r); err != nil {
		return err
	}
	open, err := underWay(ctx, app.Ledger(cfg))
	if err != nil {
		return err
	}
	if g.JSON {
		return g.emit(restored{r, open})
	}
	c.tell(g, r, open, app.Ledger(cfg))
	return nil
}

// underWay gives the exports that a restored ledger goes on with.
func underWay(ctx context.Context, ledger string) (open []openExport, err error) {
	s, err := store.Look(ctx, ledger)
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // it was only read
	tenants, err := s.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tenants {
		exports, err := s.In(t.ID).AllExports(ctx)
		if err != nil {
			return nil, err
		}
		for _, x := range exports {
			if !x.State.Over() {
				open = append(open, openExport{t.ID, x.ID, x.State})
			}
		}
	}
	return open, nil
}

func (c *restoreCommand) tell(g *Globals, r store.Restored, open []openExport, ledger string) {
	made := "at an unknown time"
	if !r.MadeAt.IsZero() {
		made = r.MadeAt.Format(time.RFC3339)
	}
	g.printf("%s is now the backup made %s: %s, %s\n", ledger, made, some(r.Rows["tenant"], "practice"), some(r.Rows["export"], "export"))
	if r.Former != "" {
		g.printf("the former ledger is kept as %s\n", r.Former)
	}
	if r.Unreadable != "" {
		g.printf("the former ledger cannot be read, so nobody can say what it knew beyond the backup: %s\n", r.Unreadable)
	}
	if len(r.Forgotten) > 0 {
		g.printf("\nforgotten, because it began after the backup: %s\n", some(int64(len(r.Forgotten)), "export"))
		for _, x := range r.Forgotten {
			g.printf("  %s  %s  %s\n", x.Tenant, x.Export, x.State)
		}
		g.printf("What they brought stays in the sinks, and their files in storage. One that was under way may be running at the server still:\n" +
			"a server that takes one export at a time says so, and bulkhead waits.\n")
	}
	if len(r.SetBack) > 0 {
		var of []string
		for _, s := range r.SetBack {
			if !slices.Contains(of, s.Tenant) {
				of = append(of, s.Tenant)
			}
		}
		g.printf("\nwatermarks went back for %s: the next export asks again for changes that the sinks have.\n"+
			"That does no harm: publishing them again changes nothing.\n", strings.Join(of, ", "))
	}
	if len(open) > 0 {
		g.printf("\nunder way in the backup: %s; the next start goes on with what the server still has\n", some(int64(len(open)), "export"))
		for _, x := range open {
			g.printf("  %s  %s  %s\n", x.Tenant, x.Export, x.State)
		}
	}
	g.printf("\nnext: bulkhead doctor compares the ledger with the files and the sinks; then start bulkhead as before\n")
}
