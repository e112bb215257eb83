package keyring

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// A Certificate is a file of certificates that the configuration names: one with
// which bulkhead itself serves, or those of authorities that it trusts.
type Certificate struct {
	Section string // of the configuration, such as web
	Field   string // such as web.tls_cert
	What    string // as a person calls it
	File    string
	Key     string   // the file of its private key; empty: it is of authorities
	Hosts   []string // by which what is served is reached, as far as the configuration says
}

// Certificates gives those that a configuration names.
func Certificates(c *config.Config) []Certificate {
	var list []Certificate
	for _, one := range []Certificate{
		{Section: "web", Field: "web.tls_cert", What: "the certificate of pages and API", File: c.Web.TLSCert, Key: c.Web.TLSKey, Hosts: hostsOf(c.Web.URL)},
		{Section: "jwks", Field: "jwks.tls_cert", What: "the certificate under which our public keys are published", File: c.JWKS.TLSCert, Key: c.JWKS.TLSKey, Hosts: keyHosts(c)},
		{Section: "metrics", Field: "metrics.tls_cert", What: "the certificate of the metrics", File: c.Metrics.TLSCert, Key: c.Metrics.TLSKey},
		{Section: "tls", Field: "tls.ca_file", What: "an authority that practices' servers are trusted by", File: c.TLS.CAFile},
	} {
		if one.File != "" {
			list = append(list, one)
		}
	}
	if o := c.Web.OIDC; o != nil && o.CAFile != "" {
		list = append(list, Certificate{Section: "web", Field: "web.oidc.ca_file", What: "an authority that the identity provider is trusted by", File: o.CAFile})
	}
	return list
}

// keyHosts are those at which vendors fetch the public keys that we publish.
func keyHosts(c *config.Config) (hosts []string) {
	for name, r := range c.Registrations {
		if u, err := url.Parse(r.JWKSURL); err == nil && u.Path == c.JWKS.Path(name) {
			hosts = append(hosts, u.Hostname())
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func hostsOf(text string) []string {
	if u, err := url.Parse(text); err == nil && u.Hostname() != "" {
		return []string{u.Hostname()}
	}
	return nil
}

// handedOver is where systemd puts a service's credentials.
const handedOver = "/run/credentials/"

// HandedOver reports whether systemd hands the file to the service when it
// starts: nobody else sees it, and a new one takes a restart.
// https://systemd.io/CREDENTIALS/
func (c Certificate) HandedOver() bool { return strings.HasPrefix(c.File, handedOver) }

// A Life is from when until when a certificate is good.
type Life struct{ Begins, Ends time.Time }

// Life reads the file. Of several authorities it is that of the one which ends
// first and has no successor of its name in the file. The error is the problem
// ConfigInvalid: it cannot be used, and what to do.
func (c Certificate) Life() (Life, error) {
	if c.Key == "" {
		return c.authority()
	}
	leaf, err := c.leaf()
	if err != nil {
		return Life{}, err
	}
	return Life{leaf.NotBefore, leaf.NotAfter}, nil
}

func (c Certificate) leaf() (*x509.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.File, c.Key)
	if err == nil && pair.Leaf == nil {
		pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0])
	}
	if err != nil {
		return nil, problem.Wrap(err, problem.ConfigInvalid, c.What+" cannot be used: "+err.Error(),
			"Put the certificate with its chain at "+c.Field+" and its own private key at "+c.Section+".tls_key, both as PEM, readable for the user who runs bulkhead.")
	}
	return pair.Leaf, nil
}

func (c Certificate) authority() (Life, error) {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return Life{}, problem.Wrap(err, problem.ConfigInvalid, c.Field+" cannot be read", "Correct "+c.Field+", or make the file readable for the user who runs bulkhead.")
	}
	latest := map[string]Life{} // by subject
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue // a key, or what the others do not need
		}
		if name := string(one.RawSubject); one.NotAfter.After(latest[name].Ends) {
			latest[name] = Life{one.NotBefore, one.NotAfter}
		}
	}
	var first Life
	for _, l := range latest {
		if first.Ends.IsZero() || l.Ends.Before(first.Ends) {
			first = l
		}
	}
	if first.Ends.IsZero() {
		return first, problem.New(problem.ConfigInvalid, c.Field+" holds no PEM certificate", "Correct "+c.Field+".")
	}
	return first, nil
}

// Doubt says what is wrong with the certificate at a moment: it cannot be used,
// is no longer good or not yet, or is for other hosts; nil when nothing is, or
// when only the service can see it. It is a *problem.Problem.
func (c Certificate) Doubt(now time.Time) error {
	life, err := c.Life()
	if err != nil && c.HandedOver() && unseen(c.File) {
		return nil
	}
	switch {
	case err != nil:
		return err
	case now.After(life.Ends):
		return problem.New(problem.ConfigInvalid, c.What+" is no longer good, since "+wording.Moment(life.Ends), "Put a new one at "+c.Field+".")
	case now.Before(life.Begins):
		return problem.New(problem.ConfigInvalid, c.What+" is not good before "+wording.Moment(life.Begins), "Look whether the clock of this machine is right, or put another one at "+c.Field+".")
	}
	return c.strange()
}

// unseen reports whether a file is not there, or not for who asks.
func unseen(file string) bool {
	_, err := os.Stat(file)
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}

// strange says that the certificate is for other hosts than those by which what
// is served with it is reached.
func (c Certificate) strange() error {
	if c.Key == "" {
		return nil
	}
	leaf, err := c.leaf()
	if err != nil {
		return err
	}
	for _, host := range c.Hosts {
		if leaf.VerifyHostname(host) != nil {
			return problem.New(problem.ConfigInvalid, c.What+" is not for the host "+host,
				"Put one for "+host+" at "+c.Field+", or correct the host; all is well where a proxy in front has a certificate of its own.")
		}
	}
	return nil
}
