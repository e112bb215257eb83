package smart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	wellKnown            = "/.well-known/smart-configuration"
	maxConfiguration     = 1 << 20
	maxDiscoveryHops     = 5
	discoveryTimeout     = 30 * time.Second
	methodPrivateKeyJWT  = "private_key_jwt"
	grantClientPrincipal = "client_credentials"
)

// A Configuration is what a server says about its authorization. Endpoints are
// absolute. Lists are nil when the server leaves them out.
type Configuration struct {
	Issuer                string
	JWKSURI               string
	TokenEndpoint         string // always there
	AuthorizationEndpoint string
	IntrospectionEndpoint string
	RevocationEndpoint    string

	GrantTypes        []string // grant_types_supported
	AuthMethods       []string // token_endpoint_auth_methods_supported
	SigningAlgorithms []string // token_endpoint_auth_signing_alg_values_supported
	Scopes            []string // scopes_supported; never complete
	Capabilities      []string

	// Associated are the endpoints that are said to share this authorization
	// (associated_endpoints). Nothing is ever sent to them because of it.
	Associated []AssociatedEndpoint

	// Relative names the members whose URL was relative, against the standard.
	Relative []string
}

// An AssociatedEndpoint is one item of associated_endpoints, an experiment of
// SMART App Launch 2.2.
type AssociatedEndpoint struct {
	URL          string   `json:"url"`
	Capabilities []string `json:"capabilities"`
}

// ErrNotPublished says that the server has no SMART configuration (404 or
// 410). A token endpoint may still be configured by hand.
var ErrNotPublished = errors.New("no SMART configuration is published")

// A DiscoveryError is a failed discovery.
type DiscoveryError struct {
	// URL is where the document was looked for.
	URL string
	// Status is the HTTP status, 0 when no answer came.
	Status int
	// RetryAfter is the wait that the server asks for, 0 for none.
	RetryAfter time.Duration
	// Err is the cause.
	Err error
}

// Error says where and why.
func (e *DiscoveryError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("read SMART configuration at %s: %v", e.URL, e.Err)
	}
	return fmt.Sprintf("read SMART configuration at %s: status %d: %v", e.URL, e.Status, e.Err)
}

// Unwrap returns the cause.
func (e *DiscoveryError) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later by itself.
func (e *DiscoveryError) Temporary() bool { return isWeather(e.Status, e.Err) }

// Discover reads the SMART configuration of the FHIR base. The well-known path
// is appended to the whole base. base must be https, or http on loopback.
//
// client lends its Transport and Jar; nil means a private transport. No token
// is sent. Redirects are followed, never to plain http. The error is a
// [*DiscoveryError], or plain for a base that is no usable URL.
func Discover(ctx context.Context, client *http.Client, base string) (*Configuration, error) {
	b, err := parseEndpoint(base, true)
	if err == nil && b.RawQuery != "" {
		err = errors.New("it has a query")
	}
	if err != nil {
		return nil, fmt.Errorf("FHIR base: %w", err)
	}
	target := strings.TrimRight(base, "/") + wellKnown
	status, wait, text, err := fetch(ctx, client, target)
	if err == nil {
		var c *Configuration
		if c, err = ParseConfiguration(text, base); err == nil {
			return c, nil
		}
	}
	return nil, &DiscoveryError{URL: target, Status: status, RetryAfter: wait, Err: err}
}

// fetch gets a bounded document.
func fetch(ctx context.Context, client *http.Client, target string) (int, time.Duration, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	own := http.Client{CheckRedirect: checkDiscoveryHop}
	if client != nil {
		own.Transport, own.Jar = client.Transport, client.Jar
	}
	if own.Transport == nil {
		own.Transport = privateTransport()
		defer own.CloseIdleConnections()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return 0, 0, nil, errors.New("the address is not a URL")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := own.Do(req)
	if err != nil {
		return 0, 0, nil, withoutURL(err)
	}
	defer resp.Body.Close()
	wait := retryAfter(resp.Header, time.Now())
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return resp.StatusCode, wait, nil, ErrNotPublished
	case resp.StatusCode != http.StatusOK:
		return resp.StatusCode, wait, nil, errors.New("the server refuses")
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxConfiguration+1))
	if err != nil {
		return 0, wait, nil, errBroken
	}
	if len(text) > maxConfiguration {
		err = fmt.Errorf("the document is larger than %d bytes", maxConfiguration)
	}
	return resp.StatusCode, wait, text, err
}

