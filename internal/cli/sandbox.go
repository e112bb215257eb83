package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

type sandboxCommand struct {
	Profile   string  `enum:"ecw,standard" default:"ecw" help:"ecw (eClinicalWorks: group export, RS384) or standard (STU2)."`
	Code      string  `default:"ABCDEF" help:"The practice's code, a part of its FHIR base URL."`
	Data      string  `type:"existingdir" placeholder:"DIR" help:"Serve NDJSON files of this folder, named by type, instead of a made-up population."`
	Patients  int     `default:"200" help:"How many patients the made-up population has."`
	Seed      uint64  `default:"1" help:"Which made-up population."`
	Open      bool    `help:"Ask for no token (only with --profile standard)."`
	Client    string  `default:"sandbox-client" placeholder:"ID" help:"The client id that the token server knows."`
	JWKS      string  `type:"existingfile" placeholder:"FILE" help:"The client's public keys, as bulkhead keys jwks prints them."`
	JWKSURL   string  `name:"jwks-url" placeholder:"URL" help:"Where the client publishes its public keys."`
	Addr      string  `default:"127.0.0.1:8443" help:"Where the FHIR server listens."`
	TokenAddr string  `default:"127.0.0.1:8444" help:"Where the token server listens."`
	Plain     bool    `help:"Serve http instead of https; only on loopback."`
	CAFile    string  `name:"ca-file" type:"path" default:"sandbox-ca.pem" help:"Where the certificate of the sandbox's own authority is written, for tls.ca_file."`
	TimeScale float64 `default:"1" placeholder:"N" help:"How much faster its time runs: 60 makes minutes of waiting seconds."`
	FilesPer  int     `placeholder:"N" help:"Resources in one output file."`
	Faults    string  `type:"existingfile" placeholder:"FILE" help:"YAML of knobs and faults by practice code; see docs/examples/faults.yaml."`
}

// Run serves until it is told to stop.
func (c *sandboxCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	server, err := sandbox.Start(ctx, cfg)
	if err != nil {
		return problem.Wrap(err, problem.Usage, "the sandbox cannot start", "Check the addresses and the options; another program may listen there.")
	}
	defer server.Close() //nolint:errcheck // the process ends
	summary := server.Summary()
	if g.JSON {
		if err := g.emit(summary); err != nil {
			return err
		}
	} else {
		c.print(g, summary)
	}
	<-ctx.Done()
	return nil
}

func (c *sandboxCommand) print(g *Globals, s sandbox.Summary) {
	p := s.Practices[0]
	g.printf("a sandbox practice is ready: %s, profile %s\n\n  fhir_base_url  %s\n", p.Name, p.Profile, p.Base)
	for _, group := range p.Groups {
		g.printf("  group          %s\n", group.Export)
	}
	if p.Token != "" {
		g.printf("  token endpoint %s (discovered by itself)\n  client_id      %s\n", p.Token, c.Client)
	}
	if s.CAFile != "" {
		g.printf("  tls.ca_file    %s\n", s.CAFile)
	}
	g.printf("  types          %s\n\nstop with Ctrl-C\n", strings.Join(p.Types, " "))
}

func (c *sandboxCommand) config() (sandbox.Config, error) {
	client := sandbox.Client{ID: c.Client, JWKSURL: c.JWKSURL}
	switch {
	case c.Open && c.Profile != "standard":
		return sandbox.Config{}, problem.New(problem.Usage, "--open needs --profile standard: eClinicalWorks is never open", "Give both, or give --jwks.")
	case c.JWKS != "":
		text, err := os.ReadFile(c.JWKS)
		if err != nil {
			return sandbox.Config{}, problem.Wrap(err, problem.KeyMissing, "the public keys cannot be read", "Give the file that bulkhead keys jwks printed.")
		}
		client.JWKS = text
	case c.JWKSURL == "" && !c.Open:
		return sandbox.Config{}, problem.New(problem.Usage, "the token server knows no key of the client",
			"Make one with bulkhead keys new key.jwk and bulkhead keys jwks key.jwk > jwks.json, and give --jwks jwks.json; or serve --profile standard --open.")
	}
	source, err := c.source()
	if err != nil {
		return sandbox.Config{}, err
	}
	practice := sandbox.Practice{
		Code: c.Code, Name: "Sandbox practice " + c.Code, Profile: sandbox.Profile(c.Profile), Open: c.Open, Source: source,
		Groups: []sandbox.Group{{ID: "group-all", Identifier: "5f0d3c1e-0000-4000-8000-00000000a11a", Name: "All patients"}},
	}
	if c.FilesPer > 0 {
		knobs := sandbox.Preset(practice.Profile)
		knobs.FilesPer = c.FilesPer
		practice.Knobs = &knobs
	}
	practices := []sandbox.Practice{practice}
	if err := c.applyFaults(practices); err != nil {
		return sandbox.Config{}, err
	}
	cfg := sandbox.Config{
		Addr: c.Addr, TokenAddr: c.TokenAddr, Plain: c.Plain, TimeScale: c.TimeScale, Practices: practices,
	}
	if !c.Plain {
		cfg.CAFile = c.CAFile
	}
	if !c.Open {
		cfg.Clients = []sandbox.Client{client}
	}
	return cfg, nil
}

func (c *sandboxCommand) applyFaults(practices []sandbox.Practice) error {
	if c.Faults == "" {
		return nil
	}
	text, err := os.ReadFile(c.Faults)
	if err == nil {
		err = sandbox.ApplyKnobs(text, practices)
	}
	if err != nil {
		return problem.Wrap(err, problem.Usage, "the file of faults cannot be used", "Correct it; docs/examples/faults.yaml is one that works.")
	}
	return nil
}

func (c *sandboxCommand) source() (sandbox.Source, error) {
	if c.Data == "" {
		return sandbox.FromPopulation(population.New(population.Config{Seed: c.Seed, Practice: c.Code, Patients: c.Patients})), nil
	}
	dir, err := filepath.Abs(c.Data)
	if err != nil {
		return nil, err
	}
	source, err := sandbox.DirSource(dir)
	if err != nil {
		return nil, problem.Wrap(err, problem.Usage, "the folder cannot be served", fmt.Sprintf("Put files such as Patient.ndjson or Patient.ndjson.gz into %s.", c.Data))
	}
	return source, nil
}
