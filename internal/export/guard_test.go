package export

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestAddressesWhereNoServerIsAreRefused(t *testing.T) {
	for text, want := range map[string][2]bool{ // refused elsewhere, and for a tenant whose server is on this machine
		"127.0.0.1":              {true, false},
		"127.8.8.8":              {true, false},
		"::1":                    {true, false},
		"::ffff:127.0.0.1":       {true, false},
		"0.0.0.0":                {true, true},
		"0.1.2.3":                {true, true},
		"::":                     {true, true},
		"169.254.169.254":        {true, true},
		"::ffff:169.254.169.254": {true, true},
		"fe80::1%eth0":           {true, true},
		"fd00:ec2::254":          {true, true},
		"100.100.100.200":        {true, true},
		"224.0.0.1":              {true, true},
		"239.1.1.1":              {true, true},
		"ff02::1":                {true, true},
		"255.255.255.255":        {true, true},
		"10.1.2.3":               {false, false},
		"172.16.0.9":             {false, false},
		"192.168.1.20":           {false, false},
		"100.64.0.1":             {false, false},
		"fd12:3456::1":           {false, false},
		"203.0.113.7":            {false, false},
		"2001:db8::7":            {false, false},
	} {
		addr := netip.MustParseAddr(text)
		if got := [2]bool{guard{}.refuses(addr) != "", guard{here: true}.refuses(addr) != ""}; got != want {
			t.Errorf("%s: refused %v, want %v", text, got, want)
		}
	}
	for host, refused := range map[string]bool{
		"localhost": true, "LOCALHOST.": true, "a.localhost": true, "127.0.0.1": true, "[::1]": false, "::1": true,
		"ehr.example": false, "localhost.example": false, "10.0.0.1": false,
	} {
		if got := (guard{}).name(host) != nil; got != refused {
			t.Errorf("%s: refused %v", host, got)
		}
	}
}

// listening is a server on this machine that must not be asked.
func listening(t *testing.T, asked *bool) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { *asked = true }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestANameIsJudgedByTheAddressItLeadsTo(t *testing.T) {
	var asked bool
	addr := listening(t, &asked)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	// The dialer resolves localhost itself, as it would a name of a server's.
	for here, transport := range map[bool]*http.Transport{false: newTransport(nil, false), true: newTransport(nil, true)} {
		asked = false
		answer, err := (&http.Client{Transport: transport}).Get("http://localhost:" + port)
		if err == nil {
			answer.Body.Close()
		}
		if _, refused := errors.AsType[*addressError](err); refused == here || asked != here {
			t.Errorf("for a server on this machine %v: %v, asked %v", here, err, asked)
		}
		transport.CloseIdleConnections()
	}
	after := guard{}.after((&net.Dialer{}).DialContext)
	if _, err := after(t.Context(), "tcp", addr); !errors.Is(err, bulkdata.ErrNotSent) {
		t.Errorf("a connection that somebody else made: %v", err)
	}
}

func TestAProxyMayBeOnThisMachine(t *testing.T) {
	var asked bool
	addr := listening(t, &asked)
	g := guard{proxies: new(proxies)}
	dial := g.dial(net.Dialer{})
	if _, err := dial(t.Context(), "tcp", addr); err == nil {
		t.Error("an address is taken for that of a proxy")
	}
	g.proxies.seen.Store(addr, true)
	conn, err := dial(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	// Behind a proxy it is the URL that is judged.
	refused := wire(func(*http.Request) (*http.Response, error) { t.Error("it was sent"); return nil, errors.New("sent") })
	for _, host := range []string{"127.0.0.1", "localhost", "169.254.169.254", "[fe80::1]", "0.0.0.0"} {
		r := (&http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: host}}).WithContext(context.Background())
		if _, err := (guarded{guard{}, refused}).RoundTrip(r); !errors.Is(err, bulkdata.ErrNotSent) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestAnAddressThatIsRefusedIsSaidClearly(t *testing.T) {
	err := error(&net.OpError{Op: "dial", Net: "tcp", Err: &addressError{"127.0.0.1", "is this machine"}})
	for kind, want := range map[string]problem.Code{Download: problem.DownloadFailed, Kickoff: problem.ServerUnreachable, Poll: problem.ServerUnreachable} {
		p, ok := errors.AsType[*problem.Problem](explain(practice(), Work{Lease: leaseOf(kind)}, &bulkdata.NotSentError{Op: bulkdata.OpFile, Err: err}))
		if !ok || p.Code != want || p.Remedy == "" {
			t.Errorf("%s: %v", kind, p)
		}
	}
}

func leaseOf(kind string) (l store.Lease) {
	l.Kind = kind
	return l
}

func TestATenantWhoseServerIsOnThisMachineIsKnown(t *testing.T) {
	c := &Connections{config: &config.Config{Registrations: map[string]config.Registration{"here": {TokenURL: "https://127.0.0.1:9/token"}}}}
	for want, tenants := range map[bool][]config.Tenant{
		true: {
			{FHIRBaseURL: "https://localhost:8443/r4", Open: true},
			{FHIRBaseURL: "https://[::1]/r4", Open: true},
			{FHIRBaseURL: "https://ehr.example/r4", AllowedOrigins: []string{"https://127.0.0.1:7"}, Open: true},
			{FHIRBaseURL: "https://ehr.example/r4", AllowHTTP: true, Open: true},
			{FHIRBaseURL: "https://ehr.example/r4", Registration: "here"},
		},
		false: {{FHIRBaseURL: "https://ehr.example/r4", Open: true}, {FHIRBaseURL: "https://10.0.0.7/r4", Open: true}},
	} {
		for _, tenant := range tenants {
			if got := c.isHere(&tenant); got != want {
				t.Errorf("%+v: %v", tenant, got)
			}
		}
	}
}
