package sandbox

import (
	"context"
	"fmt"
	"net"
)

// An opener opens one of the server's listeners and names the host by which
// clients call it.
type opener func(ctx context.Context) (l net.Listener, host string, err error)

// listener says how the listener for what is opened: by Config.Listen where it
// is set, on addr otherwise.
func (c Config) listener(what, addr string) opener {
	if c.Listen == nil {
		return func(ctx context.Context) (net.Listener, string, error) { return listenTCP(ctx, addr) }
	}
	return func(context.Context) (net.Listener, string, error) {
		l, err := c.Listen(what)
		if err != nil {
			return nil, "", err
		}
		host, _, err := net.SplitHostPort(l.Addr().String())
		return l, host, err
	}
}

func listenTCP(ctx context.Context, addr string) (net.Listener, string, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, "", fmt.Errorf("address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost" // an address to listen on, not one to call
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	return l, host, err
}
