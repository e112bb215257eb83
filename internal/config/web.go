package config

// Web says where bulkhead run serves its pages and its API. Whoever opens them
// signs in; the first person is made with the code that run shows at its start.
type Web struct {
	// Listen is the address and the port, such as "127.0.0.1:8080" or ":443".
	// Without a certificate it must be of this machine only: 127.0.0.1 or ::1.
	// Default: none, nothing is served.
	Listen string `yaml:"listen"`
	// TLSCert is a file with the certificate and its chain, as PEM. One that is
	// renewed in its place is served within seconds, without a restart.
	TLSCert string `yaml:"tls_cert"`
	// TLSKey is a file with the certificate's private key, as PEM.
	TLSKey string `yaml:"tls_key"`
	// URL is the address by which people reach the pages, such as
	// https://bulkhead.example.org. Needed beside `oidc`. Default: none.
	URL string `yaml:"url"`
	// OIDC lets people sign in at an identity provider. Default: people sign in
	// with passwords of this bulkhead only.
	OIDC *OIDC `yaml:"oidc"`
}
