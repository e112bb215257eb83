package checkup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
)

// server reads what the server says of itself, which informs and forbids
// nothing.
func (c *check) server(ctx context.Context) {
	found, err := c.client.Capability(ctx)
	if err != nil {
		// The guide lets a server do without; where we hold a token, the base is right.
		if status, ok := errors.AsType[*bulkdata.StatusError](err); ok && c.token != nil {
			c.warn("server", fmt.Sprintf("its CapabilityStatement cannot be read: it answers %d", status.Status), "An export may work all the same; level and types are not checked.")
		} else {
			c.fail("server", export.Explain(c.Tenant, err))
		}
		c.release(nil)
		return
	}
	c.good("server", strings.TrimSpace("FHIR "+found.FHIRVersion)+", "+orUnnamed(found.Software))
	c.vendor(found.Software)
	c.release(found)
	c.level(found)
	c.offered(found)
}

func orUnnamed(software string) string {
	if software == "" {
		return "its software has no name"
	}
	return software
}

// vendor recommends a profile that fits better than the standard's.
func (c *check) vendor(software string) {
	names := c.Config.Recognise(software)
	if len(names) == 0 || slices.Contains(names, c.profile.Name) || !strings.HasPrefix(c.profile.Name, "standard") {
		return
	}
	where := "the tenant"
	if c.protected {
		where = "the registration"
	}
	c.warn("profile", fmt.Sprintf("%s, but the server's software looks like that of profile %s", c.profile.Name, strings.Join(names, " or ")),
		"Put profile: "+names[0]+" into "+where+"; docs/vendors.md says what it changes.")
}

// release says which release of the standard will be spoken, and why.
func (c *check) release(found *bulkdata.Capability) {
	chosen, discover := c.Config.Dialect(c.Tenant)
	why := "as the profile " + c.profile.Name + " says"
	if c.Tenant.Dialect != "" {
		why = "as the tenant's configuration says"
	}
	var offered config.Dialect
	if found != nil {
		offered = config.Dialect(found.Dialect())
	}
	switch {
	case discover && offered != "":
		chosen, why = offered, "by the CapabilityStatement"
	case discover:
		why = "because the server does not say which release it speaks"
	case offered != "" && offered < chosen:
		c.warn("release", fmt.Sprintf("%s, %s, but the CapabilityStatement offers %s", chosen, why, offered),
			"If the kick-off fails, set dialect: "+string(offered)+" in the tenant's configuration.")
		return
	case offered > chosen:
		why += fmt.Sprintf("; the server offers %s too", offered)
	}
	if found != nil {
		if name := found.OperationName(bulkdata.Level(c.Tenant.Level), bulkdata.Dialect(chosen)); name != "" && name != "export" {
			why += "; the kick-off is called $" + name
		}
	}
	c.good("release", string(chosen)+", "+why)
}

func (c *check) level(found *bulkdata.Capability) {
	if slices.Contains(found.Levels, bulkdata.Level(c.Tenant.Level)) {
		c.good("level", "the server exports at level "+c.Tenant.Level)
		return
	}
	detail := "the server names no export at all"
	if len(found.Levels) > 0 {
		var names []string
		for _, l := range found.Levels {
			names = append(names, string(l))
		}
		detail = "the server names exports at level " + strings.Join(names, ", ") + ", not " + c.Tenant.Level
	}
	c.warn("level", detail, "Servers often say too little; if the kick-off fails, ask the vendor whether bulk export is switched on.")
}

// offered compares what is asked for with what the server claims to have.
func (c *check) offered(found *bulkdata.Capability) {
	missing := slices.DeleteFunc(slices.Clone(c.types), func(t string) bool { return slices.Contains(found.Types, t) })
	switch {
	case len(found.Types) == 0:
		c.skip("types", "the server does not say which it has")
	case len(missing) > 0:
		c.warn("types", "not offered: "+strings.Join(missing, ", "),
			"Take them out of the tenant's types unless the vendor says that they can be exported.")
	case len(c.types) == 1:
		c.good("types", c.types[0]+" is offered")
	default:
		c.good("types", fmt.Sprintf("all %d are offered", len(c.types)))
	}
	if c.Tenant.TypeFilters == nil {
		return
	}
	for _, warning := range found.Warnings(c.request()) {
		c.warn("request", warning, "Ask the vendor, or take it out of the tenant's configuration; the export may work all the same.")
	}
}