var errHop = errors.New("a redirect leads away from https, or there are too many")

func checkDiscoveryHop(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxDiscoveryHops || next.URL.Scheme != "https" && first.Scheme == "https" {
		return errHop
	}
	_, err := parseEndpoint(next.URL.String(), true)
	return err
}

// ParseConfiguration reads a SMART configuration of the FHIR base. Unknown
// members are ignored. A relative endpoint is resolved against base, as a URL
// reference is. A missing token endpoint and a member of the wrong type are
// errors that name the member.
func ParseConfiguration(text []byte, base string) (*Configuration, error) {
	var members map[string]jsontext.Value
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, errors.New("the document is not a JSON object")
	}
	p := configurationParser{members: members}
	p.base, p.err = url.Parse(base)
	if p.err != nil {
		return nil, errors.New("the FHIR base is not a URL")
	}
	c := &Configuration{
		Issuer:            p.text("issuer"),
		GrantTypes:        p.list("grant_types_supported"),
		AuthMethods:       p.list("token_endpoint_auth_methods_supported"),
		SigningAlgorithms: p.list("token_endpoint_auth_signing_alg_values_supported"),
		Scopes:            p.list("scopes_supported"),
		Capabilities:      p.list("capabilities"),
	}
	p.read("associated_endpoints", &c.Associated, "a list of endpoints")
	c.TokenEndpoint = p.endpoint("token_endpoint")
	c.JWKSURI = p.endpoint("jwks_uri")
	c.AuthorizationEndpoint = p.endpoint("authorization_endpoint")
	c.IntrospectionEndpoint = p.endpoint("introspection_endpoint")
	c.RevocationEndpoint = p.endpoint("revocation_endpoint")
	c.Relative = p.relative
	if p.err == nil && c.TokenEndpoint == "" {
		p.err = errors.New("token_endpoint is missing")
	}
	if p.err != nil {
		return nil, p.err
	}
	return c, nil
}

type configurationParser struct {
	members  map[string]jsontext.Value
	base     *url.URL
	relative []string
	err      error // the first one
}

func (p *configurationParser) read(name string, into any, want string) {
	value := p.members[name]
	if len(value) == 0 || value.Kind() == 'n' || p.err != nil {
		return
	}
	if json.Unmarshal(value, into) != nil {
		p.err = fmt.Errorf("%s is not %s", name, want)
	}
}

func (p *configurationParser) text(name string) (text string) {
	p.read(name, &text, "a text")
	return text
}

func (p *configurationParser) list(name string) (list []string) {
	p.read(name, &list, "a list of texts")
	return list
}

func (p *configurationParser) endpoint(name string) string {
	text := strings.TrimSpace(p.text(name))
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil {
		p.err = fmt.Errorf("%s is not a URL", name)
		return ""
	}
	if u.IsAbs() {
		return text
	}
	p.relative = append(p.relative, name)
	return p.base.ResolveReference(u).String()
}

// SelectKey chooses among keys as [SelectKey] does, by what the server lists.
func (c *Configuration) SelectKey(keys ...*Key) (*Key, error) {
	return SelectKey(c.SigningAlgorithms, keys...)
}

// Refuses names the list by which the server says that it takes no assertions
// signed by a private key; empty when it says nothing of the kind.
func (c *Configuration) Refuses() string {
	if c.AuthMethods != nil && !slices.Contains(c.AuthMethods, methodPrivateKeyJWT) {
		return "token_endpoint_auth_methods_supported"
	}
	return ""
}

// Warnings says, in our words, what in c speaks against backend services.
// Servers' documents are often wrong about themselves: warn, do not stop.
func (c *Configuration) Warnings() []string {
	var list []string
	if !slices.Contains(c.GrantTypes, grantClientPrincipal) {
		list = append(list, "grant_types_supported does not list client_credentials")
	}
	if name := c.Refuses(); name != "" {
		list = append(list, name+" does not list "+methodPrivateKeyJWT)
	}
	for _, name := range c.Relative {
		list = append(list, name+" is a relative URL")
	}
	return list
}
