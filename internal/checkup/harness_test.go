package checkup_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/checkup"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// The group of the practice in the sandbox, by both of its values.
const (
	groupID    = "g1"
	portalUUID = "8a5c1d3e-6f00-4b7a-9c21-0d4e5f6a7b81"
)

// A bench is a configuration in a folder of its own.
type bench struct {
	t      *testing.T
	dir    string
	base   string
	fields map[string]string // of the tenant
	access string            // of the registration; empty for an open server
	dial   export.Dial
	probe  bool
	ledger *store.Store // nil for none
	told   atomic.Int64 // findings
}

// Keys take long to make: these two serve all tests.
var (
	ours    = sync.OnceValues(func() (*smart.Key, error) { return smart.GenerateKey(smart.RS384) })
	another = sync.OnceValues(func() (*smart.Key, error) { return smart.GenerateKey(smart.RS384) })
	curve   = sync.OnceValues(func() (*smart.Key, error) { return smart.GenerateKey(smart.ES384) })
)

func newBench(t *testing.T) *bench {
	return &bench{t: t, dir: t.TempDir(), fields: map[string]string{
		"types": "[Condition, Patient]", "group": portalUUID,
		"agreement": "{reference: BAA-1, status: active, effective_from: 2020-01-01, types: ['*'], groups: ['*'], sinks: ['*']}",
	}}
}

// ehr starts an eCW-like practice that knows the bench's key; change may
// change it.
func (b *bench) ehr(change func(p *sandbox.Practice, k *sandbox.Knobs, c *sandbox.Config)) {
	b.t.Helper()
	public := b.putKey("key.jwk", ours)
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	knobs := sandbox.ECW()
	practice := sandbox.Practice{
		Code: "LAKESD", Name: "Lakeside", Profile: sandbox.ProfileECW, Groups: []sandbox.Group{{ID: groupID, Identifier: portalUUID, Name: "All"}},
		Source: sandbox.FromPopulation(population.New(population.Config{Seed: 1, Practice: "Lakeside", Patients: 2, Epoch: born})),
	}
	cfg := sandbox.Config{CAFile: filepath.Join(b.dir, "ca.pem"), Epoch: born, Clients: []sandbox.Client{{ID: "client-1", JWKS: public}}}
	if change != nil {
		change(&practice, &knobs, &cfg)
	}
	practice.Knobs, cfg.Practices = &knobs, []sandbox.Practice{practice}
	server, err := sandbox.Start(b.t.Context(), cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := server.Close(); err != nil {
			b.t.Error(err)
		}
	})
	b.base = server.Practice("LAKESD").Base()
	b.access = "{profile: ecw, client_id: client-1, key_file: key.jwk}"
	if practice.Open {
		b.access = ""
	}
}

// scripted serves answers by path below /fhir, over https.
func (b *bench) scripted(answers map[string]http.HandlerFunc) {
	mux := http.NewServeMux()
	for path, answer := range answers {
		mux.HandleFunc("/fhir/"+path, answer)
	}
	server := httptest.NewTLSServer(mux)
	b.t.Cleanup(server.Close)
	b.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	b.base = server.URL + "/fhir"
	b.fields["level"], b.fields["group"] = "system", ""
}

// serve answers http in memory, so that simulated time passes.
func (b *bench) serve(answers map[string]http.HandlerFunc) {
	mux := http.NewServeMux()
	for path, answer := range answers {
		mux.HandleFunc(path, answer)
	}
	line := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: mux}
	go server.Serve(line) //nolint:errcheck // it ends with the line
	b.t.Cleanup(func() { server.Close() })
	b.base, b.dial = "http://localhost/fhir", line.dial
	b.fields["allow_http"], b.fields["level"], b.fields["group"] = "true", "system", ""
}

// pipes are a listener whose connections are made by dial.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.accept <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, text) //nolint:errcheck // the test sees what is missing
	}
}

// putKey writes a key and gives its public set.
func (b *bench) putKey(name string, made func() (*smart.Key, error)) []byte {
	key, err := made()
	if err != nil {
		b.t.Fatal(err)
	}
	private, err := key.PrivateJWK()
	if err != nil {
		b.t.Fatal(err)
	}
	b.write(name, string(private))
	public, err := smart.JWKS(key)
	if err != nil {
		b.t.Fatal(err)
	}
	return public
}

func (b *bench) write(name, text string) {
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// findings are what a check found, in order.
type findings struct {
	t   *testing.T
	all []checkup.Finding
	err error
}

// check runs the check.
func (b *bench) check() findings {
	b.t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "folder: state\n")
	if _, err := os.Stat(filepath.Join(b.dir, "ca.pem")); err == nil {
		fmt.Fprintf(&text, "tls: {ca_file: ca.pem}\n")
	}
	if b.access != "" {
		fmt.Fprintf(&text, "registrations: {vendor: %s}\n", b.access)
		b.fields["registration"] = "vendor"
	} else {
		b.fields["open"] = "true"
	}
	fmt.Fprintf(&text, "tenants:\n  - id: lakeside\n    fhir_base_url: %s\n", b.base)
	for field, value := range b.fields {
		if value != "" {
			fmt.Fprintf(&text, "    %s: %s\n", field, value)
		}
	}
	b.write("bulkhead.yaml", text.String())
	cfg, err := config.Load(filepath.Join(b.dir, "bulkhead.yaml"))
	if err != nil {
		b.t.Fatal(err)
	}
	connections, err := export.NewConnections(cfg, b.ledger)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.dial != nil {
		connections.Use(b.dial)
	}
	f := findings{t: b.t}
	f.err = checkup.Run(b.t.Context(), checkup.Request{
		Config: cfg, Tenant: &cfg.Tenants[0], Connections: connections, Ledger: b.ledger, ProbeScopes: b.probe,
	}, func(x checkup.Finding) {
		f.all = append(f.all, x)
		b.told.Add(1)
	})
	return f
}

// want demands a finding of the subject with the verdict and the texts.
func (f findings) want(subject string, v checkup.Verdict, texts ...string) {
	f.t.Helper()
	for _, x := range f.all {
		if x.Subject != subject || x.Verdict != v {
			continue
		}
		all := x.Detail + "\n" + x.Next
		missing := false
		for _, text := range texts {
			missing = missing || !strings.Contains(all, text)
		}
		if !missing {
			return
		}
	}
	f.t.Errorf("there is no %s %s with %q; found:\n%s", v, subject, texts, f)
}

func (f findings) String() string {
	var b strings.Builder
	for _, x := range f.all {
		fmt.Fprintf(&b, "%s %s: %s\n\t→ %s\n", x.Subject, x.Verdict, x.Detail, x.Next)
	}
	return b.String()
}

// afar is a connection to this machine that looks like one to another.
type afar struct{ net.Conn }

func (afar) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 443} }

// at is a connection with an address of the test's choice.
type at struct {
	net.Conn
	addr *net.TCPAddr
}

func (c at) RemoteAddr() net.Addr { return c.addr }
