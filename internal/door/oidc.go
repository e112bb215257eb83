package door

import (
	"cmp"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/time/rate"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// How the identity provider is asked.
const (
	providerWaits  = 10 * time.Second // for one answer
	providerAnswer = 1 << 20          // bytes of one
	providerHolds  = 24 * time.Hour   // what it says of itself is read anew
	providerPause  = 10 * time.Second // after it could not be asked, and between looks at its keys
	providerLooks  = 5                // at its keys, at once
)

// A provider is the identity provider of the configuration. What it says of
// itself is read when somebody first signs in, so that this bulkhead starts
// without it. It is safe for concurrent use.
//
// Authorization code flow with PKCE: https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
type provider struct {
	conf   *config.OIDC
	back   string // where it sends people
	after  string // where it sends them when they have signed out
	client *http.Client
	keys   *http.Client // reads its keys: whoever sends a token that is not signed by them has us look again

	mu     sync.Mutex
	known  *discovered
	failed time.Time
	why    error
}

// discovered is what the provider says of itself.
type discovered struct {
	at         time.Time
	endpoint   oauth2.Endpoint
	verifier   *oidc.IDTokenVerifier
	endSession string // where people sign out there; or empty
	saysIssuer bool   // its answers name the issuer (RFC 9207)
}

// newProvider makes a provider. The error is the problem of its ca_file.
func newProvider(w config.Web) (*provider, error) {
	roots, err := w.OIDC.Roots()
	if err != nil {
		return nil, err
	}
	answers := shortAnswers{&http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: providerWaits, DisableKeepAlives: true, // it is asked now and then
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
	asking := func(by http.RoundTripper) *http.Client {
		return &http.Client{Timeout: providerWaits, Transport: by, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &provider{
		conf: w.OIDC, back: w.URL + "/sign-in/provider/back", after: w.URL + "/sign-in",
		client: asking(answers), keys: asking(seldom{answers, rate.NewLimiter(rate.Every(providerPause), providerLooks)}),
	}, nil
}

// seldom asks so often at most. What it is not asked for, it gave a moment ago.
type seldom struct {
	http.RoundTripper

	limit *rate.Limiter
}

func (s seldom) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.limit.Allow() {
		return nil, errors.New("asked a moment ago")
	}
	return s.RoundTripper.RoundTrip(r)
}

// shortAnswers cuts answers that are longer than any of a provider.
type shortAnswers struct{ http.RoundTripper }

func (t shortAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, providerAnswer), answer.Body}
	}
	return answer, err
}

// discover reads what the provider says of itself, or gives what it said. When
// it cannot be asked, what it said last still counts.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.known != nil && now.Sub(p.known.at) < providerHolds {
		return p.known, nil
	}
	if now.Sub(p.failed) < providerPause {
		return p.known, p.why
	}
	d, err := p.ask(ctx)
	if err == nil {
		p.known = d
		return d, nil
	}
	if p.failed = now; p.known != nil {
		return p.known, nil
	}
	p.why = problem.Wrap(err, problem.IdentityProvider, "the identity provider "+p.conf.Issuer+" does not say how people sign in there",
		"Check web.oidc.issuer and that this machine reaches it. People with a password of this bulkhead can sign in meanwhile.")
	return nil, p.why
}

func (p *provider) ask(ctx context.Context) (*discovered, error) {
	ctx = oidc.ClientContext(context.WithoutCancel(ctx), p.client) // its keys are read with it later, too
	found, err := oidc.NewProvider(ctx, p.conf.Issuer)
	if err != nil {
		return nil, errors.New("discovery failed") // the text may quote a page of the provider
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
		SaysIssuer bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, errors.New("what it says of itself cannot be read")
	}
	if webURL(more.EndSession) == "" {
		more.EndSession = ""
	}
	return &discovered{
		at: time.Now(), endpoint: found.Endpoint(), endSession: more.EndSession, saysIssuer: more.SaysIssuer,
		verifier: found.VerifierContext(oidc.ClientContext(ctx, p.keys), &oidc.Config{ClientID: p.conf.ClientID}),
	}, nil
}

// asClient is this bulkhead as the provider knows it.
func (p *provider) asClient(d *discovered) (*oauth2.Config, error) {
	secret, err := p.conf.ClientSecret()
	if err != nil {
		return nil, err
	}
	return &oauth2.Config{
		ClientID: p.conf.ClientID, ClientSecret: secret.Reveal(), Endpoint: d.endpoint, RedirectURL: p.back,
		Scopes: append([]string{oidc.ScopeOpenID}, p.conf.Scopes...),
	}, nil
}

