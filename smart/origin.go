package smart

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// parseEndpoint parses a URL that requests go to. Its errors never hold the text.
func parseEndpoint(text string, loopback bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it is not a URL")
	case u.Hostname() == "":
		return nil, errors.New("it names no host")
	case u.User != nil:
		return nil, errors.New("it holds a user or a password")
	case u.Fragment != "":
		return nil, errors.New("it has a fragment")
	case u.Scheme == "https" || u.Scheme == "http" && loopback && isLoopback(u.Hostname()):
		return u, nil
	case u.Scheme == "http":
		return nil, errors.New("plain http is refused")
	}
	return nil, errors.New("its scheme is not https")
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// place is u without what may be secret.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }
