package checkup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// mostProbes bounds the token requests of one probe.
const mostProbes = 200

// granted compares the scopes that were granted with those asked for.
func (c *check) granted() {
	asked := c.asked
	switch {
	case !c.grant.Stated:
		c.good("scopes", some(len(asked), "scope")+" asked for; the server does not say which it granted")
	case len(c.grant.Missing) > 0:
		next := "Have them added to the app's registration, or take the types out of the tenant's types."
		if !c.ProbeScopes {
			next += fmt.Sprintf(" bulkhead check %s --probe-scopes finds out which scopes work.", c.Tenant.ID)
		}
		c.warn("scopes", "not granted: "+strings.Join(c.grant.Missing, " "), next)
	case len(c.grant.Listed) > 0:
		c.good("scopes", fmt.Sprintf("%s was granted as a list of types", strings.Join(c.grant.Listed, " ")))
	case len(asked) == 1:
		c.good("scopes", asked[0]+" is granted")
	default:
		c.good("scopes", fmt.Sprintf("all %d that were asked for are granted", len(asked)))
	}
}

// probe asks for each scope alone, where not all are had together, and for
// other spellings of those that are refused. It says which set works.
func (c *check) probe(ctx context.Context, endpoint string) {
	switch {
	case c.token != nil && len(c.grant.Missing) == 0:
		c.good("working scopes", "all that are asked for work; nothing was probed")
		return
	case c.token == nil && c.refused == nil:
		c.skip("working scopes", "no scope is at fault")
		return
	case c.refused != nil && !slices.ContainsFunc(c.refused.Causes(), func(x smart.Cause) bool { return x.Kind == smart.CauseScope }):
		c.skip("working scopes", "the server refuses the client, not its scopes")
		return
	}
	p := &prober{check: c, config: smart.Config{
		ClientID: c.registration.ClientID, Keys: c.keys, TokenURL: endpoint, HTTPClient: c.http,
		DirectKeySet: c.registration.Direct(), LoopbackHTTP: c.Tenant.AllowHTTP, RefusalHold: -1,
		Issued: c.Connections.Issued(c.Tenant.ID),
	}}
	if c.registration.SendJKU {
		p.config.JWKSURL = c.registration.JWKSURL
	}
	for _, scope := range c.asked {
		if !p.try(ctx, scope) {
			break
		}
	}
	p.tell(ctx)
}

// A prober finds the scopes that work.
type prober struct {
	*check
	config           smart.Config // of one token request, but for its scopes
	requests         int
	working, refused []string
	other            []string // of working: spelled otherwise than asked
	stopped          string   // why not all were tried; empty when all were
}

// try finds a spelling of one scope that works. It reports whether to go on.
func (p *prober) try(ctx context.Context, scope string) bool {
	for _, spelled := range spellings(scope) {
		if p.requests == mostProbes {
			p.stopped = fmt.Sprintf("after %d requests", mostProbes)
			return false
		}
		ok, err := p.alone(ctx, []string{spelled})
		switch {
		case err != nil:
			p.stopped = "because of this answer: " + err.Error()
			return false
		case ok:
			p.working = append(p.working, spelled)
			if spelled != scope {
				p.other = append(p.other, spelled)
			}
			return true
		}
	}
	p.refused = append(p.refused, scope)
	return true
}

// spellings are the scope itself and then its other forms.
func spellings(scope string) []string {
	list := []string{scope}
	base, _, found := strings.Cut(scope, ".")
	if !found {
		return list
	}
	for _, letters := range []string{"read", "rs", "r"} {
		if other := base + "." + letters; other != scope {
			list = append(list, other)
		}
	}
	return list
}

// alone asks for a token of these scopes only. An error says that asking on
// makes no sense.
func (p *prober) alone(ctx context.Context, scopes []string) (ok bool, err error) {
	source, err := p.tokens(scopes)
	if err != nil {
		return false, nil //nolint:nilerr // a scope that cannot even be sent does not work
	}
	if err := p.spent.wait(ctx, p.Config.RequestsPerMinute(p.Tenant)); err != nil {
		return false, err
	}
	p.requests++
	token, err := source.Token(ctx)
	if later, spent := errors.AsType[*export.Later](err); spent {
		if err := pause(ctx, time.Until(later.Until)); err != nil {
			return false, err
		}
		token, err = source.Token(ctx)
	}
	if refused, no := errors.AsType[*smart.TokenError](err); no && !refused.Temporary() {
		if refused.Code == "invalid_client" {
			return false, err
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	grant := smart.ReviewGrant(token, scopes)
	return len(grant.Missing) == 0, nil
}

// tell says which set works, having tried it as a whole.
func (p *prober) tell(ctx context.Context) {
	if len(p.working) == 0 {
		p.warn("working scopes", p.summary(), "Ask the vendor which scopes the app was approved for.")
		return
	}
	detail := p.summary()
	if together, err := p.alone(ctx, p.working); err != nil || !together {
		detail += "; each works alone, but not all together"
	} else if p.token == nil {
		p.use(ctx)
	}
	f := Finding{Subject: "working scopes", Verdict: Warning, Detail: detail, Scopes: p.working}
	f.Next = "Put into the registration: scopes: [" + strings.Join(p.working, ", ") + "]"
	if len(p.refused) > 0 {
		f.Next += "\nTake the types of the refused ones out of the tenant's types, or have the scopes approved."
	}
	p.found(f)
}

// use goes on with a token of the working set, so that what follows can be tried.
func (p *prober) use(ctx context.Context) {
	source, err := p.tokens(p.working)
	if err != nil {
		return
	}
	client, _, err := p.Connections.Outside(p.Tenant, source)
	if err != nil {
		return
	}
	if token, err := source.Token(ctx); err == nil {
		p.token, p.client = token, client
	}
}

// tokens is a source of tokens for these scopes.
func (p *prober) tokens(scopes []string) (*smart.TokenSource, error) {
	cfg := p.config
	cfg.Scopes = scopes
	return smart.NewTokenSource(cfg)
}

func (p *prober) summary() string {
	parts := []string{fmt.Sprintf("%d of %d work, found with %s", len(p.working), len(p.asked), some(p.requests, "token request"))}
	if len(p.other) > 0 {
		parts = append(parts, "spelled otherwise: "+strings.Join(p.other, " "))
	}
	if len(p.refused) > 0 {
		parts = append(parts, "refused in every spelling: "+strings.Join(p.refused, " "))
	}
	if p.stopped != "" {
		parts = append(parts, "stopped "+p.stopped)
	}
	return strings.Join(parts, "; ")
}

// pause waits, for two minutes at most.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(min(d, 2*time.Minute))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
