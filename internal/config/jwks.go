package config

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
	// TLSCert is a file with the certificate and its chain, as PEM. One that is
	// renewed in its place is served within seconds, without a restart.
	TLSCert string `yaml:"tls_cert"`
	// TLSKey is a file with the certificate's private key, as PEM.
	TLSKey string `yaml:"tls_key"`
}

// Path gives the path under which a registration's keys are published.
func (JWKS) Path(registration string) string { return "/jwks/" + registration + ".json" }
