package export

import (
	"maps"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// Following gives the connections of the configuration that follows on c's.
// Those of tenants for which same says that nothing has changed are kept, with
// their tokens and their exports' cookies. c stays as it is, for steps that
// still use it. The error is a problem of the configured certificates.
func (c *Connections) Following(next *config.Config, same func(tenant string) bool) (*Connections, error) {
	n, err := NewConnections(next, c.store)
	if err != nil {
		return nil, err
	}
	n.answered, n.around = c.answered, c.around
	if c.dial != nil {
		n.Use(c.dial)
	}
	if next.TLS != c.config.TLS {
		return n, nil
	}
	n.base, n.here = c.base, c.here
	c.mu.Lock()
	defer c.mu.Unlock()
	n.clients = maps.Clone(c.clients)
	maps.DeleteFunc(n.clients, func(key string, _ *Connection) bool {
		tenant, _, _ := strings.Cut(key, " ")
		return !same(tenant)
	})
	return n, nil
}
