package checkup

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

const (
	// worthAWord is the difference of clocks that servers begin to mind.
	worthAWord = 30 * time.Second
	// tooMuch is the difference at which an assertion of some minutes is over
	// before it arrives, or not yet valid.
	tooMuch = 4 * time.Minute
)

// A visit is what one request showed of the way to the server.
type visit struct {
	host      string
	proxy     string // host of the proxy in between, if any
	addresses []string
	lookup    error
	state     *tls.ConnectionState
	sent, got time.Time
	date      string
	err       error
}

// reach makes one small request and looks at name, connection and clock. It
// reports whether the server answers at all.
func (c *check) reach(ctx context.Context) bool {
	v, err := c.visit(ctx)
	if err != nil {
		c.fail("connection", export.Explain(c.Tenant, err))
		return false
	}
	c.name(v)
	if v.err != nil {
		c.unreached(v)
		return false
	}
	c.transport(v)
	c.clock(v)
	return true
}

func (c *check) visit(ctx context.Context) (*visit, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Tenant.FHIRBaseURL+"/.well-known/smart-configuration", nil)
	if err != nil {
		return nil, err
	}
	v := &visit{host: request.URL.Hostname()}
	if proxy, err := http.ProxyFromEnvironment(request); err == nil && proxy != nil {
		v.proxy = proxy.Host
	}
	trace := &httptrace.ClientTrace{
		DNSDone: func(i httptrace.DNSDoneInfo) {
			v.lookup = i.Err
			for _, a := range i.Addrs {
				v.addresses = append(v.addresses, a.String())
			}
		},
	}
	request = request.WithContext(httptrace.WithClientTrace(ctx, trace))
	request.Header.Set("Accept", "application/json")
	once := http.Client{Transport: c.http.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	v.sent = time.Now()
	answer, err := once.Do(request)
	v.got = time.Now()
	if err != nil {
		v.err = err
		return v, nil
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16)); err != nil {
		v.err = err
	}
	v.state, v.date = answer.TLS, answer.Header.Get("Date")
	return v, nil
}

// name tells of the lookup of the server's name.
func (c *check) name(v *visit) {
	_, literal := netip.ParseAddr(v.host)
	switch {
	case v.proxy != "":
		c.good("dns", v.host+" is reached by the proxy "+v.proxy+", which looks it up")
	case literal == nil:
		c.good("dns", v.host+" is an address, no name")
	case len(v.addresses) > 0:
		c.good("dns", v.host+" is "+list(v.addresses, 3))
	}
}

// unreached tells why there was no answer.
func (c *check) unreached(v *visit) {
	p := export.Explain(c.Tenant, v.err)
	if unknown, ok := errors.AsType[*net.DNSError](v.err); ok {
		p.Remedy = "Check the spelling of fhir_base_url, and whether this machine can look up other names."
		c.failed("dns", "the name "+unknown.Name+" does not resolve", p)
		return
	}
	if p.Code == problem.TLSFailed {
		c.failed("tls", p.Summary+certificateTrouble(v.err), p)
		return
	}
	if export.Withheld(v.err) { // the problem says so, and what lifts it
		c.failed("address", p.Summary, p)
		return
	}
	if _, ok := errors.AsType[*export.Later](v.err); !ok {
		p.Remedy = "Check host and port of fhir_base_url, and whether a firewall or a list of allowed addresses at the practice stands between."
	}
	c.failed("connection", p.Summary, p)
}

// certificateTrouble adds what the certificate itself says.
func certificateTrouble(err error) string {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Cert != nil {
		return fmt.Sprintf(": it is good from %s to %s", day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter))
	}
	if other, ok := errors.AsType[x509.HostnameError](err); ok && other.Certificate != nil {
		return fmt.Sprintf(": it is for %s, not for %s", nameOf(other.Certificate), other.Host)
	}
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok && unknown.Cert != nil {
		return ": it was issued by " + issuerOf(unknown.Cert)
	}
	return ""
}

// transport tells of the encryption.
func (c *check) transport(v *visit) {
	if v.state == nil || len(v.state.PeerCertificates) == 0 {
		c.good("tls", "none: plain http to this machine, for a sandbox")
		return
	}
	leaf := v.state.PeerCertificates[0]
	detail := fmt.Sprintf("%s; certificate of %s by %s, until %s", tls.VersionName(v.state.Version), nameOf(leaf), issuerOf(leaf), day(leaf.NotAfter))
	if end, which := firstEnd(v.state.VerifiedChains, leaf); time.Until(end) < soon {
		c.warn("tls", detail+"; "+which+" ends in "+left(end), "Tell the practice or its vendor: exports stop when it has ended.")
		return
	}
	c.good("tls", detail)
}

// firstEnd gives the first end of a certificate in the chain that ends last.
func firstEnd(chains [][]*x509.Certificate, leaf *x509.Certificate) (end time.Time, which string) {
	if len(chains) == 0 {
		return leaf.NotAfter, "it"
	}
	for _, chain := range chains {
		first := chain[0]
		for _, cert := range chain {
			if cert.NotAfter.Before(first.NotAfter) {
				first = cert
			}
		}
		if first.NotAfter.After(end) {
			end, which = first.NotAfter, "the certificate of "+nameOf(first)
			if first == chain[0] {
				which = "it"
			}
		}
	}
	return end, which
}

func nameOf(c *x509.Certificate) string {
	switch {
	case c.Subject.CommonName != "":
		return c.Subject.CommonName
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	}
	return "nobody"
}

func issuerOf(c *x509.Certificate) string {
	organization := strings.Join(c.Issuer.Organization, " ")
	switch {
	case c.Issuer.CommonName == "":
		return organization
	case organization == "" || strings.Contains(c.Issuer.CommonName, organization):
		return c.Issuer.CommonName
	}
	return c.Issuer.CommonName + " (" + organization + ")"
}

// clock compares the server's Date with ours. A Date is exact to the second.
func (c *check) clock(v *visit) {
	date, err := http.ParseTime(v.date)
	if err != nil {
		c.skip("clock", "the server sends no usable Date")
		return
	}
	ours := v.sent.Add(v.got.Sub(v.sent) / 2)
	ahead := date.Add(time.Second / 2).Sub(ours)
	if ahead.Abs() < worthAWord {
		c.good("clock", "agrees with the server's")
		return
	}
	which := "ahead of"
	if ahead < 0 {
		which = "behind"
	}
	detail := fmt.Sprintf("the server's is %s %s ours", plain(ahead), which)
	next := "Correct this machine's time, best by a time server (timedatectl set-ntp true)."
	if ahead.Abs() >= tooMuch {
		next = "Token requests are good for a few minutes only and will be refused. " + next
	}
	c.warn("clock", detail, next)
}
