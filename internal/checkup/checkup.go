// Package checkup tries a practice's server from the outside in, as an export
// would meet it, and says for each thing what was found and what to do next:
// before the first export, and when one fails.
//
// It starts no export and reads no record of a patient. It sends no token but to
// the tenant's own server, keeps nothing, and no text of it holds a key, a token
// or a URL's query.
//
// What it tries: https://hl7.org/fhir/uv/bulkdata/export.html and
// https://hl7.org/fhir/smart-app-launch/backend-services.html
package checkup

import (
	"context"
	"net/http"
	"strings"

	"golang.org/x/oauth2"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// A Verdict is what a check found about one thing.
type Verdict string

// The verdicts.
const (
	Good    Verdict = "ok"
	Warning Verdict = "warning" // an export may work all the same
	Bad     Verdict = "failed"
	Skipped Verdict = "skipped" // what it needs has failed, or there is nothing to check
)

// A Finding is one line of a checkup.
type Finding struct {
	Subject string   `json:"subject"`
	Verdict Verdict  `json:"verdict"`
	Detail  string   `json:"detail"`
	Next    string   `json:"next,omitempty"`   // what to do; several things are lines
	Scopes  []string `json:"scopes,omitempty"` // of the subject "working scopes" only
}

// A Request says whose server to try, and how.
type Request struct {
	Config      *config.Config
	Tenant      *config.Tenant
	Connections *export.Connections
	// Ledger tells what earlier exports were like; nil when there is none.
	Ledger *store.Store
	// ProbeScopes asks for each scope alone when not all are granted.
	ProbeScopes bool
}

// Run tries everything in turn and gives each finding to found as soon as it is
// there. It returns the *problem.Problem of the first finding that failed, nil
// if none did.
func Run(ctx context.Context, r Request, found func(Finding)) error {
	c := &check{
		Request: r, found: found, profile: r.Config.Profile(r.Tenant), types: export.Types(r.Tenant), spent: &spending{},
	}
	c.registration, c.protected = r.Config.Registration(r.Tenant)
	c.run(ctx)
	if c.first == nil {
		return nil
	}
	return c.first
}

// A check is one run, and what it knows so far.
type check struct {
	Request
	found        func(Finding)
	first        *problem.Problem
	profile      *config.Profile
	registration config.Registration
	protected    bool // by tokens
	types        []string

	client  *bulkdata.Client
	http    *http.Client
	spent   *spending
	key     *smart.Key // the one that signs; nil when none can
	keys    smart.KeySource
	asked   []string // the scopes of an export
	token   *oauth2.Token
	refused *smart.TokenError // nil when a token was given, or none was asked for
	grant   smart.Grant       // what came with the token
}

func (c *check) run(ctx context.Context) {
	c.configuration()
	c.agreement()
	var err error
	if c.client, c.http, err = c.Connections.Outside(c.Tenant, nil); err != nil {
		c.fail("connection", problem.Of(err))
		return
	}
	ctx = c.spent.watch(ctx)
	if !c.reach(ctx) {
		c.skip("the rest", "discovery, token, scopes, server and group need a connection")
		return
	}
	if c.protected {
		c.authorization(ctx)
	}
	c.server(ctx)
	if c.Tenant.Level == config.LevelGroup {
		c.group(ctx)
	}
	c.budget(ctx)
}

func (c *check) add(subject string, v Verdict, detail, next string) {
	c.found(Finding{Subject: subject, Verdict: v, Detail: detail, Next: next})
}

func (c *check) good(subject string, parts ...string) {
	c.add(subject, Good, strings.Join(parts, "; "), "")
}

func (c *check) warn(subject, detail, next string) { c.add(subject, Warning, detail, next) }

func (c *check) skip(subject, why string) { c.add(subject, Skipped, why, "") }

// fail adds the finding of a problem.
func (c *check) fail(subject string, p *problem.Problem) {
	detail := p.Summary
	if p.Err != nil {
		detail += ": " + p.Err.Error()
	}
	c.failed(subject, detail, p)
}

// failed adds the finding of a problem in other words. What to do next is the
// problem's remedy, unless steps are given.
func (c *check) failed(subject, detail string, p *problem.Problem, steps ...string) {
	if len(steps) == 0 {
		steps = []string{p.Remedy}
	}
	if c.first == nil {
		c.first = p.For(c.Tenant.ID)
	}
	c.add(subject, Bad, detail, strings.Join(steps, "\n"))
}

// request gives what the tenant's kick-off asks for.
func (c *check) request() bulkdata.Request {
	t := c.Tenant
	return bulkdata.Request{
		Level: bulkdata.Level(t.Level), GroupID: t.Group, Types: c.types, TypeFilters: t.TypeFilters,
		Elements: t.Elements, AssociatedData: t.AssociatedData, OrganizeOutputBy: t.OrganizeOutputBy,
	}
}
