package config

import (
	"net/url"
	"os"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Traces say where bulkhead sends OpenTelemetry traces: one of each export,
// with its steps and their requests. They name practices and exports by their
// ids, and hold neither content nor addresses.
type Traces struct {
	// Endpoint is the collector's base URL for OTLP over HTTP, such as
	// https://otel.example.org:4318; /v1/traces is added. https, or http to this
	// machine. Default: none, nothing is sent.
	Endpoint string `yaml:"endpoint"`
	// HeadersFile is a file with headers for the collector, one `Name: value` a
	// line, such as an Authorization. Default: none.
	HeadersFile string `yaml:"headers_file"`
	// Percent is of how many of a hundred exports traces are sent; which ones,
	// their ids decide. Default: 100.
	Percent int `yaml:"percent"`
}

// Local reports whether the collector is on this machine.
func (t Traces) Local() bool { return onThisMachine(t.Endpoint) }

func onThisMachine(text string) bool {
	u, err := url.Parse(text)
	return err == nil && loopback(u.Hostname())
}

// Headers reads the collector's headers. The error is a *problem.Problem and
// never holds any of them.
func (t Traces) Headers() (map[string]string, error) {
	headers := map[string]string{}
	if t.HeadersFile == "" {
		return headers, nil
	}
	text, err := os.ReadFile(t.HeadersFile)
	if err != nil {
		return nil, problem.Wrap(err, problem.ConfigMissing, "the headers of the traces' collector cannot be read", "Correct traces.headers_file, or make the file readable.")
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !headerName.MatchString(name) {
			return nil, problem.New(problem.ConfigInvalid, "a line of the headers of the traces' collector is no header", "Write one `Name: value` a line into the file that traces.headers_file names.")
		}
		headers[name] = strings.TrimSpace(value)
	}
	return headers, nil
}

func (r *reader) checkTraces(at place, t Traces) {
	r.checkURL(at.at("endpoint"), t.Endpoint, true)
	r.notNegative(at.at("percent"), t.Percent)
	if t.Percent > 100 {
		r.miss(at.at("percent"), "must not be more than 100")
	}
}

// fillTriggers puts defaults where nothing was said of hooks, call-backs and
// traces; base is the folder of the configuration file.
func (c *Config) fillTriggers(base string) {
	for i := range c.Callbacks {
		c.Callbacks[i].SecretFile = absolute(base, c.Callbacks[i].SecretFile)
	}
	for i := range c.Hooks {
		c.Hooks[i].SecretFile = absolute(base, c.Hooks[i].SecretFile)
	}
	if c.Traces.HeadersFile = absolute(base, c.Traces.HeadersFile); c.Traces.Endpoint != "" {
		c.Traces.Percent = or(c.Traces.Percent, 100)
	}
}