// lead gives where a person signs in, for a flow that began in their browser.
func (p *provider) lead(ctx context.Context, f flow) (string, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	client, err := p.asClient(d)
	if err != nil {
		return "", err
	}
	asks := []oauth2.AuthCodeOption{oidc.Nonce(f.nonce()), oauth2.S256ChallengeOption(f.verifier())}
	if f.again {
		asks = append(asks, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return client.AuthCodeURL(f.state(), asks...), nil
}

// claims are what an ID token says of a person.
type claims struct {
	Subject  string
	Session  string // as the provider names it; or empty
	Expires  time.Time
	SignedIn time.Time // when they showed who they are; zero: it does not say
	All      map[string]any
}

// take exchanges the code of an answer for an ID token, and checks it for the
// flow that it ends. The errors are problems, and hold nothing that the
// provider wrote but its error's code.
func (p *provider) take(ctx context.Context, f flow, answer func(string) string) (c claims, err error) {
	d, err := p.discover(ctx)
	if err != nil {
		return c, err
	}
	if issuer := answer("iss"); issuer != "" && issuer != p.conf.Issuer || issuer == "" && d.saysIssuer {
		return c, refusal("the answer comes from another identity provider than the one that was asked", nil)
	}
	if code := answer("error"); code != "" {
		return c, refusal("the identity provider did not let you in"+quoted(code), nil)
	}
	client, err := p.asClient(d)
	if err != nil {
		return c, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), 2*providerWaits)
	defer cancel()
	token, err := client.Exchange(ctx, answer("code"), oauth2.VerifierOption(f.verifier()))
	if err != nil {
		return c, exchangeFailed(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return c, unusable("its ID token is not signed by its keys for this bulkhead, or no longer good", err)
	}
	return p.checked(f, id, token)
}

// checked checks what the library leaves to us of an ID token that is signed.
func (p *provider) checked(f flow, id *oidc.IDToken, token *oauth2.Token) (c claims, err error) {
	c = claims{Subject: p.conf.Issuer + " " + id.Subject, Expires: id.Expiry}
	var more struct {
		Party    string `json:"azp"`
		Session  string `json:"sid"`
		SignedIn int64  `json:"auth_time"`
	}
	if err := errors.Join(id.Claims(&more), id.Claims(&c.All)); err != nil {
		return c, unusable("its ID token cannot be read", err)
	}
	if c.Session = more.Session; more.SignedIn > 0 {
		c.SignedIn = time.Unix(more.SignedIn, 0)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.nonce())) != 1:
		return c, unusable("its ID token is not for this sign-in", nil)
	case id.Subject == "" || len(id.Subject) > 255 || len(c.Session) > 255:
		return c, unusable("its ID token names nobody", nil)
	case more.Party != "" && more.Party != p.conf.ClientID, more.Party == "" && len(id.Audience) > 1:
		return c, unusable("its ID token is for another program too", nil)
	case id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil:
		return c, unusable("its ID token belongs to another access token", nil)
	}
	return c, nil
}

// signedOut reads a logout token: whose sessions end, and which, empty for all.
// https://openid.net/specs/openid-connect-backchannel-1_0.html
func (p *provider) signedOut(ctx context.Context, raw string) (subject, session string, err error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), providerWaits)
	defer cancel()
	t, err := d.verifier.VerifyLogout(ctx, raw)
	if err != nil {
		return "", "", unusable("its logout token is not signed by its keys for this bulkhead, or no longer good", err)
	}
	if t.Subject == "" {
		return "", t.SessionID, nil
	}
	return p.conf.Issuer + " " + t.Subject, t.SessionID, nil
}

var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// quoted gives an error's code of the provider, when it is one.
func quoted(code string) string {
	if !errorCode.MatchString(code) {
		return ""
	}
	return " (" + code + ")"
}

func exchangeFailed(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return unusable("it gave no token for the code"+quoted(refused.ErrorCode), nil)
	}
	return unusable("its token endpoint did not answer as it should", nil)
}

// unusable says that the provider's answer cannot be used. Why the library says
// so goes to the log, for it names keys and claims, never tokens.
func unusable(what string, why error) error {
	return problem.Wrap(cmp.Or(why, fmt.Errorf("the answer was refused")), problem.IdentityProvider, "the identity provider's answer cannot be used: "+what,
		"Sign in again. If it stays so, an admin compares web.oidc with what is registered at the provider, and the clocks of both machines.")
}

// refusal says that somebody is not let in.
func refusal(what string, err error) error {
	return problem.Wrap(err, problem.SignInRefused, what, "Sign in again; if it stays so, ask whoever gives roles at the identity provider.")
}
