package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type peopleCommand struct {
	List  peopleListCommand  `cmd:"" default:"withargs" help:"List who may sign in to the pages, and what they may do there."`
	Reset peopleResetCommand `cmd:"" help:"Give a person a password for one use, where no admin can: it takes their second factor and their sessions."`
}

type peopleListCommand struct{}

// A shownPerson is one person as --json prints it.
type shownPerson struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	May      []string   `json:"may"`
	Provider bool       `json:"by_identity_provider,omitempty"`
	Factor   bool       `json:"second_factor,omitempty"`
	SignedIn *time.Time `json:"signed_in_at,omitempty"`
	Disabled *time.Time `json:"disabled_at,omitempty"`
}

func showPerson(p store.Person) shownPerson {
	return shownPerson{
		ID: p.ID, Name: p.Name, May: grantTexts(p.Grants), Provider: !p.Local(), Factor: p.Factor != "", SignedIn: maybe(p.SignedInAt), Disabled: maybe(p.DisabledAt),
	}
}

func grantTexts(grants []access.Grant) []string {
	texts := make([]string, len(grants))
	for i, g := range grants {
		texts[i] = g.String()
	}
	return texts
}

// Run lists people. It only reads.
func (c *peopleListCommand) Run(ctx context.Context, g *Globals) error {
	var all []store.Person
	err := g.looking(ctx, func(_ *config.Config, s *store.Store) (err error) {
		all, err = s.People(ctx)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNoLedger) {
		return err
	}
	for _, p := range all {
		if g.JSON {
			if err := g.emit(showPerson(p)); err != nil {
				return err
			}
			continue
		}
		g.printf("%s (%s): %s\n", p.ID, p.Name, sayPerson(p))
	}
	if len(all) == 0 && !g.JSON {
		g.printf("nobody may sign in yet: bulkhead run shows the code with which the first person is made\n")
	}
	return nil
}

// sayPerson says what somebody may do, and how they sign in.
func sayPerson(p store.Person) string {
	text := strings.Join(grantTexts(p.Grants), ", ")
	if !p.DisabledAt.IsZero() {
		return "nothing since " + clock(p.DisabledAt)
	}
	switch {
	case !p.Local():
		text += "; signs in at the identity provider"
	case p.Factor != "":
		text += "; with a second factor"
	}
	if p.SignedInAt.IsZero() {
		return text + "; has never signed in"
	}
	return text + "; signed in last at " + clock(p.SignedInAt)
}

// resetHolds is how long a password from a reset opens.
const resetHolds = 24 * time.Hour

type peopleResetCommand struct {
	Person string `arg:"" help:"The name with which the person signs in."`
	Admin  bool   `help:"Make them an admin too; one who is not there is made. For when no admin is left."`
	Reason string `required:"" placeholder:"TEXT" help:"Why, for the record. It must name no patient."`
}

// Run sets a password for one use and prints it, once. Whoever may run this
// command owns the ledger already; that they did is on record, and the person
// and the house are told.
func (c *peopleResetCommand) Run(ctx context.Context, g *Globals) error {
	if strings.TrimSpace(c.Reason) == "" {
		return problem.New(problem.Usage, "a password is reset for a reason only", "Say why: --reason \"lost her phone, case 12\". It is recorded.")
	}
	if err := checkReason("--reason", c.Reason); err != nil {
		return err
	}
	return g.onRecord(ctx, func(_ *config.Config, s *store.Store) error {
		was, there, err := s.Person(ctx, c.Person)
		if err != nil {
			return err
		}
		if err := c.mayReset(was, there); err != nil {
			return err
		}
		password := access.OneTimePassword()
		p := store.Person{ID: c.Person, Name: was.Name, Grants: was.Grants, PasswordHash: access.HashPassword(password), PasswordUntil: time.Now().Add(resetHolds)}
		if !there {
			p.Name = c.Person
		}
		if admin := (access.Grant{Role: access.Admin, Tenant: access.Every}); c.Admin && !slices.Contains(p.Grants, admin) {
			p.Grants = append(slices.Clone(was.Grants), admin)
		}
		ev := audit.Event{
			Action: audit.AccessChanged, Object: "person:" + p.ID, Reason: c.Reason,
			Facts: map[string]any{"may": grantTexts(p.Grants), "was": grantTexts(was.Grants), "password": "reset"},
		}
		if err := s.PutPerson(ctx, p, ev); err != nil {
			return err
		}
		if g.JSON {
			return g.emit(map[string]any{"id": p.ID, "password": password, "until": p.PasswordUntil.UTC().Truncate(time.Second)})
		}
		g.printf("%s signs in once, within a day, with the password\n\n  %s\n\nand chooses another then. A second factor and all sessions of before are gone; that this was done is on record\n", p.ID, password)
		return nil
	})
}

// mayReset says why a person gets no password here; nil when they may.
func (c *peopleResetCommand) mayReset(p store.Person, there bool) error {
	switch {
	case !there && !access.ValidID(c.Person):
		return problem.New(problem.Usage, "nobody signs in under that name, and it can be nobody's", "A name is 2 to 64 lower-case letters, digits and . _ @ -, a letter first; bulkhead people lists those that there are.")
	case !there && !c.Admin:
		return problem.New(problem.Usage, "nobody signs in under that name", "See who does with bulkhead people; --admin makes a new admin.")
	case there && !p.Local():
		return problem.New(problem.Usage, "this person signs in at the identity provider, which keeps their password", "Reset it there; or make an admin with a password of this bulkhead under another name, with --admin.")
	case there && !p.DisabledAt.IsZero() && !c.Admin:
		return problem.New(problem.Usage, "this person's access was taken", "An admin gives it back on the page of people; --admin does when no admin is left.")
	}
	return nil
}
