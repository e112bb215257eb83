package bulkdata

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// A TokenSource gives the access token of one connection (one FHIR base, one
// client identity, one scope set). It is called before every request that
// needs a token and is expected to cache. It must be safe for concurrent use.
//
// A TokenSource that also has the method Invalidate(*oauth2.Token) lets the
// client answer a 401 with one fresh token and one repetition.
type TokenSource interface {
	Token(ctx context.Context) (*oauth2.Token, error)
}

// invalidator is the optional half of a TokenSource. Invalidate drops the
// token if it is still the cached one.
type invalidator interface {
	Invalidate(*oauth2.Token)
}

// A Dialect is the version of the implementation guide that a server speaks.
type Dialect string

// The dialects. The empty Dialect means STU2.
const (
	STU1 Dialect = "stu1" // 1.0.1: GET, comma lists
	STU2 Dialect = "stu2" // 2.0.0: GET, or POST where wanted
	STU3 Dialect = "stu3" // 3.0.0: as STU2, one type filter per parameter, pages
	STU4 Dialect = "stu4" // 4.0.0-ballot: POST of a Parameters resource
)

// A Config says how to speak to one FHIR base. It is plain facts and may be
// filled from a file.
type Config struct {
	// BaseURL is the FHIR base, with or without a trailing slash. It must be
	// https, or http on loopback when Tolerances.LoopbackHTTP is on, and hold
	// neither user, query nor fragment.
	BaseURL string

	// HTTPClient lends its Transport and Jar; its Timeout and CheckRedirect
	// are not used. A Transport must not add an Authorization header of its
	// own; an *http.Transport must verify certificates and want TLS 1.2 or
	// later, and is where a client certificate belongs. Cookies of the Jar go
	// only to the host that set them, and only to allowed origins. Nil means a
	// private transport with Go's defaults and no cookies.
	HTTPClient *http.Client

	// Tokens gives access tokens. Nil means an open server, or one that trusts
	// client certificates: no request carries a token.
	Tokens TokenSource

	// UserAgent is sent with every request; empty means "bulkhead".
	UserAgent string

	// Dialect is the version of the guide; empty means STU2.
	Dialect Dialect

	// AllowedOrigins are the origins ("https://host[:port]"), besides that of
	// BaseURL, that status URLs may be on and that may receive the token for
	// status and file requests.
	AllowedOrigins []string

	// FileRedirect says whether a redirect of a file request is followed; nil
	// follows all that keep to https. One that is not is an *OriginError. The
	// token never follows to another origin. It is called by several goroutines.
	FileRedirect func(from, to *url.URL) bool

	// Tolerances relax the standard by name. The zero value is strict.
	Tolerances Tolerances

	// Limits bound time and memory. Zero fields have the stated defaults.
	Limits Limits
}

// Tolerances are the named ways in which a vendor's server may differ from the
// standard. The zero value tolerates none of them.
type Tolerances struct {
	// LoopbackHTTP permits plain http to a loopback address.
	LoopbackHTTP bool
	// DuplicateOn200 reads a kick-off answer 200 with an OperationOutcome of
	// code duplicate as "an export is running" (eClinicalWorks).
	DuplicateOn200 bool
	// RepeatedParameters sends one parameter per type, element and code instead
	// of a comma list. It has no effect in STU1, which forbids it, nor in STU4,
	// which knows nothing else.
	RepeatedParameters bool
	// HandlingLenient asks the server to ignore parameters it does not know.
	HandlingLenient bool
	// EscapedAmpersands undoes "&amp;" in the query of the manifest's URLs.
	EscapedAmpersands bool
	// TextRequiresAccessToken accepts "true" and "false" as JSON strings.
	TextRequiresAccessToken bool
	// MissingRequiresAccessToken accepts a manifest without the member; tokens
	// then go only to the origin of the FHIR base.
	MissingRequiresAccessToken bool
	// MissingTransactionTime accepts a manifest without the member.
	MissingTransactionTime bool
	// FileAccept replaces the Accept header of file requests; empty means
	// "application/fhir+ndjson".
	FileAccept string
	// ExportOperation is the operation's name in the kick-off path, without
	// "$"; empty means "export".
	ExportOperation string
}

