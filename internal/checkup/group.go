package checkup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// group looks whether the configured group can be seen, and by the value that
// a kick-off wants.
func (c *check) group(ctx context.Context) {
	if c.protected && c.token == nil {
		c.skip("group", "it cannot be looked for without a token")
		return
	}
	groups, err := c.client.Groups(ctx)
	if err != nil {
		c.warn("group", "groups cannot be listed: "+export.Reason(err), "Compare the group's id with what the practice's EHR shows; not every server lets groups be searched.")
		return
	}
	i := slices.IndexFunc(groups, func(g bulkdata.Group) bool {
		return g.ID == c.Tenant.Group || slices.Contains(g.Identifiers, c.Tenant.Group)
	})
	if i < 0 {
		c.fail("group", problem.New(problem.GroupMissing,
			"the server shows no group "+c.Tenant.Group+c.shown(groups),
			"Ask the practice to enable the group for the app, and take its id from the practice's EHR."))
		return
	}
	c.seen(groups[i], len(groups))
}

func (c *check) seen(g bulkdata.Group, all int) {
	detail := strings.TrimSpace(c.Tenant.Group + " " + g.Name)
	if g.Quantity != nil {
		detail += fmt.Sprintf(", %s as the server counts", some(int(*g.Quantity), "member"))
	}
	if all > 1 {
		detail += fmt.Sprintf("; one of %d that the server shows", all)
	}
	wrong, right := false, ""
	switch c.profile.GroupBy {
	case config.ByIdentifier:
		wrong = len(g.Identifiers) > 0 && !slices.Contains(g.Identifiers, c.Tenant.Group)
		if wrong {
			right = g.Identifiers[0]
		}
	default:
		wrong, right = g.ID != c.Tenant.Group, g.ID
	}
	if !wrong {
		c.good("group", detail)
		return
	}
	by := "Group.id"
	if c.profile.GroupBy == config.ByIdentifier {
		by = "Group.identifier"
	}
	c.warn("group", fmt.Sprintf("%s is there, but %s exports by its %s", c.Tenant.Group, c.title(), by),
		"Put group: "+right+" into the tenant's configuration.")
}

// shown lists the groups by the value that a kick-off wants.
func (c *check) shown(groups []bulkdata.Group) string {
	if len(groups) == 0 {
		return ", nor any other"
	}
	var names []string
	for _, g := range groups {
		value := g.ID
		if c.profile.GroupBy == config.ByIdentifier && len(g.Identifiers) > 0 {
			value = g.Identifiers[0]
		}
		if g.Name != "" {
			value += " (" + g.Name + ")"
		}
		names = append(names, value)
	}
	return "; there are: " + list(names, 5)
}
