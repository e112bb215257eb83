package export

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// resolved is a connection with the address that a name has led to.
type resolved struct {
	net.Conn
	at string
}

func (r resolved) RemoteAddr() net.Addr { return place(r.at) }

type place string

func (place) Network() string  { return "tcp" }
func (n place) String() string { return string(n) }

func TestElsewhereIsNotWhereNamesWereMadeToLead(t *testing.T) {
	t.Attr("fault", "hostile: the name of a call-back's callee leads to cloud metadata, the link or this machine -> nothing is sent")
	c, err := NewConnections(&config.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	leads := ""
	c.Use(func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		there.Close()
		return resolved{here, leads}, nil
	})
	for _, x := range []struct {
		at     string
		here   bool
		refuse bool
	}{
		{"169.254.169.254:80", false, true},
		{"169.254.169.254:80", true, true},
		{"[fe80::1]:80", true, true},
		{"100.100.100.200:80", false, true},
		{"127.0.0.1:80", false, true},
		{"[::1]:80", false, true},
		{"0.0.0.0:80", true, true},
		{"127.0.0.1:80", true, false},
		{"10.0.0.1:80", false, false},
	} {
		leads = x.at
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://mirth.example/done", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := c.Elsewhere(x.here).RoundTrip(r)
		if err == nil {
			answer.Body.Close()
			t.Fatalf("%s: somebody answered", x.at)
		}
		if Withheld(err) != x.refuse {
			t.Errorf("%s (here %v): %v", x.at, x.here, err)
		}
	}
}
