package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A result is what came of a claim.
type result string

// The results.
const (
	passed  result = "passed"
	failed  result = "failed"
	skipped result = "skipped"
	missing result = "did not run"
)

// seen is what came of each claim of a rule by a test: the worst, when several
// subtests claim it.
type seen map[test]map[string]result

// believe takes every claim as passed.
func believe(claims []claim) seen {
	s := seen{}
	for _, c := range claims {
		for _, id := range c.ids {
			s.add(c.test, id, passed)
		}
	}
	return s
}

func (s seen) add(t test, id string, r result) {
	if s[t] == nil {
		s[t] = map[string]result{}
	}
	if have, ok := s[t][id]; !ok || have == passed {
		s[t][id] = r
	}
}

// observe runs the tests that make claims, or reads what such a run said.
func observe(ctx context.Context, o options, claims []claim) (seen, error) {
	module, err := moduleOf(o.root)
	if err != nil {
		return nil, err
	}
	switch o.input {
	case "":
		return runTests(ctx, o, module, claims)
	case "-":
		return read(os.Stdin, module, claims)
	}
	f, err := os.Open(o.input)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(f, module, claims)
}

// moduleOf reads the module's path.
func moduleOf(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(rest), nil
		}
	}
	return "", errors.New("find the module: go.mod names none")
}

// runTests runs only what makes claims. That tests fail is no error: it is what
// is looked for.
func runTests(ctx context.Context, o options, module string, claims []claim) (seen, error) {
	var names, packages []string
	for _, t := range testsOf(claims) {
		names = append(names, t.name)
		packages = append(packages, "./"+t.pkg)
	}
	slices.Sort(names)
	args := append([]string{"test", "-json", "-count=1", "-timeout=30m", "-run", "^(" + strings.Join(slices.Compact(names), "|") + ")$"}, slices.Compact(packages)...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = o.root
	var complaints strings.Builder
	cmd.Stderr = &complaints
	stream, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run the tests: %w", err)
	}
	s, err := read(stream, module, claims)
	ended := cmd.Wait()
	if _, tests := errors.AsType[*exec.ExitError](ended); ended != nil && !tests {
		err = errors.Join(err, fmt.Errorf("run the tests: %w", ended))
	}
	if complaints.Len() > 0 {
		fmt.Fprintln(o.out, complaints.String())
	}
	return s, err
}

// An event is one line of go test -json.
// https://pkg.go.dev/cmd/test2json
type event struct {
	Action  string
	Package string
	Test    string // with its subtests, after slashes
	Key     string
	Value   string
}

// read follows a stream of go test -json to its end. A claim that a test made
// counts by the result of that very test, or of a test above it that failed; a
// claim of the sources that no test made did not run.
func read(stream io.Reader, module string, claims []claim) (seen, error) {
	type key struct{ pkg, test string }
	made, results := map[key][]string{}, map[key]result{}
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // what a build says comes without JSON
		}
		k := key{pkgOf(module, e.Package), e.Test}
		switch {
		case e.Action == "attr" && e.Key == attribute:
			made[k] = append(made[k], strings.Fields(e.Value)...)
		case e.Action == "pass":
			results[k] = passed
		case e.Action == "fail":
			results[k] = failed
		case e.Action == "skip":
			results[k] = skipped
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the tests' results: %w", err)
	}
	s := seen{}
	for k, ids := range made {
		r, ended := results[k]
		if !ended {
			r = failed // its process died
		}
		name, _, _ := strings.Cut(k.test, "/")
		for _, id := range ids {
			s.add(test{k.pkg, name}, id, r)
		}
	}
	for _, c := range claims {
		for _, id := range c.ids {
			if _, ok := s[c.test][id]; !ok {
				s.add(c.test, id, missing)
			}
		}
	}
	return s, nil
}

// pkgOf is a package's folder below the module's root.
func pkgOf(module, importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}
