package app

import (
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// Guides loads the versions of US Core by which resources of some tenant are
// judged.
func Guides(c *config.Config) (map[string]*uscore.Guide, error) {
	guides := map[string]*uscore.Guide{}
	for i := range c.Tenants {
		version := c.Tenants[i].Validation.USCore
		if version == config.NoGuide || guides[version] != nil {
			continue
		}
		g, err := uscore.Load(uscore.Version(version))
		if err != nil {
			return nil, err
		}
		guides[version] = g
	}
	return guides, nil
}
