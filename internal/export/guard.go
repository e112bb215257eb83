package export

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A guard keeps connections from addresses where no practice's server is: this
// machine, its own link, where clouds tell machines their secrets, everybody
// at once, nobody. A server may name any host in its answers, and a name may
// lead to another address each time it is asked for, so it is the address that
// is judged, at the moment of connecting. Addresses of private networks are
// practices'.
type guard struct {
	here    bool     // this machine's own addresses are meant
	proxies *proxies // whose addresses are the configuration's, not a server's
}

// An addressError says that a request led to an address where no practice's
// server is. Nothing was sent.
type addressError struct {
	host string // as the request, or the resolved name, had it
	why  string
}

func (e *addressError) Error() string { return e.host + " " + e.why }

// thisMachine is the only refusal that the configuration can lift.
const thisMachine = "is this machine"

// Temporary is false: a name that leads there is wrong, or hostile.
func (e *addressError) Temporary() bool { return false }

// Unwrap marks it for the Bulk Data client: the request was never sent.
func (e *addressError) Unwrap() error { return bulkdata.ErrNotSent }

// cloudSecrets are where clouds tell machines their secrets, beyond the link-local ones.
var cloudSecrets = map[netip.Addr]bool{
	netip.MustParseAddr("fd00:ec2::254"):   true,
	netip.MustParseAddr("100.100.100.200"): true,
}

// thisNetwork is the block whose first address stands for this machine.
var thisNetwork = netip.MustParsePrefix("0.0.0.0/8")

// refuses says why nothing may be sent to an address; "" where it may.
func (g guard) refuses(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	switch {
	case addr.IsLoopback() && !g.here:
		return thisMachine
	case addr.IsUnspecified() || thisNetwork.Contains(addr):
		return "is no address of a server"
	case addr.IsLinkLocalUnicast() || cloudSecrets[addr]:
		return "is an address of this machine's own link"
	case addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "is the address of many"
	}
	return ""
}

// admit judges the resolved address of a connection; what is no IP address is
// not one of a machine.
func (g guard) admit(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil //nolint:nilerr // a socket of another kind
	}
	if why := g.refuses(at.Addr()); why != "" {
		return &addressError{at.Addr().String(), why}
	}
	return nil
}

// control is for net.Dialer: it comes after the name was resolved and before
// the connection is made, for each address.
func (g guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	return g.admit(address)
}

// dial connects as dialer does, and to no address that is refused, unless it
// is a proxy of the configuration.
func (g guard) dial(dialer net.Dialer) Dial {
	guarded := dialer
	guarded.ControlContext = g.control
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if g.proxies.has(addr) {
			return dialer.DialContext(ctx, network, addr)
		}
		return guarded.DialContext(ctx, network, addr)
	}
}

// after is dial where connections are made by somebody else: what they are
// connected to is judged before a byte is sent.
func (g guard) after(dial Dial) Dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if err := g.admit(conn.RemoteAddr().String()); err != nil {
			conn.Close() //nolint:errcheck // nothing was sent
			return nil, err
		}
		return conn, nil
	}
}

// guarded judges the hosts of URLs too, because behind a proxy it is the proxy
// that connects.
type guarded struct {
	guard
	next http.RoundTripper
}

// RoundTrip sends the request, if its host may be one of a practice's server.
func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.name(r.URL.Hostname()); err != nil {
		if r.Body != nil {
			r.Body.Close() //nolint:errcheck // it is not sent
		}
		return nil, err
	}
	return g.next.RoundTrip(r)
}

// name judges the host of a URL as far as it says where it leads.
func (g guard) name(host string) error {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !g.here && (host == "localhost" || strings.HasSuffix(host, ".localhost")) {
		return &addressError{host, thisMachine}
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if why := g.refuses(addr); why != "" {
			return &addressError{host, why}
		}
	}
	return nil
}

// proxies remembers the proxies of the environment that were used.
type proxies struct{ seen sync.Map }

// of gives the proxy for a request, as the environment says.
func (p *proxies) of(r *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(r)
	if u != nil {
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
		}
		p.seen.Store(net.JoinHostPort(u.Hostname(), port), true)
	}
	return u, err
}

func (p *proxies) has(addr string) bool {
	_, ok := p.seen.Load(addr)
	return ok
}

// isHere reports whether the configuration puts a tenant's server on this
// machine.
func (c *Connections) isHere(t *config.Tenant) bool {
	urls := append([]string{t.FHIRBaseURL}, t.AllowedOrigins...)
	if r, ok := c.config.Registration(t); ok {
		urls = append(urls, r.TokenURL)
	}
	elsewhere := guard{}
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil && u.Host != "" && elsewhere.name(u.Hostname()) != nil {
			return true
		}
	}
	return t.AllowHTTP
}

// explainAddress names a request that led to where no practice's server is.
func explainAddress(w Work, e *addressError) *problem.Problem {
	code := problem.ServerUnreachable
	if w.Lease.Kind == Download {
		code = problem.DownloadFailed
	}
	return problem.Wrap(e, code, fmt.Sprintf("the server's name, or a link of the server, leads to %s, which %s; nothing was sent there", e.host, e.why), e.remedy())
}

// remedy says who refused, and what lifts it.
func (e *addressError) remedy() string {
	const check = "Ask the practice or its vendor about the link, and check this machine's name resolution. It is bulkhead itself that refuses the address, no firewall; "
	if e.why == thisMachine {
		return check + "if the server really is on this machine, or at the end of a tunnel that begins on it, name https://localhost in the tenant's allowed_origins."
	}
	return check + "no setting lets requests go there. Addresses of private networks, such as 10.0.0.1 and 192.168.0.1, need no permission."
}

// Withheld reports whether a request was not sent because of the address that
// it would have gone to: bulkhead itself refused it, nothing on the way did.
func Withheld(err error) bool {
	_, ok := errors.AsType[*addressError](err)
	return ok
}
