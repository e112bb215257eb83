package sandbox

import (
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
)

// A Certificate is what the servers show of themselves.
type Certificate string

// The certificates.
const (
	CertificateGood     Certificate = ""         // of the server's CA, for its host
	CertificateExpired  Certificate = "expired"  // the same, but its time is over
	CertificateStranger Certificate = "stranger" // of a CA that nobody knows
	CertificateOther    Certificate = "other"    // of the server's CA, for another host
)

// certified is a host and the certificate that it shows.
type certified struct {
	host string
	now  atomic.Pointer[tls.Certificate]
}

func (c *certified) current(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil }

// renew makes a new certificate, with a new key.
func (c *certified) renew(ca *authority, kind Certificate) (err error) {
	host := c.host
	switch kind {
	case CertificateOther:
		host = "elsewhere.invalid"
	case CertificateStranger:
		if ca, err = newAuthority(); err != nil {
			return err
		}
	}
	cert, err := ca.issue(host, kind == CertificateExpired)
	if err != nil {
		return err
	}
	c.now.Store(&cert)
	return nil
}

// Recertify gives every server a new certificate with a new key. Connections
// that are open go on.
func (s *Server) Recertify(kind Certificate) error {
	if s.ca == nil {
		return errors.New("the sandbox serves plain http")
	}
	if err := oneOf("certificate", kind, CertificateGood, CertificateExpired, CertificateStranger, CertificateOther); err != nil {
		return err
	}
	for _, c := range s.certified {
		if err := c.renew(s.ca, kind); err != nil {
			return fmt.Errorf("renew the certificate of %s: %w", c.host, err)
		}
	}
	return nil
}
