package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/disclosure"
	"github.com/bulkhead-fhir/bulkhead/internal/door"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Behind the glass are what a refused line says and whose records an export
// holds. Whoever may look at it proves a moment before who they are and says
// why; the agreement is asked; and all of that is on record, in the practice's
// own chain, before anything is read.

const (
	reasonBytes   = 500       // of a reason that is kept
	revealedBytes = 256 << 10 // of a line that is shown
)

// glass is what the pages behind the glass show.
type glass struct {
	store.Export
	File   string // of the line
	Line   int64
	Reason string
	Wrong  string

	Shown    bool
	Text     string // the line
	Refused  string // why it was
	More     bool   // the line is longer
	Patients []string
	Notes    []string // what is not among them
}

func (s *Server) lineGlass(r *http.Request) (g glass, f store.File, err error) {
	if g.Export, err = s.export(r); err != nil {
		return g, f, err
	}
	line, bad := strconv.ParseInt(r.PathValue("line"), 10, 64)
	f, refused, err := s.look.RefusedFile(r.Context(), g.Export, r.PathValue("file"))
	if err != nil {
		return g, f, err
	}
	if bad != nil || !refused || s.opts.Files == nil {
		return g, f, access.ErrNotFound
	}
	g.File, g.Line = f.Name, line
	return g, f, nil
}

func (s *Server) revealPage(w http.ResponseWriter, r *http.Request) error {
	g, _, err := s.lineGlass(r)
	if err != nil {
		return err
	}
	if err := door.Fresh(r); err != nil {
		return err
	}
	return s.pages.Show(w, r, http.StatusOK, "reveal", g)
}

// reveal shows one refused line as it was received.
func (s *Server) reveal(w http.ResponseWriter, r *http.Request) error {
	g, f, err := s.lineGlass(r)
	if err != nil {
		return err
	}
	if err := door.Fresh(r); err != nil {
		return err
	}
	if g.Reason, err = reasonIn(r); err != nil {
		g.Wrong = page.Sentence(err)
		return s.pages.Show(w, r, http.StatusUnprocessableEntity, "reveal", g)
	}
	scope, err := s.opts.Files.Tenant(g.Tenant)
	if err != nil {
		return err
	}
	rule, err := s.permitted(r.Context(), g.Tenant, agreement.AtRead)
	if err != nil {
		return err
	}
	for e, err := range quarantine.Entries(r.Context(), scope, export.Keeper(g.ID, f), f.Name) {
		if err != nil {
			return err
		}
		if e.Line != g.Line {
			continue
		}
		if err := s.recordSight(r, &g, rule); err != nil {
			return err
		}
		if err := g.read(e); err != nil {
			return err
		}
		return s.pages.Show(w, r, http.StatusOK, "reveal", g)
	}
	return access.ErrNotFound
}

// recordSight puts on record that a person sees a line, and in the export's
// timeline.
func (s *Server) recordSight(r *http.Request, g *glass, rule agreement.Rule) error {
	who, what := access.ActorOf(r.Context()).ID, fmt.Sprintf("%s line %d", g.File, g.Line)
	return s.opts.Store.In(g.Tenant).Do(r.Context(), func(tx *store.Tx) error {
		if err := tx.Audit(audit.Event{Action: audit.LinesRevealed, Export: g.ID, Object: what, Reason: g.Reason, Rule: string(rule)}); err != nil {
			return err
		}
		return tx.Note(g.ID, who, "quarantine_revealed", what+", by "+who+": "+g.Reason)
	})
}

// read takes the line, as far as it is shown. What is no text is shown as its
// bytes.
func (g *glass) read(e *quarantine.Entry) error {
	b, err := io.ReadAll(io.LimitReader(e, revealedBytes+1))
	if err != nil {
		return err
	}
	if g.More = len(b) > revealedBytes; g.More {
		b = b[:revealedBytes]
		for len(b) > 0 && len(b) > revealedBytes-utf8.UTFMax && !utf8.Valid(b) { // not within a character
			b = b[:len(b)-1]
		}
	}
	g.Shown, g.Refused, g.Text = true, e.Reason, string(b)
	if !utf8.Valid(b) {
		g.Text = fmt.Sprintf("%q", b)
	}
	return nil
}

