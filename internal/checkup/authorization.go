package checkup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// authorization goes from the discovery to a token and what it permits.
func (c *check) authorization(ctx context.Context) {
	found, endpoint := c.discovery(ctx)
	c.signing(ctx, found)
	c.published(ctx)
	if endpoint == "" || c.key == nil {
		c.skip("token", "it needs a token endpoint and a key")
		return
	}
	c.ask(ctx)
	if c.token != nil {
		c.granted()
	}
	if c.ProbeScopes {
		c.probe(ctx, endpoint)
	}
}

// discovery reads the SMART configuration, nil when there is none, and gives
// the token endpoint, empty when it is not known.
func (c *check) discovery(ctx context.Context) (found *smart.Configuration, endpoint string) {
	endpoint = c.registration.TokenURL
	found, err := smart.Discover(ctx, c.http, c.Tenant.FHIRBaseURL)
	switch {
	case err != nil && endpoint != "":
		c.good("discovery", "there is no SMART configuration; token_url is configured: "+endpoint)
		return nil, endpoint
	case err != nil:
		c.fail("discovery", export.Explain(c.Tenant, err))
		return nil, ""
	case endpoint != "" && endpoint != found.TokenEndpoint:
		c.warn("discovery", "the server names the token endpoint "+found.TokenEndpoint+", and token_url says "+endpoint,
			"Take token_url out of the registration unless the vendor gave it to you.")
		return found, endpoint
	}
	if refuses := found.Refuses(); refuses != "" {
		c.warn("discovery", "token endpoint "+found.TokenEndpoint+"; by its "+refuses+" it takes no signed assertions",
			"Ask the vendor how backend services prove themselves; such lists are often wrong.")
		return found, found.TokenEndpoint
	}
	if warnings := found.Warnings(); len(warnings) > 0 {
		c.warn("discovery", "token endpoint "+found.TokenEndpoint+"; "+strings.Join(warnings, "; "), "Nothing, if the token request below works.")
	} else {
		c.good("discovery", "token endpoint "+found.TokenEndpoint)
	}
	return found, found.TokenEndpoint
}

// ask asks for the very token that an export would use.
func (c *check) ask(ctx context.Context) {
	conn, err := c.Connections.To(c.Tenant, c.types)
	if err != nil {
		c.fail("token", problem.Of(err))
		return
	}
	token, err := conn.Tokens.Token(ctx)
	c.asked = conn.Tokens.Scopes()
	if refused, ok := errors.AsType[*smart.TokenError](err); ok && !refused.Temporary() {
		c.refused = refused
		c.tokenRefused(refused)
		return
	}
	if err != nil {
		c.fail("token", export.Explain(c.Tenant, err))
		return
	}
	c.token, c.client, c.grant = token, conn.Client, smart.ReviewGrant(token, c.asked)
	c.good("token", "given, for "+plain(time.Until(token.Expiry).Round(time.Second)))
}

// tokenRefused says why, as far as the server lets us know.
func (c *check) tokenRefused(e *smart.TokenError) {
	detail := fmt.Sprintf("refused: %s", http.StatusText(e.Status))
	if e.Code != "" {
		detail = "refused: " + e.Code
	}
	if words := e.Description + e.Excerpt; words != "" {
		detail += fmt.Sprintf(" (%s)", words)
	}
	steps := c.causes(e)
	c.failed("token", detail, problem.Wrap(e, problem.TokenRefused, "the authorization server gave no token", strings.Join(steps, " ")), steps...)
}

// causes lists what to check: what the server's answer points to, or else the
// likeliest first.
func (c *check) causes(e *smart.TokenError) []string {
	var evident, others []string
	scope := false
	for _, cause := range e.Causes() {
		scope = scope || cause.Kind == smart.CauseScope
		if cause.Evident {
			evident = append(evident, cause.Text)
		} else {
			others = append(others, cause.Text)
		}
	}
	steps := []string{"Check the registration with the vendor."}
	switch {
	case len(evident) == 1:
		steps = []string{"The server's answer points to this: " + evident[0] + "."}
	case len(evident) > 1:
		steps = numbered("The server's answer points to these:", evident)
	case len(others) == 1:
		steps = []string{"Check this: " + others[0] + "."}
	case len(others) > 1:
		steps = numbered("The server does not say which it is. The likeliest first:", others)
	}
	if scope && !c.ProbeScopes {
		steps = append(steps, "Run bulkhead check "+c.Tenant.ID+" --probe-scopes: it finds out which scopes work.")
	}
	return steps
}

// numbered is a heading and its items.
func numbered(heading string, items []string) []string {
	lines := []string{heading}
	for i, item := range items {
		lines = append(lines, fmt.Sprintf("%d. %s.", i+1, item))
	}
	return lines
}
