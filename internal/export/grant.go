package export

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// Grant obtains the token of the tenant's exports of these types and compares
// what it permits with what was asked for. It is nil for an open server. The
// error is of a kick-off that was not sent.
func (c *Connections) Grant(ctx context.Context, t *config.Tenant, types []string) (*smart.Grant, error) {
	conn, err := c.To(t, types)
	if err != nil || conn.Tokens == nil {
		return nil, err
	}
	token, err := conn.Tokens.Token(ctx)
	if err != nil {
		return nil, &bulkdata.NotSentError{Op: bulkdata.OpKickoff, Err: fmt.Errorf("obtain token: %w", err)}
	}
	grant := smart.ReviewGrant(token, conn.Tokens.Scopes())
	return &grant, nil
}

// granted looks at the token before a kick-off: the server may leave out what
// it does not cover, and say nothing. It is nil where there is none to look at.
func (s *Steps) granted(ctx context.Context, t *config.Tenant, w Work) (*smart.Grant, error) {
	if s.Grant == nil {
		return nil, nil
	}
	if err := s.permitted(agreement.AtToken, t, w.Export, w.Export.Sinks); err != nil { // I1
		return nil, err
	}
	grant, err := s.Grant(ctx, t, w.Export.Types)
	if err != nil {
		return nil, explain(t, w, err)
	}
	return grant, nil
}

// grantNotes are what is to be noted of a token.
func grantNotes(grant *smart.Grant) []Note {
	if grant == nil {
		return nil
	}
	var notes []Note
	for _, warning := range grant.Warnings() {
		notes = append(notes, Note{"scopes_differ", warning})
	}
	return notes
}

// sayScopes adds what the token does not permit to the problem of a kick-off
// that the server forbids.
func sayScopes(err error, grant *smart.Grant) error {
	status, ok := errors.AsType[*bulkdata.StatusError](err)
	p, told := errors.AsType[*problem.Problem](err)
	if !ok || !told || status.Status != http.StatusForbidden || grant == nil || len(grant.Missing) == 0 {
		return err
	}
	said := *p
	said.Remedy = "The token does not have all scopes that were asked for; it lacks " + strings.Join(grant.Missing, " ") + ". " + p.Remedy
	return &said
}
