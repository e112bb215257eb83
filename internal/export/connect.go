package export

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// Connections keeps one client for each tenant and type set, so that tokens
// are shared by all requests that may use them and by no other tenant (I7).
type Connections struct {
	config *config.Config
	store  *store.Store    // nil: requests are not counted
	base   *http.Transport // to practices' servers
	here   *http.Transport // to servers on this machine, for the tenants that have them there
	dial   Dial            // as given to Use; nil for the machine's own network

	answered Answered                                       // as given to Tell; nil when nobody is told
	circuits *Circuits                                      // as given to Guard; nil: every request may leave
	around   func(next http.RoundTripper) http.RoundTripper // as given to Around; nil for nothing

	mu      sync.Mutex
	clients map[string]*Connection
}

// A Connection is a tenant's Bulk Data client with its token source.
type Connection struct {
	Client *bulkdata.Client
	Tokens *smart.TokenSource // nil when the server is open
	HTTP   *http.Client
}

// NewConnections makes the tenants' connections as they are needed. With a
// store, requests are counted in its rate windows. The error is a problem of
// the configured certificates.
func NewConnections(c *config.Config, s *store.Store) (*Connections, error) {
	roots, err := trusted(c.TLS.CAFile)
	if err != nil {
		return nil, err
	}
	return &Connections{
		config: c, store: s, clients: map[string]*Connection{}, base: newTransport(roots, false), here: newTransport(roots, true),
	}, nil
}

// NewHTTPClient makes a client for a service of the house itself, such as a
// Vault: it trusts what the connections to practices trust.
func NewHTTPClient(c *config.Config) (*http.Client, error) {
	roots, err := trusted(c.TLS.CAFile)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: newTransport(roots, true), Timeout: time.Minute}, nil
}

// mostHeader bounds the header of an answer, in bytes.
const mostHeader = 1 << 20

// newTransport makes the connections of many tenants; here says that they lead
// to this machine.
func newTransport(roots *x509.CertPool, here bool) *http.Transport {
	g := guard{here, new(proxies)}
	return &http.Transport{
		Proxy:                  g.proxies.of,
		DialContext:            g.dial(net.Dialer{Timeout: 20 * time.Second, KeepAlive: 30 * time.Second}),
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    20 * time.Second,
		ResponseHeaderTimeout:  2 * time.Minute,
		MaxResponseHeaderBytes: mostHeader,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    8,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
	}
}

// way gives the connections of a tenant: those to this machine only where the
// configuration puts the tenant's server there.
func (c *Connections) way(t *config.Tenant) http.RoundTripper {
	if c.isHere(t) {
		return guarded{guard{here: true}, c.here}
	}
	return guarded{guard{}, c.base}
}

// A Dial opens network connections in the place of the machine's own network.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Use makes every connection by dial, and none by a proxy. It is called before
// the first request.
func (c *Connections) Use(dial Dial) {
	c.dial = dial
	c.base.DialContext, c.base.Proxy = guard{}.after(dial), nil
	c.here.DialContext, c.here.Proxy = guard{here: true}.after(dial), nil
}

func trusted(file string) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if file == "" {
		return roots, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, problem.Wrap(err, problem.ConfigMissing, "the file of trusted certificates "+file+" cannot be read", "Put the file there, or correct tls.ca_file in the configuration.")
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, problem.New(problem.ConfigInvalid, "the file of trusted certificates "+file+" holds no PEM certificate", "Correct tls.ca_file in the configuration.")
	}
	return roots, nil
}

// Client gives the tenant's Bulk Data client for exports of these types.
func (c *Connections) Client(t *config.Tenant, types []string) (*bulkdata.Client, error) {
	conn, err := c.To(t, types)
	if err != nil {
		return nil, err
	}
	return conn.Client, nil
}

// To gives the tenant's connection for exports of these types. Nothing is sent.
func (c *Connections) To(t *config.Tenant, types []string) (*Connection, error) {
	key := t.ID + " " + strings.Join(types, ",")
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn, ok := c.clients[key]; ok {
		return conn, nil
	}
	conn, err := c.connect(t, types)
	if err != nil {
		return nil, err
	}
	c.clients[key] = conn
	return conn, nil
}

// Keyless gives a client that can only plan: it has no key and sends nothing.
func (c *Connections) Keyless(t *config.Tenant) (*bulkdata.Client, error) {
	return newClient(t, c.clientConfig(t, &http.Client{Transport: c.base}))
}

func (c *Connections) clientConfig(t *config.Tenant, client *http.Client) bulkdata.Config {
	profile := c.config.Profile(t)
	dialect, _ := c.config.Dialect(t)
	return bulkdata.Config{
		BaseURL: t.FHIRBaseURL, HTTPClient: client, Dialect: bulkdata.Dialect(dialect), AllowedOrigins: t.AllowedOrigins,
		Limits:       bulkdata.Limits{FileBytes: int64(c.config.Limits.FileBytes)},
		FileRedirect: func(from, to *url.URL) bool { return c.config.FollowsRedirect(t, from, to) },
		Tolerances: bulkdata.Tolerances{
			LoopbackHTTP:               t.AllowHTTP,
			DuplicateOn200:             profile.Tolerates(config.Duplicate200),
			RepeatedParameters:         profile.Tolerates(config.RepeatedParameters),
			HandlingLenient:            profile.Tolerates(config.LenientHandling),
			EscapedAmpersands:          profile.Tolerates(config.AmpEscape),
			TextRequiresAccessToken:    profile.Tolerates(config.TokenFlagText),
			MissingRequiresAccessToken: profile.Tolerates(config.TokenFlagMissing),
			MissingTransactionTime:     profile.Tolerates(config.TransactionTimeMissing),
			FileAccept:                 profile.AcceptFile,
			ExportOperation:            profile.Operation,
		},
	}
}

func newClient(t *config.Tenant, cfg bulkdata.Config) (*bulkdata.Client, error) {
	client, err := bulkdata.New(cfg)
	if err != nil {
		return nil, problem.Wrap(err, problem.ConfigInvalid, "the server's URLs cannot be used", "Correct fhir_base_url or allowed_origins in the tenant's configuration.").For(t.ID)
	}
	return client, nil
}

func (c *Connections) connect(t *config.Tenant, types []string) (*Connection, error) {
	conn := &Connection{HTTP: &http.Client{Transport: c.transport(t)}}
	profile := c.config.Profile(t)
	if profile.KeepsCookies() {
		conn.HTTP.Jar = newJar(t.FHIRBaseURL)
	}
	cfg := c.clientConfig(t, conn.HTTP)
	if registration, ok := c.config.Registration(t); ok {
		tokens, err := c.tokens(t, types, registration, conn.HTTP)
		if err != nil {
			return nil, problem.Of(err).For(t.ID)
		}
		conn.Tokens = tokens
		cfg.Tokens = conn.Tokens
	}
	client, err := newClient(t, cfg)
	if err != nil {
		return nil, err
	}
	conn.Client = client
	return conn, nil
}
