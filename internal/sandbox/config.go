package sandbox

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"time"
)

// A Config says which practices a Server plays and how.
type Config struct {
	// Addr, TokenAddr and StorageAddr are where the FHIR server, the token
	// server and the storage for output files listen; empty means a free port
	// on 127.0.0.1.
	Addr, TokenAddr, StorageAddr string
	// Listen, when set, opens the listeners in their place: it is asked for
	// "FHIR", "tokens" and "storage". The address of what it returns is the
	// host and port by which clients call it.
	Listen func(what string) (net.Listener, error)

	// Plain serves http instead of https. It is refused unless all addresses
	// are loopback addresses.
	Plain bool
	// Expired makes the FHIR server show a certificate that ran out yesterday.
	Expired bool
	// HTTP2 offers HTTP/2 beside HTTP/1.1 where TLS is used.
	HTTP2 bool
	// CAFile, when set, is where Start writes the CA's certificate (PEM).
	CAFile string

	Practices []Practice
	Clients   []Client

	// Token is how the shared token server behaves; nil means ECW's way.
	Token *TokenKnobs

	// TimeScale is how much faster the sandbox's time runs than ours: 60 makes
	// an hour a minute. It divides every duration of Knobs: Retry-After, the
	// length of an export, a token's life, the rate window. 0 means 1.
	TimeScale float64

	// Epoch, when set, is the practices' own time when the server starts; from
	// there it runs TimeScale times as fast as ours, and Advance moves it on.
	// It never overtakes the real time. When zero it is the real time.
	Epoch time.Time

	// JWKSRoots verifies the hosts of clients' JWKS URLs; nil means the
	// system's roots.
	JWKSRoots *x509.CertPool
}

// A Practice is one FHIR base URL with its records.
type Practice struct {
	Code    string // practice code: a path segment of the base URL
	Name    string
	Profile Profile
	Groups  []Group
	Source  Source

	// Open needs no token: only for profile Standard.
	Open bool
	// Knobs is how the practice's server behaves; nil means its profile's
	// preset.
	Knobs *Knobs
}

// A Group is a static cohort of a practice.
type Group struct {
	ID         string // Group.id
	Identifier string // the portal's UUID, which an ecw practice exports by; empty means ID
	Name       string

	// Member says whether a patient's records belong to the group; nil means
	// that all do. Types of Knobs.Admin are never limited by it.
	Member func(patientID string) bool
}

// A Client is a backend service that the token server knows. Exactly one of
// JWKSURL, JWKS and PublicKeyPEM is set.
type Client struct {
	ID string

	JWKSURL      string // https, or http on loopback
	JWKS         []byte // a JWK Set
	PublicKeyPEM []byte // one PKIX public key, which answers to any kid

	// Scopes are what the client may ask for; nil means everything that the
	// token endpoint offers.
	Scopes []string
	// Practices are the codes of the practices that activated the client; nil
	// means all of them.
	Practices []string
}

// A Profile names a family of servers.
type Profile string

// The profiles. A profile decides the shape of the URLs and the preset of
// knobs; everything else is a knob.
const (
	ProfileECW      Profile = "ecw"      // eClinicalWorks: group export, STU1
	ProfileStandard Profile = "standard" // Bulk Data STU2 to the letter
)

var pathSegment = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]*$`)

func (c Config) check() error {
	if len(c.Practices) == 0 {
		return errors.New("the sandbox has no practice")
	}
	if c.TimeScale < 0 {
		return fmt.Errorf("time scale %g is negative", c.TimeScale)
	}
	for _, addr := range []string{c.Addr, c.TokenAddr, c.StorageAddr} {
		if c.Plain && !isLoopback(addr) {
			return fmt.Errorf("plain http is only for loopback addresses, not %s", addr)
		}
	}
	seen := map[string]bool{}
	for _, p := range c.Practices {
		if err := p.check(); err != nil {
			return fmt.Errorf("practice %q: %w", p.Code, err)
		}
		if seen[p.Code] {
			return fmt.Errorf("practice %q is there twice", p.Code)
		}
		seen[p.Code] = true
	}
	if c.Token != nil {
		if err := c.Token.check(); err != nil {
			return err
		}
	}
	for _, cl := range c.Clients {
		for _, code := range cl.Practices {
			if !seen[code] {
				return fmt.Errorf("client %q is activated by an unknown practice %q", cl.ID, code)
			}
		}
	}
	return nil
}

func (p Practice) check() error {
	switch {
	case !pathSegment.MatchString(p.Code):
		return errors.New("the code is no path segment")
	case p.Source == nil:
		return errors.New("it has no source of records")
	case p.Profile != ProfileECW && p.Profile != ProfileStandard:
		return fmt.Errorf("unknown profile %q", p.Profile)
	case p.Open && p.Profile != ProfileStandard:
		return fmt.Errorf("only profile %q can be open", ProfileStandard)
	}
	if p.Knobs != nil {
		if err := p.Knobs.check(); err != nil {
			return err
		}
	}
	ids := map[string]bool{}
	for _, g := range p.Groups {
		if !pathSegment.MatchString(g.ID) || (g.Identifier != "" && !pathSegment.MatchString(g.Identifier)) {
			return fmt.Errorf("group id %q or identifier %q is no path segment", g.ID, g.Identifier)
		}
		if ids[g.exportID(p.Profile)] {
			return fmt.Errorf("group %q is there twice", g.ID)
		}
		ids[g.exportID(p.Profile)] = true
	}
	return nil
}

// exportID is the id that $export wants in its path: an ecw practice knows
// its groups by the portal's UUID, everybody else by Group.id.
func (g Group) exportID(p Profile) string {
	if p == ProfileECW && g.Identifier != "" {
		return g.Identifier
	}
	return g.ID
}

func (p Practice) group(exportID string) (Group, bool) {
	i := slices.IndexFunc(p.Groups, func(g Group) bool { return g.exportID(p.Profile) == exportID })
	if i < 0 {
		return Group{}, false
	}
	return p.Groups[i], true
}

// isLoopback reports whether addr, a host:port, can only be reached from this
// machine. The empty addr is: it means a port on 127.0.0.1.
func isLoopback(addr string) bool {
	if addr == "" {
		return true
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	return isLoopbackHost(host)
}

func isLoopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
