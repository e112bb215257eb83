package config

import "net"

// JWKS says where bulkhead run publishes the public keys of every registration:
// as /jwks/NAME.json, NAME being the registration's. Vendors fetch them there
// without any authorization, so the address must be reachable for them, over
// TLS: with a certificate here, or behind a proxy that has one.
// https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html#registering-a-client-communicating-public-keys
type JWKS struct {
	// Listen is the address and the port, such as "127.0.0.1:8443" or ":443".
	// Without a certificate it must be of this machine only: 127.0.0.1 or ::1.
	// Default: none, no keys are published.
	Listen string `yaml:"listen"`
	// TLSCert is a file with the certificate and its chain, as PEM.
	TLSCert string `yaml:"tls_cert"`
	// TLSKey is a file with the certificate's private key, as PEM.
	TLSKey string `yaml:"tls_key"`
}

// Path gives the path under which a registration's keys are published.
func (JWKS) Path(registration string) string { return "/jwks/" + registration + ".json" }

func (r *reader) checkJWKS(at place, j JWKS) {
	if (j.TLSCert == "") != (j.TLSKey == "") {
		r.miss(at, "needs tls_cert and tls_key, or neither")
	}
	if j.Listen == "" {
		if j.TLSCert != "" {
			r.miss(at.at("listen"), "is missing: an address such as \":8443\"")
		}
		return
	}
	host, _, err := net.SplitHostPort(j.Listen)
	switch {
	case err != nil:
		r.miss(at.at("listen"), "must be an address with a port, such as \"127.0.0.1:8443\"")
	case j.TLSCert == "" && !loopback(host):
		r.miss(at.at("listen"), "is not of this machine only, so tls_cert and tls_key are needed: vendors fetch keys over TLS")
	}
}
