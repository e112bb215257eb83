package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// registration reads the configuration, and one registration of it.
func (g *Globals) registration(name string) (*config.Config, config.Registration, error) {
	cfg, err := g.load()
	if err != nil {
		return nil, config.Registration{}, err
	}
	r, ok := cfg.Registrations[name]
	if !ok {
		return nil, r, problem.New(problem.Usage, fmt.Sprintf("no registration has the name %q", name),
			"The registrations are: "+strings.Join(slices.Sorted(maps.Keys(cfg.Registrations)), ", ")+".")
	}
	return cfg, r, nil
}

// ringOf gives the ring of a registration.
func ringOf(name string, r config.Registration) (*keyring.Ring, error) {
	if r.KeyFolder == "" {
		return nil, problem.New(problem.Usage, "registration "+name+" has one key and no folder of keys",
			"Make a folder with bulkhead keys new --folder DIR --from KEYFILE, and name it as key_folder in the place of the key.")
	}
	return keyring.Open(r.KeyFolder)
}

type keysRotateCommand struct {
	Registration string `arg:"" help:"The registration whose key is rotated, by its name in the configuration."`
	Confirm      bool   `help:"The successor's public part is where the vendor finds it: published at the URL, or given to the vendor."`
	Algorithm    string `enum:"RS384,ES384,same" default:"same" help:"RS384 or ES384, to bring in a key of another algorithm."`
}

// Run makes a successor, or lets one that waits come into use.
func (c *keysRotateCommand) Run(ctx context.Context, g *Globals) error {
	cfg, r, err := g.registration(c.Registration)
	if err != nil {
		return err
	}
	ring, err := ringOf(c.Registration, r)
	if err != nil {
		return err
	}
	if c.Confirm {
		return c.confirm(ctx, g, cfg, ring)
	}
	plan := keyring.Plan{Registered: keyring.ByURL, MaxAge: r.JWKSMaxAge.Std(), Served: cfg.JWKS.Listen != ""}
	if r.Direct() {
		plan.Registered = keyring.Directly
	}
	if c.Algorithm != "same" {
		plan.Algorithm = smart.Algorithm(c.Algorithm)
	}
	next, err := ring.Rotate(plan)
	if err != nil {
		return err
	}
	if err := recordIfAny(ctx, cfg, keyEvent(audit.KeyCreated, c.Registration, next)); err != nil {
		return err
	}
	if g.JSON {
		return g.emit(listed{Registration: c.Registration, keyStanding: shown(next)})
	}
	g.printf("successor: key %s (%s)\n", next.KeyID, next.Algorithm)
	c.tellNext(g, r, next)
	return nil
}

// tellNext says what becomes of a successor, and what a person has to do.
func (c *keysRotateCommand) tellNext(g *Globals, r config.Registration, next keyring.Standing) {
	switch {
	case next.State == keyring.Signing:
		g.printf("now:       it is the first key that may sign, and signs at once\nnext:      register its public part: bulkhead keys jwks --registration %s\n", c.Registration)
	case next.State == keyring.Published:
		g.printf("now:       it is published beside the present key, which goes on signing; nothing needs a restart\n"+
			"then:      it signs from %s on, when no server can have an older copy of the set (jwks_max_age %v)\n"+
			"later:     the present key stays published for a while, then the next rotation removes it\nnext:      nothing; look on with bulkhead keys list\n",
			moment(next.Until), r.JWKSMaxAge.Std())
	case r.Direct():
		g.printf("now:       nothing changes: the present key goes on signing until the vendor has the successor\n"+
			"next:      bulkhead keys jwks --registration %s > jwks.json, give it to the vendor (it holds both keys),\n"+
			"           and when the vendor has taken it: bulkhead keys rotate %s --confirm\n", c.Registration, c.Registration)
	default:
		g.printf("now:       nothing changes: the present key goes on signing until the successor is published\n"+
			"next:      bulkhead keys jwks --registration %s > jwks.json, publish it at %s (it holds both keys),\n"+
			"           and when it is there: bulkhead keys rotate %s --confirm\n", c.Registration, r.JWKSURL, c.Registration)
	}
}

// keyEvent is what is put on record about a key.
func keyEvent(action audit.Action, registration string, k keyring.Standing) audit.Event {
	return audit.Event{Action: action, Object: k.KeyID, Facts: map[string]any{
		"registration": registration, "algorithm": string(k.Algorithm), "state": string(k.State),
	}}
}

func (c *keysRotateCommand) confirm(ctx context.Context, g *Globals, cfg *config.Config, ring *keyring.Ring) error {
	confirmed, err := ring.Confirm()
	if err != nil {
		return err
	}
	for _, k := range confirmed {
		if err := recordIfAny(ctx, cfg, keyEvent(audit.KeyRotated, c.Registration, k)); err != nil {
			return err
		}
		if g.JSON {
			if err := g.emit(listed{Registration: c.Registration, keyStanding: shown(k)}); err != nil {
				return err
			}
			continue
		}
		if k.State == keyring.Signing {
			g.printf("key %s signs from now on; nothing needs a restart\nnext: keep the key before it registered for two hours, then have the vendor remove it\n", k.KeyID)
			continue
		}
		g.printf("key %s signs from %s on, when no server can have an older copy of the set; nothing needs a restart\nnext: nothing; look on with bulkhead keys list\n", k.KeyID, moment(k.Until))
	}
	return nil
}

func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

type keysDisableCommand struct {
	KeyID        string `arg:"" name:"kid" help:"The id of the key, as bulkhead keys list shows it."`
	Registration string `placeholder:"NAME" help:"The registration that has it, if several have."`
}

// Run disables the key wherever it is.
func (c *keysDisableCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	found := 0
	for _, name := range slices.Sorted(maps.Keys(cfg.Registrations)) {
		r := cfg.Registrations[name]
		if c.Registration != "" && c.Registration != name || r.KeyFolder == "" {
			continue
		}
		ring, err := keyring.Open(r.KeyFolder)
		if err != nil {
			return err
		}
		there, err := ring.Disable(c.KeyID)
		if err != nil {
			return err
		}
		if there {
			found++
			off := keyring.Standing{KeyID: c.KeyID, State: keyring.Disabled}
			if err := recordIfAny(ctx, cfg, keyEvent(audit.KeyDestroyed, name, off)); err != nil {
				return err
			}
			if err := c.tell(ctx, g, name, r); err != nil {
				return err
			}
		}
	}
	if found == 0 {
		return problem.New(problem.Usage, "no folder of keys has a key "+c.KeyID, "See bulkhead keys list. A key in a file is disabled by taking it out of the registration.")
	}
	return nil
}

func (c *keysDisableCommand) tell(ctx context.Context, g *Globals, name string, r config.Registration) error {
	if g.JSON {
		return g.emit(map[string]string{"registration": name, "kid": c.KeyID, "state": string(keyring.Disabled)})
	}
	g.printf("registration %s: key %s signs nothing any more, and is out of the published set\n", name, c.KeyID)
	if r.Direct() {
		g.printf("next: have the vendor remove it too; until then whoever has it can get tokens\n")
	}
	source, err := keyring.Of(r)
	if err != nil {
		return err
	}
	if _, err := source.SigningKey(ctx, nil); err != nil {
		p := problem.Of(err)
		g.printf("now:  %s\nnext: %s\n", p.Summary, p.Remedy)
	}
	return nil
}
