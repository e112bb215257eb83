package cli

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/checkup"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type checkCommand struct {
	Tenant      string `arg:"" help:"The practice whose server is tried."`
	ProbeScopes bool   `help:"Where not all scopes are granted, ask for each alone and say which set works. Some servers lock out clients that ask too often."`
}

// Run prints a verdict and a next step for each thing that an export needs, as
// soon as it is known.
func (c *checkCommand) Run(ctx context.Context, g *Globals) error {
	cfg, t, err := g.tenant(c.Tenant)
	if err != nil {
		return err
	}
	ledger, err := besides(ctx, cfg)
	if err != nil {
		return err
	}
	if ledger != nil {
		defer ledger.Close() //nolint:errcheck // requests were counted as they were sent
	}
	connections, err := export.NewConnections(cfg, ledger)
	if err != nil {
		return err
	}
	ctx = audit.As(ctx, audit.Person()) // the tokens that it asks for are on record as this person's
	count := map[checkup.Verdict]int64{}
	var broken error
	err = checkup.Run(ctx, checkup.Request{
		Config: cfg, Tenant: t, Connections: connections, Ledger: ledger, ProbeScopes: c.ProbeScopes,
	}, func(f checkup.Finding) {
		count[f.Verdict]++
		if g.JSON {
			broken = errors.Join(broken, g.emit(f))
			return
		}
		g.printFinding(f)
	})
	goes, looked := forecast(ctx, cfg, t)
	kept := checkup.Finding{Subject: "retention", Verdict: checkup.Good, Detail: strings.Join(append([]string{"kept: " + disposal.Clocks(t.Agreement)}, goes...), "; ")}
	if g.JSON {
		return errors.Join(broken, err, looked, g.emit(kept))
	}
	g.printFinding(kept)
	g.printVerdict(t, count)
	return errors.Join(broken, err, looked)
}

// besides opens the ledger beside whoever works on it, so that requests count
// in its rate windows. It is nil when there is none yet.
func besides(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	if _, err := os.Stat(app.Ledger(cfg)); err != nil {
		return nil, nil //nolint:nilerr,nilnil // the first export makes it
	}
	return store.Join(ctx, app.Ledger(cfg))
}

// The columns of a checkup.
const (
	findingColumn = 25 // where what was found begins
	findingWidth  = 95 // of what was found
)

func (g *Globals) printFinding(f checkup.Finding) {
	for i, line := range wrapped(f.Detail, findingWidth) {
		if i > 0 {
			g.printf("%*s%s\n", findingColumn, "", line)
			continue
		}
		g.printf("%-15s %-8s %s\n", f.Subject, f.Verdict, line)
	}
	for step := range strings.SplitSeq(f.Next, "\n") {
		arrow := "→ "
		if item.MatchString(step) {
			arrow = "  "
		}
		for _, line := range wrapped(step, findingWidth-2) {
			g.printf("%*s%s%s\n", findingColumn, "", arrow, line)
			arrow = "  "
		}
	}
}

// item is one of several things below a heading.
var item = regexp.MustCompile(`^[0-9]+\. `)

func (g *Globals) printVerdict(t *config.Tenant, count map[checkup.Verdict]int64) {
	if n := count[checkup.Bad]; n > 0 {
		g.printf("\n%s: an export would fail. Begin with the first line that says failed.\n", some(n, "failure"))
		return
	}
	if n := count[checkup.Warning]; n > 0 {
		g.printf("\n%s, no failure: bulkhead export %s can be tried.\n", some(n, "warning"), t.ID)
		return
	}
	g.printf("\nall is well: bulkhead export %s can start.\n", t.ID)
}

// wrapped breaks a text at spaces into lines of about width. A word that is
// longer stays whole. An empty text has no lines.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
