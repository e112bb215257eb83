package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

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

// A failure is what a verb that failed prints with --json.
type failure struct {
	Code     problem.Code    `json:"code"`
	Tenant   string          `json:"tenant,omitempty"`
	Error    string          `json:"error"`
	Cause    string          `json:"cause,omitempty"`
	Mistakes config.Mistakes `json:"mistakes,omitempty"` // of a configuration, by file and line
	Next     string          `json:"next"`
	Exit     int             `json:"exit"`
}

func renderJSON(s Streams, p *problem.Problem) {
	f := failure{Code: p.Code, Tenant: p.Tenant, Error: p.Summary, Next: p.Remedy, Exit: p.Code.Kind().Exit}
	if mistakes, ok := errors.AsType[config.Mistakes](p.Err); ok {
		f.Mistakes = mistakes
	} else if p.Err != nil {
		f.Cause = p.Err.Error()
	}
	lines(s.Err).Encode(f) //nolint:errcheck,errchkjson // nothing is left to tell it to
}

// emit prints a value as one line of JSON.
func (g *Globals) emit(v any) error {
	if err := lines(g.streams.Out).Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// lines writes values as lines of JSON that a person can read, too: with < and &
// as they are.
func lines(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}
