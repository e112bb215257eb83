package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// A Verdict is what a check found about one thing.
type Verdict string

// The verdicts.
const (
	Good    Verdict = "ok"
	Warning Verdict = "warning"
	Bad     Verdict = "failed"
	Skipped Verdict = "skipped" // what it needs has failed
)

// A Finding is one line of a check.
type Finding struct {
	Subject string  `json:"subject"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail"`
	Next    string  `json:"next,omitempty"`

	problem *problem.Problem
}

// Problem gives the problem of the first finding that failed, nil if none did.
func Problem(findings []Finding) error {
	for _, f := range findings {
		if f.Verdict == Bad {
			return f.problem
		}
	}
	return nil
}

// Probe tries a practice's server from the outside in, as an export would meet
// it: TLS and capability statement, SMART configuration, token and scopes,
// groups. It starts no export. What cannot be tried any more is skipped.
func (c *Connections) Probe(ctx context.Context, t *config.Tenant) []Finding {
	conn, err := c.To(t, Types(t))
	if err != nil {
		p := problem.Of(err)
		return []Finding{{Subject: "configuration", Verdict: Bad, Detail: p.Summary, Next: p.Remedy, problem: p}}
	}
	p := prober{config: c.config, tenant: t, conn: conn}
	p.work.Lease.Kind, p.work.Export.Tenant = probing, t.ID
	p.work.Export.Level, p.work.Export.Group = t.Level, t.Group
	p.add("configuration", Good, t.FHIRBaseURL, "")
	p.capability(ctx)
	if conn.Tokens != nil && p.discovery(ctx) {
		p.token(ctx)
	}
	if t.Level == config.LevelGroup {
		p.group(ctx)
	}
	return p.findings
}

// probing stands in the place of a step's kind in what a probe explains.
const probing = "probe"

type prober struct {
	config   *config.Config
	tenant   *config.Tenant
	conn     *Connection
	work     Work
	findings []Finding
}

func (p *prober) add(subject string, v Verdict, detail, next string) {
	p.findings = append(p.findings, Finding{Subject: subject, Verdict: v, Detail: detail, Next: next})
}

// fail adds a finding for an error of the protocol or of the network.
func (p *prober) fail(subject string, err error) {
	err = explain(p.tenant, p.work, err)
	found, ok := errors.AsType[*problem.Problem](err)
	if !ok {
		found = problem.New(problem.ServerUnreachable, "no usable answer: "+reasonOf(err),
			"Check fhir_base_url and this machine's network.").For(p.tenant.ID)
	}
	detail := found.Summary
	if found.Err != nil {
		detail += ": " + found.Err.Error()
	}
	p.findings = append(p.findings, Finding{Subject: subject, Verdict: Bad, Detail: detail, Next: found.Remedy, problem: found})
}

func (p *prober) capability(ctx context.Context) {
	c, err := p.conn.Client.Capability(ctx)
	if err != nil {
		p.fail("server", err)
		return
	}
	p.add("server", Good, strings.TrimSpace("FHIR "+c.FHIRVersion+" "+c.Software), "")
	if slices.Contains(c.Levels, bulkdata.Level(p.tenant.Level)) {
		p.add("export", Good, "at level "+p.tenant.Level, "")
	} else {
		p.add("export", Warning, "the capability statement names no export at level "+p.tenant.Level,
			"Servers often say too little; if the kick-off fails, ask the vendor whether bulk export is switched on.")
	}
	missing := slices.DeleteFunc(Types(p.tenant), func(t string) bool { return slices.Contains(c.Types, t) })
	if len(missing) == 0 {
		p.add("types", Good, fmt.Sprintf("all %d are offered", len(Types(p.tenant))), "")
		return
	}
	p.add("types", Warning, "not offered: "+strings.Join(missing, ", "),
		"Take them out of the tenant's types unless the vendor says that they can be exported.")
}

// discovery reports whether a token endpoint is known.
func (p *prober) discovery(ctx context.Context) bool {
	if registration, _ := p.config.Registration(p.tenant); registration.TokenURL != "" {
		p.add("discovery", Good, "not needed: token_url is configured", "")
		return true
	}
	found, err := smart.Discover(ctx, p.conn.HTTP, p.tenant.FHIRBaseURL)
	if err != nil {
		p.fail("discovery", err)
		p.add("token", Skipped, "there is no token endpoint", "")
		return false
	}
	if warnings := found.Warnings(); len(warnings) > 0 {
		p.add("discovery", Warning, "token endpoint "+found.TokenEndpoint+"; "+strings.Join(warnings, "; "), "")
	} else {
		p.add("discovery", Good, "token endpoint "+found.TokenEndpoint, "")
	}
	return true
}

func (p *prober) token(ctx context.Context) {
	token, err := p.conn.Tokens.Token(ctx)
	if err != nil {
		p.fail("token", err)
		return
	}
	p.add("token", Good, "valid until "+token.Expiry.Local().Format("15:04:05"), "")
	asked := p.config.Scopes(p.tenant, Types(p.tenant))
	granted, stated := smart.GrantedScopes(token)
	missing := smart.Missing(asked, granted)
	switch {
	case !stated:
		p.add("scopes", Good, fmt.Sprintf("%d asked; the server does not say which it granted", len(asked)), "")
	case len(missing) > 0:
		p.add("scopes", Warning, "not granted: "+strings.Join(missing, " "),
			"Have the scopes added to the registration, or take the types out of the tenant's types.")
	default:
		p.add("scopes", Good, fmt.Sprintf("all %d that were asked are granted", len(asked)), "")
	}
}

// group looks whether the configured group can be seen.
func (p *prober) group(ctx context.Context) {
	if Problem(p.findings) != nil {
		p.add("group", Skipped, "cannot be looked for", "")
		return
	}
	groups, err := p.conn.Client.Groups(ctx)
	if err != nil {
		p.add("group", Warning, "groups cannot be listed: "+reasonOf(err), "Compare the group's id with the practice's portal.")
		return
	}
	for _, g := range groups {
		if g.ID == p.tenant.Group || slices.Contains(g.Identifiers, p.tenant.Group) {
			p.add("group", Good, strings.TrimSpace(p.tenant.Group+" "+g.Name), "")
			return
		}
	}
	p.fail("group", problem.New(problem.GroupMissing, fmt.Sprintf("group %s is not among the %d that the server shows", p.tenant.Group, len(groups)),
		"Ask the practice to enable the group for the app, and take its id from the portal.").For(p.tenant.ID))
}
