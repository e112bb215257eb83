package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

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
		return []Finding{failed("configuration", problem.Of(err))}
	}
	p := prober{ctx: ctx, config: c.config, tenant: t, conn: conn, work: Work{}}
	p.work.Export.Level, p.work.Export.Group, p.work.Export.Tenant = t.Level, t.Group, t.ID
	p.work.Lease.Kind = Kickoff
	p.findings = append(p.findings, Finding{Subject: "configuration", Verdict: Good, Detail: t.FHIRBaseURL})
	p.capability()
	if conn.Tokens != nil && p.discovery() {
		p.token()
	}
	p.groups()
	return p.findings
}

func failed(subject string, p *problem.Problem) Finding {
	detail := p.Summary
	if p.Err != nil {
		detail += ": " + p.Err.Error()
	}
	return Finding{Subject: subject, Verdict: Bad, Detail: detail, Next: p.Remedy, problem: p}
}

type prober struct {
	ctx      context.Context
	config   *config.Config
	tenant   *config.Tenant
	conn     *Connection
	work     Work
	findings []Finding
}

func (p *prober) add(f Finding) { p.findings = append(p.findings, f) }

// fail adds a finding for an error of the protocol or of the network.
func (p *prober) fail(subject string, err error) {
	err = explain(p.tenant, p.work, err)
	found, ok := errors.AsType[*problem.Problem](err)
	if !ok {
		found = problem.Wrap(err, problem.ServerUnreachable, "no usable answer: "+reasonOf(err),
			"Check fhir_base_url and this machine's network.").For(p.tenant.ID)
	}
	p.add(failed(subject, found))
}

