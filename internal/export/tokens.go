package export

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// tokens makes the token source of a tenant's exports of these types. What the
// SMART configuration says is asked for when the first token is needed.
func (c *Connections) tokens(t *config.Tenant, types []string, r config.Registration, client *http.Client) (*smart.TokenSource, error) {
	profile := c.config.Profile(t)
	keys, err := keysOf(r, profile)
	if err != nil {
		return nil, err
	}
	cfg := smart.Config{
		ClientID: r.ClientID, Keys: keys, TokenURL: r.TokenURL, FHIRBase: t.FHIRBaseURL, HTTPClient: client,
		IgnoreLists: profile.Tolerates(config.AuthListsWrong), DirectKeySet: r.Direct(), LoopbackHTTP: t.AllowHTTP,
		Spell: func(style smart.Style) []string { return c.scopes(t, style, types) },
	}
	for _, alg := range profile.Algorithms {
		cfg.Algorithms = append(cfg.Algorithms, smart.Algorithm(alg))
	}
	if style := profile.Scope.Style; style != config.ScopesDiscover || len(r.Scopes) > 0 {
		cfg.Style = cmp.Or(smart.Style(style), smart.ScopesV1)
	}
	if r.SendJKU {
		cfg.JWKSURL = r.JWKSURL
	}
	cfg.Issued = c.Issued(t.ID)
	source, err := smart.NewTokenSource(cfg)
	if err != nil {
		return nil, problem.Wrap(err, problem.ConfigInvalid, "no token can be requested", "Correct the registration: client_id, token_url, scopes.")
	}
	return source, nil
}

// Issued gives what puts the tokens of a tenant on record, as asked for by who
// acts in the context; nil without a ledger.
func (c *Connections) Issued(tenant string) func(ctx context.Context, issue smart.Issue) error {
	if c.store == nil {
		return nil
	}
	return func(ctx context.Context, issue smart.Issue) error { return c.record(ctx, tenant, issue) }
}

// record puts a token on record before anybody can use it. A ledger that
// cannot take it is trouble of ours that passes: the token is asked for again.
func (c *Connections) record(ctx context.Context, tenant string, issue smart.Issue) error {
	jti := sha256.Sum256([]byte(issue.AssertionID))
	facts := map[string]any{
		"scopes": issue.Requested, "jti_sha256": hex.EncodeToString(jti[:]), "key": issue.KeyID, "seconds": int64(issue.Lifetime.Seconds()),
	}
	if issue.Granted != nil && !slices.Equal(issue.Granted, issue.Requested) {
		granted := sayable(issue.Granted)
		facts["granted"] = granted
		if others := len(issue.Granted) - len(granted); others > 0 {
			facts["granted_others"] = others
		}
	}
	ev := audit.Event{Action: audit.TokenMinted, Object: audit.URL(issue.Endpoint), Rule: string(agreement.Permitted), Facts: facts}
	if err := c.store.In(tenant).Do(ctx, func(tx *store.Tx) error { return tx.Audit(ev) }); err != nil {
		return &Later{Until: time.Now().Add(uncounted), Reason: "the ledger cannot record the token: " + err.Error()}
	}
	return nil
}

// sayable gives the scopes that are of SMART's form, without a search: others
// are a server's own words, of which only the number is kept.
func sayable(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool {
		s, err := smart.ParseScope(scope)
		return err != nil || s.Query != ""
	})
}

// scopes are those of the configuration; a server that keeps to the standard
// wants to be asked for its groups too when one is exported.
func (c *Connections) scopes(t *config.Tenant, style smart.Style, types []string) []string {
	scopes := c.config.ScopesIn(t, config.ScopeStyle(style), types)
	r, _ := c.config.Registration(t)
	if group := style.Read("Group"); t.Level == config.LevelGroup && len(r.Scopes) == 0 &&
		c.config.Profile(t).Scope.Style == config.ScopesDiscover && !smart.Covers(scopes, group) {
		return append(scopes, group)
	}
	return scopes
}

// keysOf gives the registration's keys, if the vendor takes any of them.
func keysOf(r config.Registration, profile *config.Profile) (*keyring.Source, error) {
	keys, err := keyring.Of(r)
	if err != nil {
		return nil, err
	}
	standings, err := keys.Standings()
	if err != nil {
		return nil, err
	}
	var held []string
	for _, k := range standings {
		if k.State != keyring.Over && k.State != keyring.Disabled {
			held = append(held, string(k.Algorithm))
		}
	}
	taken := func(algorithm string) bool { return slices.Contains(profile.Algorithms, algorithm) }
	if len(held) > 0 && !slices.ContainsFunc(held, taken) {
		return nil, problem.New(problem.KeyInvalid,
			fmt.Sprintf("the signing key is for %s, and %s takes only %s", held[0], profile.Title, strings.Join(profile.Algorithms, " or ")),
			"Make one with bulkhead keys new --algorithm "+profile.Algorithms[0]+", and register its public part with the vendor.")
	}
	return keys, nil
}
