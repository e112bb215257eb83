package sandbox

import (
	"fmt"
	"maps"
	"slices"
)

// KickoffKnobs is what a practice's server offers, and how it answers a
// kick-off.
type KickoffKnobs struct {
	Levels  []Level             `yaml:"levels"`  // levels of $export
	Lacks   []string            `yaml:"lacks"`   // types that the vendor does not offer though the practice has them
	Admin   []string            `yaml:"admin"`   // types that are exported practice-wide, whatever the group
	Implies map[string][]string `yaml:"implies"` // asking for the first exports the others as well

	StrictHeaders   bool      `yaml:"strictHeaders"`   // Accept and Prefer must match exactly: absent 422, otherwise 400
	DateSince       bool      `yaml:"dateSince"`       // _since may be a plain date
	LenientParams   bool      `yaml:"lenientParams"`   // unknown parameters are ignored instead of refused
	TypeScopeStatus int       `yaml:"typeScopeStatus"` // answer when _type names a type outside the token's scopes
	GroupScope      string    `yaml:"groupScope"`      // a scope without which kick-off is 403; "" asks for none
	NoGroupStatus   int       `yaml:"noGroupStatus"`   // answer when the group is unknown or not enabled
	DisabledGroups  []string  `yaml:"disabledGroups"`  // groups (by the id that $export wants) that are switched off
	Duplicate       Duplicate `yaml:"duplicate"`
	SlotUntilDelete bool      `yaml:"slotUntilDelete"` // a finished export holds its group's slot until it is deleted
}

// A Level is a level of export.
type Level string

// The levels of $export.
const (
	LevelSystem  Level = "system"
	LevelPatient Level = "patient"
	LevelGroup   Level = "group"
)

// Duplicate is the answer to a kick-off while an export of the same group (or
// the same level) runs.
type Duplicate string

// The answers to a duplicate kick-off.
const (
	DuplicateAllowed Duplicate = ""      // a second export runs beside the first
	Duplicate200     Duplicate = "200oo" // 200 with an OperationOutcome, issue code duplicate
	Duplicate409     Duplicate = "409"
	Duplicate429     Duplicate = "429"
)

func (k KickoffKnobs) clone() KickoffKnobs {
	k.Levels = slices.Clone(k.Levels)
	k.Lacks = slices.Clone(k.Lacks)
	k.Admin = slices.Clone(k.Admin)
	k.Implies = maps.Clone(k.Implies)
	for t, implied := range k.Implies {
		k.Implies[t] = slices.Clone(implied)
	}
	k.DisabledGroups = slices.Clone(k.DisabledGroups)
	return k
}

func (k KickoffKnobs) check() error {
	for _, l := range k.Levels {
		if !slices.Contains([]Level{LevelSystem, LevelPatient, LevelGroup}, l) {
			return fmt.Errorf("unknown level %q", l)
		}
	}
	switch {
	case !slices.Contains([]Duplicate{DuplicateAllowed, Duplicate200, Duplicate409, Duplicate429}, k.Duplicate):
		return fmt.Errorf("unknown answer to a duplicate %q", k.Duplicate)
	case k.TypeScopeStatus < 400 || k.TypeScopeStatus > 599 || k.NoGroupStatus < 400 || k.NoGroupStatus > 599:
		return fmt.Errorf("typeScopeStatus %d and noGroupStatus %d must be from 400 to 599", k.TypeScopeStatus, k.NoGroupStatus)
	}
	return nil
}
