package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

type sandboxCommand struct {
	List      bool    `help:"Print every knob, preset and action of faults, and serve nothing."`
	Scenario  string  `type:"existingfile" placeholder:"FILE" help:"YAML of practices with presets, knobs and faults, instead of one practice by flags; see docs/examples/scenarios."`
	Profile   string  `default:"ecw" placeholder:"PRESET" help:"Like whose server it behaves: ecw (eClinicalWorks), standard (STU2), or another preset of --list."`
	Code      string  `default:"ABCDEF" help:"The practice's code, a part of its FHIR base URL."`
	Data      string  `type:"existingdir" placeholder:"DIR" help:"Serve NDJSON files of this folder, named by type, instead of a made-up population."`
	Patients  int     `default:"200" help:"How many patients the made-up population has."`
	Seed      uint64  `default:"1" help:"Which made-up population."`
	Open      bool    `help:"Ask for no token (any --profile but ecw)."`
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
	if c.List {
		return c.list(g)
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	server, err := sandbox.Start(ctx, cfg)
	if err != nil {
		return problem.Wrap(err, problem.Usage, "the sandbox cannot start", "Check the options; if another program listens there, maybe another sandbox, end it or give --addr and --token-addr.")
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
	for _, p := range s.Practices {
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
		g.printf("  types          %s\n\n", strings.Join(p.Types, " "))
	}
	g.printf("stop with Ctrl-C\n")
}

func (c *sandboxCommand) config() (sandbox.Config, error) {
	scenario, err := c.scenario()
	if err != nil {
		return sandbox.Config{}, err
	}
	cfg := sandbox.Config{
		Addr: c.Addr, TokenAddr: c.TokenAddr, Plain: c.Plain,
		Practices: scenario.Practices, Token: scenario.Token, TimeScale: cmp.Or(scenario.TimeScale, c.TimeScale),
	}
	if !c.Plain {
		cfg.CAFile = c.CAFile
	}
	if slices.ContainsFunc(cfg.Practices, func(p sandbox.Practice) bool { return !p.Open }) {
		client, err := c.client()
		if err != nil {
			return sandbox.Config{}, err
		}
		cfg.Clients = []sandbox.Client{client}
	}
	return cfg, nil
}

// client is the one that the token server knows.
func (c *sandboxCommand) client() (sandbox.Client, error) {
	client := sandbox.Client{ID: c.Client, JWKSURL: c.JWKSURL}
	switch {
	case c.JWKS != "":
		text, err := os.ReadFile(c.JWKS)
		if err != nil {
			return client, problem.Wrap(err, problem.KeyMissing, "the public keys cannot be read", "Give the file that bulkhead keys jwks printed.")
		}
		client.JWKS = text
	case c.JWKSURL == "":
		return client, problem.New(problem.Usage, "the token server knows no key of the client",
			"Make one with bulkhead keys new key.jwk and bulkhead keys jwks key.jwk > jwks.json, and give --jwks jwks.json; or serve --profile standard --open.")
	}
	return client, nil
}

// scenario is what the file says, or the one practice that the flags say.
func (c *sandboxCommand) scenario() (sandbox.Scenario, error) {
	if c.Scenario == "" {
		return c.onePractice()
	}
	if c.Faults != "" || c.Data != "" || c.FilesPer != 0 || c.Open {
		return sandbox.Scenario{}, problem.New(problem.Usage, "--scenario says all about its practices", "Leave out --faults, --data, --files-per and --open.")
	}
	text, err := os.ReadFile(c.Scenario)
	var scenario sandbox.Scenario
	if err == nil {
		scenario, err = sandbox.ReadScenario(text)
	}
	if err != nil {
		return scenario, problem.Wrap(err, problem.Usage, "the scenario cannot be used", "Correct it; docs/examples/scenarios has some that work, and bulkhead sandbox --list names what there is.")
	}
	return scenario, nil
}

func (c *sandboxCommand) onePractice() (sandbox.Scenario, error) {
	knobs, err := sandbox.PresetKnobs(c.Profile)
	if err != nil {
		return sandbox.Scenario{}, problem.Wrap(err, problem.Usage, "the sandbox does not know this profile", "Give one that bulkhead sandbox --list names.")
	}
	profile := sandbox.PresetProfile(c.Profile)
	if c.Open && profile == sandbox.ProfileECW {
		return sandbox.Scenario{}, problem.New(problem.Usage, "--open needs --profile standard: eClinicalWorks is never open", "Give both, or give --jwks.")
	}
	source, err := c.source()
	if err != nil {
		return sandbox.Scenario{}, err
	}
	if c.FilesPer > 0 {
		knobs.FilesPer = c.FilesPer
	}
	practices := []sandbox.Practice{{
		Code: c.Code, Name: "Sandbox practice " + c.Code, Profile: profile, Open: c.Open, Source: source,
		Groups: sandbox.Everybody(), Knobs: &knobs,
	}}
	return sandbox.Scenario{Practices: practices}, c.applyFaults(practices)
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
