package bulkdata

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// parseBase parses a FHIR base or an origin. Its errors never hold the text,
// which may carry a password.
func parseBase(text string, loopback bool) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil {
		return nil, errors.New("not a URL")
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errors.New("it has a query or a fragment")
	}
	if err := checkURL(u, loopback); err != nil {
		return nil, err
	}
	return u, nil
}

// checkURL reports why no request may go to u at all.
func checkURL(u *url.URL, loopback bool) error {
	switch {
	case u.Host == "" || u.Hostname() == "":
		return errors.New("it names no host")
	case u.User != nil:
		return errors.New("it holds a user or a password")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && loopback && isLoopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return errors.New("plain http is refused")
	}
	return errors.New("its scheme is not https")
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// originOf returns scheme, host and port of u in one spelling.
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// shownOrigin is the origin of u as people write it; where u is of another
// scheme than http's it has none.
func shownOrigin(u *url.URL) string {
	if u.Scheme != "https" && u.Scheme != "http" {
		return "a URL of another kind"
	}
	return u.Scheme + "://" + u.Host
}