// Limits bound what one call may take. A zero field means the default.
type Limits struct {
	// RequestTimeout bounds each exchange other than a file's body; for a file
	// it bounds the wait for the header. Default 2 minutes.
	RequestTimeout time.Duration
	// StallTimeout is how long a file's body may give no byte. Default 2 minutes.
	StallTimeout time.Duration
	// FileBytes bounds a file or an attachment, as the reader gets it. Default
	// 1 TiB.
	FileBytes int64
	// SlowBytes is how much must come of a body in each ten minutes that are
	// spent waiting for it; less is a transfer that broke. Default 16 KiB;
	// negative means no bound.
	SlowBytes int64
	// FileTime bounds the time spent waiting for one body. Default 7 days.
	FileTime time.Duration
	// ManifestBytes bounds a manifest. Default 64 MiB.
	ManifestBytes int64
	// AnswerBytes bounds every other answer, and how much of an error answer
	// is read. Default 1 MiB.
	AnswerBytes int64
	// Redirects is how many redirects of a GET are followed. Default 5.
	Redirects int
	// DecompressionRatio is how many bytes one byte on the wire may become
	// once a file has grown past 16 MiB. Default 500; negative means no bound.
	DecompressionRatio int
}

// A Client speaks to one FHIR base as one client identity. It is safe for
// concurrent use and keeps no state between calls.
type Client struct {
	base       *url.URL
	transport  http.RoundTripper
	jar        http.CookieJar
	tokens     TokenSource
	userAgent  string
	dialect    Dialect
	origins    map[string]bool
	tolerances Tolerances
	limits     Limits
	redirect   func(from, to *url.URL) bool // of files; nil for any
}

// New checks cfg and returns its client. It sends nothing.
func New(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.BaseURL, cfg.Tolerances.LoopbackHTTP)
	if err != nil {
		return nil, fmt.Errorf("FHIR base: %w", err)
	}
	c := &Client{
		base:       base,
		tokens:     cfg.Tokens,
		userAgent:  cmp.Or(cfg.UserAgent, "bulkhead"),
		dialect:    cmp.Or(cfg.Dialect, STU2),
		origins:    map[string]bool{originOf(base): true},
		tolerances: cfg.Tolerances,
		limits:     cfg.Limits.withDefaults(),
		redirect:   cfg.FileRedirect,
	}
	switch c.dialect {
	case STU1, STU2, STU3, STU4:
	default:
		return nil, fmt.Errorf("dialect: %q is none of stu1, stu2, stu3, stu4", c.dialect)
	}
	for _, text := range cfg.AllowedOrigins {
		u, err := parseBase(text, cfg.Tolerances.LoopbackHTTP)
		if err != nil {
			return nil, fmt.Errorf("allowed origin: %w", err)
		}
		if u.Path != "" {
			return nil, errors.New("allowed origin: it has a path, want only scheme, host and port")
		}
		c.origins[originOf(u)] = true
	}
	if err := c.useTransport(cfg.HTTPClient); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Client) useTransport(h *http.Client) error {
	if h != nil {
		c.transport, c.jar = h.Transport, h.Jar
	}
	if given, ok := c.transport.(*http.Transport); ok && given != nil {
		return checkTLS(given.TLSClientConfig)
	}
	if c.transport != nil {
		return nil
	}
	standard, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return errors.New("HTTP client: the default transport was replaced, give one")
	}
	c.transport = standard.Clone()
	return nil
}

// checkTLS refuses a transport that trusts anybody or speaks old TLS.
func checkTLS(cfg *tls.Config) error {
	switch {
	case cfg == nil:
		return nil
	case cfg.InsecureSkipVerify && cfg.VerifyConnection == nil && cfg.VerifyPeerCertificate == nil:
		return errors.New("HTTP client: it does not verify certificates")
	case cfg.MinVersion != 0 && cfg.MinVersion < tls.VersionTLS12:
		return errors.New("HTTP client: it permits TLS older than 1.2")
	}
	return nil
}

func (l Limits) withDefaults() Limits {
	l.RequestTimeout = cmp.Or(l.RequestTimeout, 2*time.Minute)
	l.StallTimeout = cmp.Or(l.StallTimeout, 2*time.Minute)
	l.FileBytes = cmp.Or(l.FileBytes, 1<<40)
	l.SlowBytes = cmp.Or(l.SlowBytes, 16<<10)
	l.FileTime = cmp.Or(l.FileTime, 7*24*time.Hour)
	l.ManifestBytes = cmp.Or(l.ManifestBytes, 64<<20)
	l.AnswerBytes = cmp.Or(l.AnswerBytes, 1<<20)
	l.Redirects = cmp.Or(l.Redirects, 5)
	l.DecompressionRatio = cmp.Or(l.DecompressionRatio, 500)
	return l
}
