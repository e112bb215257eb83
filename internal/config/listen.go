package config

import "net"

// checkListening checks where something is served. why says for whom TLS is.
func (r *reader) checkListening(at place, listen, cert, key, why string) {
	if (cert == "") != (key == "") {
		r.miss(at, "needs tls_cert and tls_key, or neither")
	}
	if listen == "" {
		if cert != "" {
			r.miss(at.at("listen"), "is missing: an address such as \":8443\"")
		}
		return
	}
	host, _, err := net.SplitHostPort(listen)
	switch {
	case err != nil:
		r.miss(at.at("listen"), "must be an address with a port, such as \"127.0.0.1:8443\"")
	case cert == "" && !loopback(host):
		r.miss(at.at("listen"), "is not of this machine only, so tls_cert and tls_key are needed: "+why)
	}
}
