package config

import (
	"net"
	"os"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/secret"
)

// Metrics say where bulkhead run tells how it does: /metrics for Prometheus,
// /healthz and /readyz for whoever restarts it. They name practices by their
// ids, and hold no content.
type Metrics struct {
	// Listen is the address and the port, such as "127.0.0.1:9464". Without a
	// certificate and a token it must be of this machine only: 127.0.0.1 or ::1.
	// Default: none, nothing is served.
	Listen string `yaml:"listen"`
	// TLSCert is a file with the certificate and its chain, as PEM. One that is
	// renewed in its place is served within seconds, without a restart.
	TLSCert string `yaml:"tls_cert"`
	// TLSKey is a file with the certificate's private key, as PEM.
	TLSKey string `yaml:"tls_key"`
	// TokenFile is a file with a token that /metrics asks for, as `Authorization:
	// Bearer`. Default: none, which only this machine may do without.
	TokenFile string `yaml:"token_file"`
	// Tenants is how many practices have metrics of their own; those after them,
	// in the order of the configuration, share the id `others`. Default: 1000.
	Tenants int `yaml:"tenants"`
}

// Token reads the token; the zero secret when there is none. The error is a
// *problem.Problem ConfigMissing and never holds any of it.
func (m Metrics) Token() (secret.String, error) {
	if m.TokenFile == "" {
		return secret.String{}, nil
	}
	text, err := os.ReadFile(m.TokenFile)
	if err != nil || strings.TrimSpace(string(text)) == "" {
		return secret.String{}, problem.Wrap(err, problem.ConfigMissing, "the token of the metrics cannot be read", "Put it into the file that metrics.token_file names.")
	}
	return secret.New(strings.TrimSpace(string(text))), nil
}

func (m *Metrics) fill(base string) {
	m.TLSCert, m.TLSKey, m.TokenFile = absolute(base, m.TLSCert), absolute(base, m.TLSKey), absolute(base, m.TokenFile)
	m.Tenants = or(m.Tenants, 1000)
}

func (r *reader) checkMetrics(at place, m Metrics) {
	r.checkListening(at, m.Listen, m.TLSCert, m.TLSKey, "metrics name practices")
	r.notNegative(at.at("tenants"), m.Tenants)
	if host, _, err := net.SplitHostPort(m.Listen); err == nil && !loopback(host) && m.TokenFile == "" {
		r.miss(at.at("listen"), "is not of this machine only, so token_file is needed")
	}
}
