package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

type quarantineShowCommand struct {
	Tenant string `arg:"" help:"The practice."`
	Export string `required:"" placeholder:"ID" help:"The export."`
	File   string `placeholder:"FILE" help:"One of its files, as list names it."`
	Line   int64  `placeholder:"N" help:"One line."`
	Reason string `placeholder:"REASON" help:"Only lines refused for it, or for its family."`
	Limit  int    `default:"10" help:"How many lines to show at most."`
	Reveal bool   `help:"Show lines whole, as they were received. It needs --reason-for-access."`
	Access string `name:"reason-for-access" placeholder:"TEXT" help:"Why a person must see the lines. It is recorded for good with who looked, and must name no patient."`
}

// A shownLine is a refused line without what it says.
type shownLine struct {
	Tenant    string `json:"tenant"`
	Export    string `json:"export"`
	File      string `json:"file"`
	Line      int64  `json:"line"`
	Offset    int64  `json:"offset"`
	Bytes     int64  `json:"bytes"`
	Reason    string `json:"reason"`
	Structure string `json:"structure"`
	More      bool   `json:"more,omitempty"`
	StopsAt   *int64 `json:"stops_at,omitempty"` // byte of the line where reading it as JSON stops
	Met       string `json:"met,omitempty"`      // what kind of byte stands there
}

// Run shows refused lines. The agreement must hold: nobody looks at a
// practice's records without one (I1).
func (c *quarantineShowCommand) Run(ctx context.Context, g *Globals) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	cfg, t, err := g.tenant(c.Tenant)
	if err != nil {
		return err
	}
	verdict := agreement.Decide(t.Agreement, agreement.Ask{Stage: agreement.AtRead, Tenant: t.ID, At: time.Now()}) // I1
	if !verdict.Permit {
		return g.onRecord(ctx, func(_ *config.Config, s *store.Store) error {
			return refusedSight(ctx, s, t.ID, agreement.AtRead, verdict)
		})
	}
	if c.Reveal {
		return c.reveal(ctx, g, cfg)
	}
	return g.onRecord(ctx, func(_ *config.Config, s *store.Store) error {
		return withFilesOf(cfg, s, c.Tenant, func(scope *blob.Scope) error { return c.show(ctx, g, s, scope) })
	})
}

const accessText = 500 // characters of a reason for access that are kept

func (c *quarantineShowCommand) check() error {
	switch {
	case c.Reveal && strings.TrimSpace(c.Access) == "":
		return problem.New(problem.Usage, "--reveal shows patients' records, and needs --reason-for-access",
			"Say why in a few words that name no patient: --reason-for-access \"vendor asks for the broken line, ticket 4711\". It is recorded.")
	case !c.Reveal && c.Access != "":
		return problem.New(problem.Usage, "--reason-for-access is for --reveal", "Leave it out: without --reveal nothing is shown that a line says of a patient.")
	}
	return checkReason("--reason-for-access", c.Access)
}

// each gives the chosen entries, as many as are wanted.
func (c *quarantineShowCommand) each(ctx context.Context, s *store.Store, scope *blob.Scope, do func(store.File, *quarantine.Entry) error) error {
	if _, err := s.In(c.Tenant).Export(ctx, c.Export); err != nil {
		return err
	}
	files, err := s.In(c.Tenant).Files(ctx, c.Export)
	if err != nil {
		return err
	}
	left := c.Limit
	for _, f := range files {
		if f.Quarantined == 0 || c.File != "" && f.Name != c.File {
			continue
		}
		for e, err := range quarantine.Entries(ctx, scope, export.Keeper(c.Export, f), f.Name) {
			if err != nil {
				return err
			}
			if c.Line > 0 && e.Line != c.Line || !quarantine.Holds(e.Reason, c.Reason) {
				continue
			}
			if left--; left < 0 {
				return nil
			}
			if err := do(f, e); err != nil {
				return err
			}
		}
	}
	if left == c.Limit {
		return problem.New(problem.Usage, "no such line is refused", "See what is refused with bulkhead quarantine list "+c.Tenant+" --export "+c.Export+".").For(c.Tenant)
	}
	return nil
}