// A capability statement, as far as bulk export needs it.
type capability struct {
	FHIRVersion string `json:"fhirVersion"`
	Software    struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"software"`
	Rest []struct {
		Operation []struct {
			Name string `json:"name"`
		} `json:"operation"`
		Resource []struct {
			Type      string `json:"type"`
			Operation []struct {
				Name string `json:"name"`
			} `json:"operation"`
		} `json:"resource"`
	} `json:"rest"`
}

func (p *prober) capability() {
	var c capability
	if err := p.get("/metadata", false, &c); err != nil {
		p.fail("server", err)
		return
	}
	p.add(Finding{Subject: "server", Verdict: Good, Detail: strings.TrimSpace(fmt.Sprintf("FHIR %s, %s %s", c.FHIRVersion, c.Software.Name, c.Software.Version))})
	offered, exports := map[string]bool{}, false
	for _, rest := range c.Rest {
		exports = exports || len(rest.Operation) > 0
		for _, r := range rest.Resource {
			offered[r.Type] = true
			exports = exports || len(r.Operation) > 0
		}
	}
	if !exports {
		p.add(Finding{Subject: "export", Verdict: Warning, Detail: "the capability statement names no operation", Next: "Ask the vendor whether bulk export is switched on for the practice."})
	}
	p.types(offered)
}

// types compares with the capability statement, which is a hint and no more.
func (p *prober) types(offered map[string]bool) {
	missing := slices.DeleteFunc(Types(p.tenant), func(t string) bool { return offered[t] })
	if len(missing) == 0 {
		p.add(Finding{Subject: "types", Verdict: Good, Detail: fmt.Sprintf("all %d are offered", len(Types(p.tenant)))})
		return
	}
	p.add(Finding{Subject: "types", Verdict: Warning, Detail: "not offered: " + strings.Join(missing, ", "),
		Next: "Take them out of the tenant's types unless the vendor says that they can be exported."})
}

func (p *prober) discovery() bool {
	registration, _ := p.config.Registration(p.tenant)
	if registration.TokenURL != "" {
		p.add(Finding{Subject: "discovery", Verdict: Good, Detail: "not needed: token_url is configured"})
		return true
	}
	found, err := smart.Discover(p.ctx, p.conn.HTTP, p.tenant.FHIRBaseURL)
	if err != nil {
		p.fail("discovery", err)
		p.add(Finding{Subject: "token", Verdict: Skipped, Detail: "there is no token endpoint"})
		return false
	}
	f := Finding{Subject: "discovery", Verdict: Good, Detail: "token endpoint " + found.TokenEndpoint}
	if warnings := found.Warnings(); len(warnings) > 0 {
		f.Verdict, f.Detail = Warning, f.Detail+"; "+strings.Join(warnings, "; ")
	}
	p.add(f)
	return true
}

func (p *prober) token() {
	token, err := p.conn.Tokens.Token(p.ctx)
	if err != nil {
		p.fail("token", err)
		return
	}
	p.add(Finding{Subject: "token", Verdict: Good, Detail: "valid until " + token.Expiry.Local().Format("15:04:05")})
	asked := p.config.Scopes(p.tenant, Types(p.tenant))
	granted, stated := smart.GrantedScopes(token)
	if !stated {
		p.add(Finding{Subject: "scopes", Verdict: Good, Detail: fmt.Sprintf("%d asked; the server does not say which it granted", len(asked))})
		return
	}
	if missing := smart.Missing(asked, granted); len(missing) > 0 {
		p.add(Finding{Subject: "scopes", Verdict: Warning, Detail: "not granted: " + strings.Join(missing, " "),
			Next: "Have the scopes added to the registration, or take the types out of the tenant's types."})
		return
	}
	p.add(Finding{Subject: "scopes", Verdict: Good, Detail: fmt.Sprintf("all %d that were asked are granted", len(asked))})
}

// groups looks whether the configured group can be seen.
func (p *prober) groups() {
	if p.tenant.Level != config.LevelGroup {
		return
	}
	if p.failed() {
		p.add(Finding{Subject: "group", Verdict: Skipped, Detail: "cannot be looked for"})
		return
	}
	var bundle struct {
		Entry []struct {
			Resource struct {
				ID         string `json:"id"`
				Identifier []struct {
					Value string `json:"value"`
				} `json:"identifier"`
			} `json:"resource"`
		} `json:"entry"`
	}
	if err := p.get("/Group", true, &bundle); err != nil {
		p.add(Finding{Subject: "group", Verdict: Warning, Detail: "groups cannot be listed: " + reasonOf(err), Next: "Compare the group's id with the practice's portal."})
		return
	}
	var seen []string
	for _, e := range bundle.Entry {
		seen = append(seen, e.Resource.ID)
		for _, i := range e.Resource.Identifier {
			seen = append(seen, i.Value)
		}
	}
	if slices.Contains(seen, p.tenant.Group) {
		p.add(Finding{Subject: "group", Verdict: Good, Detail: p.tenant.Group + " is there"})
		return
	}
	p.add(failed("group", problem.New(problem.GroupMissing, fmt.Sprintf("group %s is not among the %d that the server shows", p.tenant.Group, len(bundle.Entry)),
		"Ask the practice to enable the group for the app, and take its id from the portal.").For(p.tenant.ID)))
}

func (p *prober) failed() bool { return Problem(p.findings) != nil }

// answerLimit bounds what is read of one answer. A capability statement of a
// large vendor has a megabyte.
const answerLimit = 16 << 20

func (p *prober) get(path string, authorized bool, into any) error {
	request, err := http.NewRequestWithContext(p.ctx, http.MethodGet, strings.TrimRight(p.tenant.FHIRBaseURL, "/")+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/fhir+json")
	if authorized && p.conn.Tokens != nil {
		token, err := p.conn.Tokens.Token(p.ctx)
		if err != nil {
			return err
		}
		token.SetAuthHeader(request) // I9: the FHIR base's own origin, and redirects are not followed
	}
	answer, err := p.conn.HTTP.Transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // it is read or given up
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: the server answered %d", path, answer.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("GET %s: the answer is no FHIR JSON", path)
	}
	return nil
}
