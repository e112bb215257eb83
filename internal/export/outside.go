package export

import (
	"errors"
	"net/http"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Outside gives a client of the tenant's server, and the HTTP client below it,
// for requests that belong to no export. They count in the same rate window.
// tokens may be nil: then none is sent.
func (c *Connections) Outside(t *config.Tenant, tokens bulkdata.TokenSource) (*bulkdata.Client, *http.Client, error) {
	below := &http.Client{Transport: c.transport(t)}
	cfg := c.clientConfig(t, below)
	cfg.Tokens = tokens
	client, err := newClient(t, cfg)
	return client, below, err
}

// probing stands in the place of a step's kind in what Explain explains.
const probing = "probe"

// Explain gives the problem that an error amounts to outside of an export,
// where nothing is tried again.
func Explain(t *config.Tenant, err error) *problem.Problem {
	var w Work
	w.Lease.Kind, w.Export.Tenant = probing, t.ID
	w.Export.Level, w.Export.Group = t.Level, t.Group
	err = explain(t, w, err)
	if later, ok := errors.AsType[*Later](err); ok {
		return problem.Wrap(later, problem.ServerFailing, "the server takes no more requests for now", "Wait a minute, and try again.").For(t.ID)
	}
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	return problem.Wrap(err, problem.ServerUnreachable, "no usable answer: "+reasonOf(err),
		"Check fhir_base_url and this machine's network.").For(t.ID)
}

// Reason gives an error's own short words, without what it wraps again.
func Reason(err error) string { return reasonOf(err) }