// reasonIn gives the reason that a form has.
func reasonIn(r *http.Request) (string, error) {
	reason := strings.TrimSpace(r.FormValue("reason"))
	switch {
	case reason == "":
		return "", errors.New("say why in a few words that name no patient: it is on record for good")
	case len(reason) > reasonBytes || !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl):
		return reason, errors.New("say why in one line of 500 bytes at most")
	}
	return reason, nil
}

// permitted asks the agreement whether a person may see something of the
// practice; a refusal is on record, and its problem (I1).
func (s *Server) permitted(ctx context.Context, tenant string, stage agreement.Stage) (agreement.Rule, error) {
	t, err := s.opts.Config().Tenant(tenant)
	if err != nil {
		return "", err
	}
	v := agreement.Decide(t.Agreement, agreement.Ask{Stage: stage, Tenant: tenant, At: time.Now()}) // I1
	if v.Permit {
		return v.Rule, nil
	}
	ev := audit.Event{Action: audit.Policy, Object: string(stage), Outcome: audit.Refused, Reason: string(v.Problem.Code), Rule: string(v.Rule)}
	if err := s.opts.Store.Record(ctx, ev, tenant); err != nil {
		return "", err
	}
	return "", v.Problem
}

func (s *Server) patientsPage(w http.ResponseWriter, r *http.Request) error {
	x, err := s.export(r)
	if err != nil {
		return err
	}
	if err := door.Fresh(r); err != nil {
		return err
	}
	return s.pages.Show(w, r, http.StatusOK, "patients", glass{Export: x})
}

// patients lists whose records an export holds. The list is on record as a keyed
// hash: it can be shown later that a list is the one that was given.
func (s *Server) patients(w http.ResponseWriter, r *http.Request) error {
	x, err := s.export(r)
	if err != nil {
		return err
	}
	if err := door.Fresh(r); err != nil {
		return err
	}
	g := glass{Export: x}
	if g.Reason, err = reasonIn(r); err != nil {
		g.Wrong = page.Sentence(err)
		return s.pages.Show(w, r, http.StatusUnprocessableEntity, "patients", g)
	}
	if s.opts.Files == nil {
		return access.ErrNotFound
	}
	scope, err := s.opts.Files.Tenant(x.Tenant)
	if err != nil {
		return err
	}
	rule, err := s.permitted(r.Context(), x.Tenant, agreement.AtNotice)
	if err != nil {
		return err
	}
	in := s.opts.Store.In(x.Tenant)
	people, err := disclosure.Patients(r.Context(), in, scope, x.ID)
	if p, told := errors.AsType[*problem.Problem](err); told {
		return p.For(x.Tenant)
	}
	if err != nil {
		return problem.Wrap(err, problem.StorageDamaged, "the staged files of export "+x.ID+" cannot be read",
			"See what is missing with bulkhead doctor; it can make staged files again from raw.").For(x.Tenant)
	}
	err = in.Do(r.Context(), func(tx *store.Tx) error {
		list, err := tx.Keyed([]byte(strings.Join(people.IDs, "\n")))
		if err != nil {
			return err
		}
		facts := map[string]any{"patients": len(people.IDs), "list_hmac": list}
		return tx.Audit(audit.Event{Action: audit.PatientsListed, Export: x.ID, Reason: g.Reason, Rule: string(rule), Facts: facts})
	})
	if err != nil {
		return err
	}
	g.Shown, g.Patients, g.Notes = true, people.IDs, people.Says()
	return s.pages.Show(w, r, http.StatusOK, "patients", g)
}
