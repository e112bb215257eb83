// Conformance is the matrix of the rules that a Bulk Data client must keep and
// the tests that show it: it runs the tests that claim a rule by
//
//	t.Attr("shows", "BD-018 BD-020")
//
// and prints every rule with its strength, its releases and what came of it.
// rules.csv holds the rules in our own words, exceptions.csv the reasons for
// those that are not met; a rule that is in neither way accounted for fails
// the run. The page docs/conformance.md is written from what was seen, and
// with --check it is compared with what the sources claim, without running.
//
// The page docs/reliability.md is written from the sources alone: of every
//
//	t.Attr("fault", "<area>: <fault> -> <outcome>")
//
// The page docs/security-checks.md is written in the same way (--asvs), of every
//
//	t.Attr("asvs", "<requirement of OWASP ASVS 4.0.3>")
//
// It never judges a test: a claim is as good as the test that makes it.
//
// Bulk Data rules: https://hl7.org/fhir/uv/bulkdata/export.html
// SMART rules: https://hl7.org/fhir/smart-app-launch/backend-services.html
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

// options are what the command line says.
type options struct {
	root  string // of the module
	page  string // below root
	input string // a stream of go test -json, instead of running the tests
	check bool

	faults      bool   // only write the page of faults
	reliability string // the page of faults, below root
	asvs        bool   // only write the page of security checks
	out         io.Writer
}

func main() {
	o := options{out: os.Stdout}
	flag.StringVar(&o.root, "root", ".", "folder of the module")
	flag.StringVar(&o.page, "page", "docs/conformance.md", "page to write or to check; empty for none")
	flag.StringVar(&o.input, "input", "", "read this output of go test -json, - for standard input, instead of running the tests")
	flag.BoolVar(&o.check, "check", false, "run nothing: only check that the page says what the sources claim")
	flag.BoolVar(&o.faults, "faults", false, "run nothing: only write the page of faults")
	flag.BoolVar(&o.asvs, "asvs", false, "run nothing: only write the page of security checks, docs/security-checks.md")
	flag.StringVar(&o.reliability, "reliability", "docs/reliability.md", "page of faults to write or to check; empty for none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) //nolint:forbidigo // main begins it
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		stop()
		os.Exit(1) //nolint:forbidigo,gocritic // this is main
	}
}

// errUnmet says that rules are not met.
var errUnmet = errors.New("rules are not met")

func run(ctx context.Context, o options) error {
	if o.asvs {
		return tellASVS(o.root, "docs/security-checks.md", o.check)
	}
	if err := tellFaults(o); err != nil || o.faults {
		return err
	}
	rules, err := loadRules()
	if err != nil {
		return err
	}
	claims, err := scan(o.root)
	if err != nil {
		return err
	}
	if err := rules.check(claims); err != nil {
		return err
	}
	if o.check {
		return checkPage(o, newMatrix(rules, claims, believe(claims)))
	}
	seen, err := observe(ctx, o, claims)
	if err != nil {
		return err
	}
	m := newMatrix(rules, claims, seen)
	if err := m.print(o.out); err != nil {
		return err
	}
	if o.page != "" {
		if err := os.WriteFile(filepath.Join(o.root, o.page), []byte(m.markdown()), 0o644); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
	}
	if faults := m.faults(); len(faults) > 0 {
		for _, f := range faults {
			fmt.Fprintln(o.out, f)
		}
		return fmt.Errorf("%w: %d faults", errUnmet, len(faults))
	}
	return nil
}

// tellFaults writes the page of faults, or compares it with the sources.
func tellFaults(o options) error {
	if o.reliability == "" {
		return nil
	}
	list, err := scanFaults(o.root)
	if err != nil {
		return err
	}
	page, text := filepath.Join(o.root, o.reliability), reliability(list)
	if !o.check {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the page of faults: %w", err)
		}
		return nil
	}
	have, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("read the page of faults: %w", err)
	}
	if string(have) != text {
		return fmt.Errorf("%s is not what the tests tell: run go run ./internal/conformance --faults", o.reliability)
	}
	return nil
}

// checkPage compares the page with what the sources claim.
func checkPage(o options, m *matrix) error {
	have, err := os.ReadFile(filepath.Join(o.root, o.page))
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	if string(have) != m.markdown() {
		return fmt.Errorf("%s is not what the tests claim: run make conformance", o.page)
	}
	for _, f := range m.faults() {
		fmt.Fprintln(o.out, f)
	}
	if n := len(m.faults()); n > 0 {
		return fmt.Errorf("%w: %d faults", errUnmet, n)
	}
	return nil
}
