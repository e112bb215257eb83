package scenario

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// Hosts of the sandbox's listeners, by what they are for. A listener of
// another purpose is called other.
var hosts = map[string]string{
	"FHIR":    "fhir.ehr.test",
	"tokens":  "login.ehr.test",
	"storage": "storage.ehr.test",
}

// otherHost is the host of every listener that has no name of its own.
const otherHost = "other.ehr.test"

// A Network joins a bulkhead and a sandbox within one process. All its methods
// may be called concurrently.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*listener // by host and port
	down      map[string]bool      // by host
	lost      map[string]bool      // by host, whose name does not resolve
	resolved  map[string]address   // by host
	dialled   map[string]int       // by host
	open      map[string][]*conn   // servers' ends, by host
}

// NewNetwork makes a network without hosts. In a synctest bubble it must be
// made there.
func NewNetwork() *Network {
	return &Network{
		listeners: map[string]*listener{}, down: map[string]bool{}, lost: map[string]bool{}, resolved: map[string]address{},
		dialled: map[string]int{}, open: map[string][]*conn{},
	}
}

// Listen opens port 443 of the host for what; see sandbox.Config.Listen.
func (n *Network) Listen(what string) (net.Listener, error) {
	host, ok := hosts[what]
	if !ok {
		host = otherHost
	}
	return n.ListenOn(host + ":443")
}

// ListenOn opens a port of a host, both named by addr.
func (n *Network) ListenOn(addr string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.listeners[addr]; taken {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: address(addr), Err: syscall.EADDRINUSE}
	}
	l := &listener{network: n, addr: address(addr), incoming: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[addr] = l
	return l, nil
}

// Down makes a host refuse connections, or take them again. Those that are
// open stay so.
func (n *Network) Down(host string, down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down[host] = down
}

// Lose makes the name of a host unknown, or known again. Connections that are
// open stay so.
func (n *Network) Lose(host string, lost bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost[host] = lost
}

// Resolve says which address, with its port, a host's name stands for: that is
// whom new connections to it are with. Without it that is the host's name.
func (n *Network) Resolve(host, addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.resolved[host] = address(addr)
}

// Break resets every open connection to a host.
func (n *Network) Break(host string) {
	n.mu.Lock()
	broken := n.open[host]
	delete(n.open, host)
	n.mu.Unlock()
	for _, c := range broken {
		c.SetLinger(0)
		c.Close()
	}
}

// Dialled says how often somebody tried to connect to a host.
func (n *Network) Dialled(host string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dialled[host]
}

// Dial connects to a listener of the network. A host that has none is not
// found; a port that has none refuses.
func (n *Network) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	l, err := n.listenerAt(addr)
	if err != nil {
		return nil, err
	}
	client, server := pipe(address("client.bulkhead.test:50000"), n.addressOf(addr))
	select {
	case l.incoming <- server:
		n.keep(addr, server)
		return client, nil
	case <-l.closed:
		return nil, refused(addr)
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: address(addr), Err: context.Cause(ctx)}
	}
}

// addressOf gives whom a connection to addr is with.
func (n *Network) addressOf(addr string) address {
	host, _, _ := net.SplitHostPort(addr) // it has a listener
	n.mu.Lock()
	defer n.mu.Unlock()
	return cmp.Or(n.resolved[host], address(addr))
}

func (n *Network) keep(addr string, server *conn) {
	host, _, _ := net.SplitHostPort(addr) // it has a listener
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[host] = append(n.open[host], server)
}

func (n *Network) listenerAt(addr string) (*listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", addr, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialled[host]++
	if n.lost[host] {
		return nil, unknown(host)
	}
	if l, ok := n.listeners[addr]; ok && !n.down[host] {
		return l, nil
	}
	for at := range n.listeners {
		if known, _, err := net.SplitHostPort(at); err == nil && known == host {
			return nil, refused(addr)
		}
	}
	return nil, unknown(host)
}

func unknown(host string) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
}

func refused(addr string) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: address(addr), Err: syscall.ECONNREFUSED}
}

type listener struct {
	network  *Network
	addr     address
	incoming chan net.Conn
	once     sync.Once
	closed   chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		delete(l.network.listeners, string(l.addr))
		l.network.mu.Unlock()
		close(l.closed)
	})
	return nil
}

func (l *listener) Addr() net.Addr { return l.addr }
