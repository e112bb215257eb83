package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

type healthCommand struct {
	Ready   bool            `help:"Whether exports can be started and recorded, in place of whether a restart would help."`
	Timeout config.Duration `default:"5s" help:"How long to wait for the answer."`
}

// Run asks the bulkhead that runs on this machine how it is, for supervisors
// that know commands only, such as a container's health check. It needs
// metrics.listen, and nothing of the ledger.
func (c *healthCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	client, base, err := besideMetrics(cfg.Metrics)
	if err != nil {
		return err
	}
	path := "/healthz"
	if c.Ready {
		path = "/readyz"
	}
	ctx, stop := context.WithTimeout(ctx, c.Timeout.Std())
	defer stop()
	said, ok, err := ask(ctx, client, base+path)
	if err != nil {
		return problem.Wrap(err, problem.NotRunning, "nothing answers at "+base+path, "Start bulkhead run, or look at its log for why it ended.")
	}
	if !ok {
		return problem.New(problem.NotRunning, "bulkhead run says that it is not well: "+said, "Look at its log; docs/metrics.md says what it looks at.")
	}
	g.printf("%s\n", said)
	return nil
}

// ask gives the first line of an answer, and whether it is 200.
func ask(ctx context.Context, client *http.Client, url string) (said string, ok bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", false, err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", false, err
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 1024))
	said, _, _ = strings.Cut(strings.TrimSpace(string(text)), "\n")
	return said, res.StatusCode == http.StatusOK, errors.Join(err, res.Body.Close())
}

// besideMetrics gives a client of the address where metrics, health and
// readiness are served, as it is reached from this machine. With TLS it trusts
// the configured certificate and no other.
func besideMetrics(m config.Metrics) (*http.Client, string, error) {
	if m.Listen == "" {
		return nil, "", problem.New(problem.ConfigInvalid, "the configuration has no metrics.listen, where bulkhead run tells how it is",
			"Add metrics: {listen: \"127.0.0.1:9464\"}.")
	}
	host, port, err := net.SplitHostPort(m.Listen)
	if err != nil {
		return nil, "", fmt.Errorf("read metrics.listen: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	transport := &http.Transport{Proxy: nil, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if m.TLSCert == "" {
		return client, "http://" + net.JoinHostPort(host, port), nil
	}
	text, err := os.ReadFile(m.TLSCert)
	if err != nil {
		return nil, "", problem.Wrap(err, problem.ConfigInvalid, "metrics.tls_cert cannot be read", "Make the file readable for the user who asks.")
	}
	trusted, name := trustOnly(text, host)
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted, ServerName: name}
	return client, "https://" + net.JoinHostPort(host, port), nil
}

// trustOnly gives the certificates of a PEM text as the only ones that are
// trusted, and a name that the first of them is good for.
func trustOnly(text []byte, otherwise string) (*x509.CertPool, string) {
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(text)
	block, _ := pem.Decode(text)
	if block == nil {
		return trusted, otherwise
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		return trusted, otherwise
	case len(leaf.DNSNames) > 0:
		return trusted, strings.Replace(leaf.DNSNames[0], "*", "health", 1)
	case len(leaf.IPAddresses) > 0:
		return trusted, leaf.IPAddresses[0].String()
	}
	return trusted, otherwise
}
