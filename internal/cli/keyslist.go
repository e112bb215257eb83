package cli

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

type keysListCommand struct {
	Registration string `arg:"" optional:"" help:"One registration; all of them without."`
}

// A standing of a key, as it is printed.
type keyStanding struct {
	KeyID      string             `json:"kid"`
	Algorithm  smart.Algorithm    `json:"algorithm"`
	State      keyring.State      `json:"state"`
	Registered keyring.Registered `json:"registered"`
	Since      *time.Time         `json:"since,omitempty"`
	Until      *time.Time         `json:"until,omitempty"`
}

type listed struct {
	Registration string `json:"registration"`
	keyStanding
	Warnings []string `json:"warnings,omitempty"`
}

func shown(k keyring.Standing) keyStanding {
	return keyStanding{KeyID: k.KeyID, Algorithm: k.Algorithm, State: k.State, Registered: k.Registered, Since: maybe(k.Since), Until: maybe(k.Until)}
}

// Run prints the keys of each registration. One that cannot be used is shown
// too, and is the command's failure in the end.
func (c *keysListCommand) Run(g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(cfg.Registrations))
	if c.Registration != "" {
		if _, _, err := g.registration(c.Registration); err != nil {
			return err
		}
		names = []string{c.Registration}
	}
	table := grid{header: []string{"registration", "kid", "algorithm", "state", "since", "until"}}
	var notes []string
	var first error
	for _, name := range names {
		standings, warnings, err := keysOf(cfg.Registrations[name])
		if err != nil {
			notes = append(notes, name+": "+problem.Of(err).Summary)
			first = cmp.Or(first, err)
			continue
		}
		for _, k := range standings {
			if g.JSON {
				if err := g.emit(listedOf(name, k, warnings)); err != nil {
					return err
				}
				continue
			}
			table.add(name, k.KeyID, string(k.Algorithm), string(k.State), when(k.Since), when(k.Until))
		}
		for _, w := range warnings {
			notes = append(notes, about(name, w))
		}
	}
	if g.JSON {
		return first
	}
	table.print(g)
	for _, note := range notes {
		g.printf("warning: %s\n", note)
	}
	return first
}

// listedOf gives a key with the warnings that are about it or its registration.
func listedOf(registration string, k keyring.Standing, warnings []keyring.Warning) listed {
	line := listed{Registration: registration, keyStanding: shown(k)}
	for _, w := range warnings {
		if w.KeyID == "" || w.KeyID == k.KeyID {
			line.Warnings = append(line.Warnings, w.Text)
		}
	}
	return line
}

func about(registration string, w keyring.Warning) string {
	if w.KeyID == "" {
		return registration + ": " + w.Text
	}
	return registration + ", key " + w.KeyID + ": " + w.Text
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return moment(t)
}

func keysOf(r config.Registration) ([]keyring.Standing, []keyring.Warning, error) {
	source, err := keyring.Of(r)
	if err != nil {
		return nil, nil, err
	}
	standings, err := source.Standings()
	if err != nil {
		return nil, nil, err
	}
	warnings, err := source.Warnings()
	return standings, warnings, err
}
