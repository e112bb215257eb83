package sandbox

import (
	"bufio"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// raw sends a GET over a plain connection and returns the head of the answer
// as it is on the wire.
func (c *caller) raw(target string, header map[string]string) string {
	c.t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		c.t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(c.t.Context(), "tcp", u.Host)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	var req strings.Builder
	fmt.Fprintf(&req, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n", u.RequestURI(), u.Host, c.token)
	for name, value := range header {
		fmt.Fprintf(&req, "%s: %s\r\n", name, value)
	}
	if _, err := conn.Write([]byte(req.String() + "\r\n")); err != nil {
		c.t.Fatal(err)
	}
	var head strings.Builder
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			c.t.Fatal(err)
		}
		head.WriteString(line)
		if line == "\r\n" {
			return head.String()
		}
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	good := func() Config { return Config{Practices: []Practice{ecwPractice(nil)}} }
	for name, spoil := range map[string]func(*Config){
		"no practice":            func(c *Config) { c.Practices = nil },
		"plain on all addresses": func(c *Config) { c.Plain, c.Addr = true, "0.0.0.0:0" },
		"plain tokens elsewhere": func(c *Config) { c.Plain, c.TokenAddr = true, "192.0.2.1:0" },
		"plain on any port":      func(c *Config) { c.Plain, c.Addr = true, ":0" },
		"no source":              func(c *Config) { c.Practices[0].Source = nil },
		"open ecw":               func(c *Config) { c.Practices[0].Open = true },
		"unknown profile":        func(c *Config) { c.Practices[0].Profile = "epic" },
		"code with a slash":      func(c *Config) { c.Practices[0].Code = "a/b" },
		"code twice":             func(c *Config) { c.Practices = append(c.Practices, c.Practices[0]) },
		"group twice":            func(c *Config) { c.Practices[0].Groups = append(c.Practices[0].Groups, c.Practices[0].Groups[0]) },
		"client without keys":    func(c *Config) { c.Clients = []Client{{ID: "x"}} },
		"client with two keys":   func(c *Config) { c.Clients = []Client{{ID: "x", JWKS: jwksOf("k"), JWKSURL: "https://x"}} },
		"plain JWKS URL":         func(c *Config) { c.Clients = []Client{{ID: "x", JWKSURL: "http://example.org/jwks"}} },
		"client of nobody":       func(c *Config) { c.Clients = []Client{{ID: "x", JWKS: jwksOf("k"), Practices: []string{"nobody"}}} },
		"negative time":          func(c *Config) { c.TimeScale = -1 },
		"CA file in no folder":   func(c *Config) { c.CAFile = filepath.Join(t.TempDir(), "none", "ca.pem") },
	} {
		cfg := good()
		spoil(&cfg)
		if srv, err := Start(t.Context(), cfg); err == nil {
			t.Errorf("%s: no error", name)
			srv.Close()
		}
	}
}

func TestTheCAIsTheOnlyRootThatWorks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	srv, c := play(t, Config{Practices: []Practice{openPractice(nil)}, CAFile: file})
	base := srv.Practice("open").Base()
	c.get(base+"/metadata", 200)
	if b, err := os.ReadFile(file); err != nil || string(b) != string(srv.CAPEM()) {
		t.Errorf("CA file: %v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(srv.CAPEM()) || !pool.Equal(srv.CertPool()) {
		t.Error("CAPEM and CertPool differ")
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	stranger := &caller{t: t, http: &http.Client{Transport: transport}}
	_, err := stranger.do(http.MethodGet, base+"/metadata", nil)
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("a client without the CA: %v", err)
	}
}

func TestAnExpiredCertificateIsShown(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{openPractice(nil)}, Expired: true})
	_, err := c.do(http.MethodGet, srv.Practice("open").Base()+"/metadata", nil)
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	if !ok || invalid.Reason != x509.Expired {
		t.Errorf("error %v", err)
	}
}

func TestHTTP2IsOfferedWhenAsked(t *testing.T) {
	for _, want := range []bool{false, true} {
		srv, c := play(t, Config{Practices: []Practice{openPractice(nil)}, HTTP2: want})
		c.http.Transport.(*http.Transport).ForceAttemptHTTP2 = true
		if r := c.get(srv.Practice("open").Base()+"/metadata", 200); (r.ProtoMajor == 2) != want {
			t.Errorf("HTTP2 %v: %s", want, r.Proto)
		}
	}
}

