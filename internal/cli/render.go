package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// render writes an error for a person, or as JSON, and returns the exit
// status. It is the only place that does either.
func render(s Streams, asJSON bool, err error) int {
	if err == nil {
		return 0
	}
	p := problem.Of(machine(err))
	if asJSON {
		renderJSON(s, p)
		return p.Code.Kind().Exit
	}
	fmt.Fprintf(s.Err, "error: %s\n", headline(p)) //nolint:errcheck // nothing is left to tell it to
	if mistakes, ok := errors.AsType[config.Mistakes](p.Err); ok {
		for _, m := range mistakes {
			fmt.Fprintln(s.Err, m.String()) //nolint:errcheck // as above
		}
	} else if p.Err != nil {
		fmt.Fprintf(s.Err, "cause: %v\n", p.Err) //nolint:errcheck // as above
	}
	if p.Remedy != "" {
		fmt.Fprintf(s.Err, "next:  %s\n", p.Remedy) //nolint:errcheck // as above
	}
	fmt.Fprintf(s.Err, "code:  %s (exit status %d: %s)\n", p.Code, p.Code.Kind().Exit, p.Code.Kind().Text) //nolint:errcheck // as above
	return p.Code.Kind().Exit
}

func headline(p *problem.Problem) string {
	if p.Tenant == "" {
		return p.Summary
	}
	return "tenant " + p.Tenant + ": " + p.Summary
}

func renderJSON(s Streams, p *problem.Problem) {
	type mistake struct {
		Code   problem.Code `json:"code"`
		Tenant string       `json:"tenant,omitempty"`
		Error  string       `json:"error"`
		Cause  string       `json:"cause,omitempty"`
		Next   string       `json:"next"`
		Exit   int          `json:"exit"`
	}
	m := mistake{Code: p.Code, Tenant: p.Tenant, Error: p.Summary, Next: p.Remedy, Exit: p.Code.Kind().Exit}
	if p.Err != nil {
		m.Cause = p.Err.Error()
	}
	json.NewEncoder(s.Err).Encode(m) //nolint:errcheck,errchkjson // nothing is left to tell it to
}

// emit prints a value as one line of JSON.
func (g *Globals) emit(v any) error {
	if err := json.NewEncoder(g.streams.Out).Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
