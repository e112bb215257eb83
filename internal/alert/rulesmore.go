package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
)

// drift looks at the last full export: an incremental one says nothing about
// how much there is.
func drift(_ time.Time, p *PracticeFacts, r Rules) []Condition {
	x := p.Full
	switch {
	case x == nil:
		return nil
	case !x.Counted:
		return one(Condition{Kind: Drift, Pending: true})
	}
	c := Condition{Kind: Drift, Severity: config.SeverityInfo, Party: Practice, Since: x.EndedAt}
	if x.Lines == 0 {
		c.Severity = config.SeverityWarning
		c.Summary = "the full export " + x.ID + " completed and brought nothing at all"
		c.Remedy = "Compare the granted scopes with bulkhead check " + p.Tenant + ", and ask the practice whether the group has anybody in it."
		return one(c)
	}
	var seen []string
	for _, q := range x.Questions {
		switch q.Kind {
		case quality.KindVanished, quality.KindShrunk:
			c.Severity = config.SeverityWarning
		case quality.KindGrown:
		default:
			continue
		}
		if c.Remedy == "" {
			c.Remedy = q.Remedy
		}
		seen = append(seen, q.About+": "+q.Says)
	}
	if len(seen) == 0 || p.Group.explains(x.ID, c.Severity == config.SeverityWarning, r) {
		return nil // or the rule of groups says it
	}
	c.Summary = "the full export " + x.ID + " differs from the one before: " + strings.Join(seen[:min(len(seen), 3)], "; ")
	if more := len(seen) - 3; more > 0 {
		c.Summary += fmt.Sprintf("; and %d more types", more)
	}
	return one(c)
}

func keys(now time.Time, reg RegistrationFacts) []Condition {
	about := func(object string) string { return strings.TrimSuffix(reg.Name+" "+object, " ") }
	list := make([]Condition, 0, len(reg.Warnings)+1)
	if reg.Unread != "" {
		list = append(list, Condition{
			Kind: Key, Object: about("unread"), Severity: config.SeverityWarning, Party: Us, Since: now, Source: reg.Name,
			Summary: "the keys of registration " + reg.Name + " cannot be read, so nobody knows what else is the matter with them: " + reg.Unread,
			Remedy:  "See bulkhead keys list, and correct the path of the keys or who may read them.",
		})
	}
	for _, w := range reg.Warnings {
		c := Condition{
			Kind: Key, Object: about(w.About), Severity: config.SeverityWarning, Party: Us, Since: now, Source: reg.Name,
			Summary: "registration " + reg.Name + ": " + w.Text,
			Remedy:  "See bulkhead keys list; docs/keys.md says how a key is rotated without a pause.",
		}
		if w.KeyID != "" {
			c.Object = reg.Name + "/" + w.KeyID
			c.Summary = "key " + w.KeyID + " of registration " + reg.Name + ": " + w.Text
		}
		list = append(list, c)
	}
	return list
}

func disk(now time.Time, m MachineFacts, r Rules) []Condition {
	if m.Free < 0 {
		return one(Condition{Kind: Disk, Pending: true})
	}
	if m.Free >= int64(r.DiskFree) {
		return nil
	}
	c := Condition{
		Kind: Disk, Severity: config.SeverityWarning, Party: Us, Since: now,
		Summary: fmt.Sprintf("less than %s are free where the state folder is", gib(int64(r.DiskFree))),
		Remedy:  "Free space there, or move the state folder; downloads stop by themselves before the disk is full.",
	}
	if m.Free < m.Least {
		c.Severity = config.SeverityCritical
		c.Summary = fmt.Sprintf("less than %s are free where the state folder is: nothing is downloaded any more", gib(m.Least))
	}
	return one(c)
}

func gib(n int64) string { return fmt.Sprintf("%.3g GiB", float64(n)/(1<<30)) }

// patience is how long a message may be on its way.
const patience = 15 * time.Minute

func delivery(now time.Time, routes []RouteFacts) []Condition {
	var list []Condition
	for _, f := range routes {
		if now.Sub(f.Since) <= patience {
			continue
		}
		list = append(list, Condition{
			Kind: Delivery, Object: f.Route, Severity: config.SeverityCritical, Party: Us, Since: f.Since,
			Summary: "messages about alerts do not leave on the route " + f.Route + ": " + f.Why,
			Remedy:  "Correct the route's address, then try it with bulkhead alerts test " + f.Route + ". Meanwhile bulkhead alerts list shows what is open.",
		})
	}
	return list
}