func TestRateIsPerPracticeAndClockWindow(t *testing.T) {
	limited, other := quick(ECW()), ecwPractice(quick(ECW()))
	limited.Rate, limited.RateWindow = 4, 100*365*24*time.Hour
	other.Code = "GHIJKL"
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(limited), other}})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)   // discovery is the first
	c.get(base+"/Group", 200) // the second, and the token call the third
	c.get(base+"/Group", 200)
	r := c.get(base+"/Group", http.StatusTooManyRequests)
	if len(r.body) != 0 || r.Header.Get("Retry-After") != "" {
		t.Errorf("the 429 is not bare: %v %s", r.Header, r.body)
	}
	c.get(base+"/metadata", http.StatusTooManyRequests)
	c.get(srv.Practice("GHIJKL").Base()+"/Group", 200)
}

func TestAWindowEndsAtTheTopOfTheMinute(t *testing.T) {
	var l limit
	at := time.Date(2024, 1, 1, 10, 0, 59, 0, time.UTC)
	got := []bool{}
	for _, now := range []time.Time{at, at, at, at.Add(999 * time.Millisecond), at.Add(time.Second), at.Add(60 * time.Second), at.Add(61 * time.Second)} {
		got = append(got, l.take(now, time.Minute, 2))
	}
	want := []bool{true, true, false, false, true, true, true}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("request %d: %v, want %v", i, got[i], want[i])
		}
	}
}

func TestStrayTokensAreSeen(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{openPractice(nil), ecwPractice(nil)}})
	c.get(srv.Practice("open").Base()+"/metadata", 200)
	if n := srv.Strays(); n != 0 {
		t.Fatalf("%d strays before any", n)
	}
	c.token = "secret-canary"
	c.get(srv.Practice("ABCDEF").Base()+"/Group", 401)
	if n := srv.Strays(); n != 0 {
		t.Errorf("a token at a practice that wants one is a stray")
	}
	c.get(srv.Practice("open").Base()+"/metadata", 200)
	c.get(srv.Summary().FHIR+"/nothing", 404)
	c.send(http.MethodPost, srv.Summary().Token, nil, 400)
	if n := srv.Strays(); n != 3 {
		t.Errorf("%d strays, want 3", n)
	}
	for _, code := range []string{"", "open", "ABCDEF"} {
		for _, q := range srv.Requests(code) {
			if strings.Contains(strings.Join([]string{q.File, q.Method, string(q.Kind), q.Practice}, " "), "secret") {
				t.Error("the record holds a token")
			}
		}
	}
}

func TestRequestsAreRecorded(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{openPractice(quick(Standard()))}})
	m := c.wait(c.kickoff(srv.Practice("open").Base(), "/$export?_type=Patient"))
	body := c.get(m.Output[0].URL, 200).body
	kinds := srv.Counts("open")
	if kinds[KindKickoff] != 1 || kinds[KindPoll] == 0 || kinds[KindFile] != 1 {
		t.Errorf("counts %v", kinds)
	}
	log := srv.Requests("open")
	last := log[len(log)-1]
	if last.Kind != KindFile || last.Status != 200 || last.Bytes != int64(len(body)) || last.File != "Patient-1.ndjson" || last.Authorized {
		t.Errorf("last request %+v", last)
	}
}

func TestSummaryNamesWhatAClientNeeds(t *testing.T) {
	srv, _ := play(t, Config{Practices: []Practice{ecwPractice(nil), openPractice(nil)}})
	sum := srv.Summary()
	ecw, open := sum.Practices[0], sum.Practices[1]
	if ecw.Groups[0].Export != groupUUID || open.Groups[0].Export != "g1" || open.Token != "" || ecw.Token != sum.Token {
		t.Errorf("summary %+v", sum)
	}
	if !strings.HasPrefix(ecw.Base, sum.FHIR) || srv.Practice("nobody") != nil {
		t.Error("bases do not agree")
	}
}

func TestPracticesAreServedSideBySide(t *testing.T) {
	k := quick(Standard())
	k.FilesPer = 3
	srv, c := play(t, Config{Practices: []Practice{openPractice(k)}})
	base := srv.Practice("open").Base()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			m := c.wait(c.kickoff(base, "/$export"))
			if n := len(c.lines(m, "Observation")); n != 25 {
				t.Errorf("%d observations, want 25", n)
			}
			srv.Practice("open").Set(func(k *Knobs) { k.Progress = []string{"50"} })
			srv.Requests("open")
			srv.Summary()
		})
	}
	wg.Wait()
}

func TestCloseTwiceIsHarmless(t *testing.T) {
	srv, err := Start(t.Context(), Config{Practices: []Practice{ecwPractice(nil)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(srv.Close(), srv.Close()); err != nil {
		t.Error(err)
	}
}
