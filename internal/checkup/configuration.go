package checkup

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// soon is how long before an end of something a person is told.
const soon = 30 * 24 * time.Hour

// administrative types are no record of a patient's.
var administrative = []string{
	"Device", "Endpoint", "Group", "HealthcareService", "Location", "Medication", "Organization", "OrganizationAffiliation",
	"Practitioner", "PractitionerRole",
}

// configuration says what is configured, and what of it the vendor is known to
// refuse.
func (c *check) configuration() {
	if len(c.types) == 0 {
		c.fail("configuration", problem.New(problem.ConfigInvalid, "no resource types are configured",
			"List them under types: in the tenant's configuration; _type is always sent, never \"everything\"."))
		return
	}
	c.good("configuration", c.Tenant.FHIRBaseURL, "profile "+c.profile.Name+", "+c.what())
	admin := !slices.ContainsFunc(c.types, func(t string) bool { return !slices.Contains(administrative, t) })
	switch {
	case c.profile.PatientAlone == config.Refused && slices.Equal(c.types, []string{"Patient"}):
		c.warn("types asked", c.title()+" is known to refuse an export of Patient alone", "Add another type, such as Condition, to the tenant's types.")
	case c.profile.ClinicalTypeNeeded && admin:
		c.warn("types asked", c.title()+" refuses an export of administrative types alone", "Add a clinical type, such as Condition, to the tenant's types.")
	}
	if !c.profile.Takes(config.ParamSince) {
		c.warn("increments", "none: "+c.title()+" does not take _since, so every export is a full one",
			"Schedule exports no more often than the practice's size permits; what is unchanged costs nothing downstream.")
	}
	if pause := c.profile.KickoffCooldown.Std(); pause > 0 {
		c.good("cooldown", fmt.Sprintf("one kick-off of a group in %s: a failed attempt may cost as long", plain(pause)))
	}
}

func (c *check) title() string {
	if c.profile.Title != "" {
		return c.profile.Title
	}
	return c.profile.Name
}

// what names what an export would ask for.
func (c *check) what() string {
	level := map[string]string{
		config.LevelGroup: "group " + c.Tenant.Group, config.LevelPatient: "all patients", config.LevelSystem: "the whole system",
	}[c.Tenant.Level]
	return level + ", " + some(len(c.types), "type")
}

// agreement asks what an export would ask first.
func (c *check) agreement() {
	t, now := c.Tenant, time.Now()
	denied := agreement.Check(t.Agreement, agreement.Ask{
		Stage: agreement.AtKickoff, Tenant: t.ID, At: now, Level: t.Level, Group: t.Group, Types: c.types, Sinks: t.Sinks, Attachments: t.Attachments.Fetch,
		Purposes: t.Purposes, Places: c.Config.Sinks, Encrypted: c.Config.Encryption.On(),
	})
	switch {
	case denied != nil:
		c.fail("agreement", denied)
	case t.Agreement.ExpiresAt.IsZero():
		c.good("agreement", t.Agreement.Reference+" permits the export")
	case t.Agreement.ExpiresAt.Before(now.Add(soon)):
		c.warn("agreement", fmt.Sprintf("%s permits the export until %s, %s from now", t.Agreement.Reference, day(t.Agreement.ExpiresAt.Time), left(t.Agreement.ExpiresAt.Time)),
			"Renew it; exports stop at that moment.")
	default:
		c.good("agreement", t.Agreement.Reference+" permits the export until "+day(t.Agreement.ExpiresAt.Time))
	}
}

func day(t time.Time) string { return t.Format(time.DateOnly) }

// left writes the time until t as people say it.
func left(t time.Time) string { return plain(time.Until(t)) }

func plain(d time.Duration) string {
	switch d = d.Abs(); {
	case d >= 48*time.Hour:
		return some(int(d/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return some(int(d/time.Hour), "hour")
	case d >= 2*time.Minute:
		return some(int(d/time.Minute), "minute")
	}
	return some(int(d.Round(time.Second)/time.Second), "second")
}

// some writes a number of things: "1 file", "2 files".
func some(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// list writes names in words; of many only the first.
func list(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
