package config

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// What becomes of a part of the configuration.
const (
	Added   = "added"   // nothing of it was ever in force
	Removed = "removed" // it is frozen: nothing more is done for it, its data stays
	Thawed  = "thawed"  // a frozen practice is back
	Changed = "changed"
)

// A Diff is what differs between two configurations.
type Diff struct {
	Changes []Change `json:"changes"`
}

// Empty reports whether nothing differs.
func (d Diff) Empty() bool { return len(d.Changes) == 0 }

// Count gives how many tenants have changes of a kind, such as Added.
func (d Diff) Count(kind string) int {
	n := 0
	for i := range d.Changes {
		if d.Changes[i].Tenant != "" && d.Changes[i].Kind == kind {
			n++
		}
	}
	return n
}

// Restart gives the fields that change and are taken up by the next start only.
func (d Diff) Restart() []string {
	var list []string
	for i := range d.Changes {
		for _, f := range d.Changes[i].Fields {
			if c := &d.Changes[i]; c.Tenant == "" && c.Kind == Changed && atStart(f.Field) {
				list = append(list, f.Field)
			}
		}
	}
	return list
}

// A Change is what differs for one tenant, or for all of them.
type Change struct {
	Tenant string        `json:"tenant,omitempty"` // empty: what all tenants share
	Kind   string        `json:"kind"`
	Fields []FieldChange `json:"fields,omitempty"` // the agreement's first, since they permit; none of a removed tenant
}

// Permits reports whether the change touches the agreement.
func (c *Change) Permits() bool {
	return c.Kind != Changed || slices.ContainsFunc(c.Fields, func(f FieldChange) bool { return inAgreement(f.Field) })
}

// A FieldChange is a field with what it was and what it becomes, as JSON. An
// empty text means that the field said nothing, or says nothing any more.
type FieldChange struct {
	Field string `json:"field"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// Items says of a change from one list of words to another what comes and what
// goes; ok is false where either is no such list.
func (f FieldChange) Items() (added, removed []string, ok bool) {
	var before, after []string
	if json.Unmarshal([]byte(or(f.Old, "[]")), &before) != nil || json.Unmarshal([]byte(or(f.New, "[]")), &after) != nil {
		return nil, nil, false
	}
	return without(after, before), without(before, after), true
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(others, s) })
}

// Compare gives what differs between the configuration in force and a new one.
func Compare(inForce, next *Config) Diff { return CompareParts(inForce.Parts(), next.Parts()) }

// CompareParts gives what differs between the parts in force, the frozen ones
// among them, and those of a new configuration: what tenants share first, then
// tenant by tenant.
func CompareParts(inForce, next []Part) Diff {
	before := make(map[string]Part, len(inForce))
	for _, p := range inForce {
		before[p.Tenant] = p
	}
	var d Diff
	for _, p := range next {
		old, known := before[p.Tenant]
		delete(before, p.Tenant)
		c := Change{Tenant: p.Tenant, Kind: Changed}
		switch {
		case !known:
			c.Kind = Added
		case old.Frozen:
			c.Kind = Thawed
		case old.Text == p.Text:
			continue
		}
		c.Fields = compareTexts(old.Text, p.Text)
		d.Changes = append(d.Changes, c)
	}
	for _, p := range before {
		if !p.Frozen && p.Tenant != "" {
			d.Changes = append(d.Changes, Change{Tenant: p.Tenant, Kind: Removed})
		}
	}
	slices.SortFunc(d.Changes, func(a, b Change) int { return cmp.Compare(a.Tenant, b.Tenant) })
	return d
}

func compareTexts(before, after string) []FieldChange {
	old := maps.Collect(linesOf(before))
	var list []FieldChange
	for field, value := range linesOf(after) {
		if old[field] != value {
			list = append(list, FieldChange{Field: field, Old: old[field], New: value})
		}
		delete(old, field)
	}
	for field, value := range linesOf(before) {
		if _, gone := old[field]; gone {
			list = append(list, FieldChange{Field: field, Old: value})
		}
	}
	slices.SortStableFunc(list, func(a, b FieldChange) int { return rank(a.Field) - rank(b.Field) })
	return list
}

func linesOf(text string) func(yield func(field, value string) bool) {
	return func(yield func(field, value string) bool) {
		for line := range strings.Lines(text) {
			field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			if !yield(field, value) {
				return
			}
		}
	}
}

func rank(field string) int {
	if inAgreement(field) {
		return 0
	}
	return 1
}

func inAgreement(field string) bool { return strings.HasPrefix(field, "agreement.") }

// Touches reports whether a change of what all tenants share is one of what is
// the tenant's own there: its registration, its vendor profile, its sinks. c is
// the configuration that the change led to.
func (c *Change) Touches(cfg *Config, t *Tenant) bool {
	own := []string{"registrations." + t.Registration + ".", "profiles." + cfg.Profile(t).Name + "."}
	for _, sink := range t.Sinks {
		own = append(own, "sinks."+sink+".")
	}
	return slices.ContainsFunc(c.Fields, func(f FieldChange) bool {
		return slices.ContainsFunc(own, func(begin string) bool { return strings.HasPrefix(f.Field, begin) })
	})
}