// show prints lines without what they say, after it is on record who looked.
func (c *quarantineShowCommand) show(ctx context.Context, g *Globals, s *store.Store, scope *blob.Scope) error {
	if _, err := s.In(c.Tenant).Export(ctx, c.Export); err != nil {
		return err
	}
	ev := audit.Event{Action: audit.LinesViewed, Export: c.Export, Object: c.File, Rule: string(agreement.Permitted), Facts: map[string]any{"at_most": c.Limit}}
	if err := s.Record(ctx, ev, c.Tenant); err != nil {
		return err
	}
	return c.each(ctx, s, scope, func(f store.File, e *quarantine.Entry) error {
		line := shownLine{Tenant: c.Tenant, Export: c.Export, File: f.Name, Line: e.Line, Offset: e.Offset, Reason: e.Reason}
		r, err := quarantine.Redact(e)
		if err != nil {
			return err
		}
		line.Bytes, line.Structure, line.More, line.Met = r.Bytes, r.Structure, r.More, r.Met
		if r.Offset >= 0 {
			line.StopsAt = &r.Offset
		}
		if g.JSON {
			return g.emit(line)
		}
		g.printf("%s\n", line)
		return nil
	})
}

// String says it in a few lines for people.
func (l shownLine) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s line %s (%s at byte %s of the file)\n", l.File, wording.Count(l.Line), wording.Size(l.Bytes), wording.Count(l.Offset))
	fmt.Fprintf(&b, "  %s: %s\n", l.Reason, quarantine.Explain(l.Reason).Means)
	if l.StopsAt != nil {
		fmt.Fprintf(&b, "  reading it stops at its byte %s: %s\n", wording.Count(*l.StopsAt), l.Met)
	}
	fmt.Fprintf(&b, "  %s", l.Structure)
	if l.More {
		b.WriteString(" … and more")
	}
	b.WriteByte('\n')
	return b.String()
}

// reveal prints lines as they were received, each after it is on record who
// looked at it and why.
func (c *quarantineShowCommand) reveal(ctx context.Context, g *Globals, cfg *config.Config) (err error) {
	s, err := joinLedger(ctx, app.Ledger(cfg))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return withFilesOf(cfg, s, c.Tenant, func(scope *blob.Scope) error { return c.revealLines(ctx, g, s, scope) })
}

func (c *quarantineShowCommand) revealLines(ctx context.Context, g *Globals, s *store.Store, scope *blob.Scope) error {
	who := audit.By(ctx).Actor
	return c.each(ctx, s, scope, func(f store.File, e *quarantine.Entry) error {
		err := s.In(c.Tenant).Do(ctx, func(tx *store.Tx) error {
			if err := tx.Audit(audit.Event{
				Action: audit.LinesRevealed, Export: c.Export, Object: fmt.Sprintf("%s line %d", f.Name, e.Line), Reason: c.Access, Rule: string(agreement.Permitted),
			}); err != nil {
				return err
			}
			return tx.Note(c.Export, who, "quarantine_revealed", fmt.Sprintf("%s line %d, by %s: %s", f.Name, e.Line, who, c.Access))
		})
		if err != nil {
			return err
		}
		if _, err := io.Copy(g.streams.Out, e); err != nil {
			return err
		}
		_, err = io.WriteString(g.streams.Out, "\n")
		return err
	})
}

// joinLedger opens a ledger to write a note into it, whether or not somebody
// works on it.
func joinLedger(ctx context.Context, path string) (*store.Store, error) {
	look, err := store.Look(ctx, path) // says what is wrong when there is none
	if err != nil {
		return nil, err
	}
	if err := look.Close(); err != nil {
		return nil, err
	}
	return store.Join(ctx, path)
}
