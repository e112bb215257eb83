package export

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// A fhirServer is an authorization server and two practices behind one host.
type fhirServer struct {
	*httptest.Server
	document string // the SMART configuration's members beside the endpoint
	grants   string // the scopes of every token; empty for those asked for

	mu      sync.Mutex
	granted map[string]string // token: scope
	clients []string          // kid and iss of each assertion
	carried map[string]string // path: token
	expired map[string]bool   // tokens that are not taken any more
}

func serveFHIR(t *testing.T, document string) *fhirServer {
	t.Helper()
	s := &fhirServer{document: document, granted: map[string]string{}, carried: map[string]string{}, expired: map[string]bool{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	return s
}

func (s *fhirServer) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/smart-configuration"):
		fmt.Fprintf(w, `{"token_endpoint":"%s/token"%s}`, s.URL, s.document)
		return
	case r.URL.Path == "/token":
		s.issue(w, r)
		return
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.carried[r.URL.Path] = token
	if s.granted[token] == "" || s.expired[token] {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "$export"):
		w.Header().Set("Content-Location", s.URL+"/status")
		w.WriteHeader(http.StatusAccepted)
	case r.URL.Path == "/status" && r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusAccepted)
	case r.URL.Path == "/status":
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"transactionTime":"2026-01-01T00:00:00Z","request":"%[1]s/x","requiresAccessToken":true,
			"output":[{"type":"Patient","url":"%[1]s/patients"},{"type":"Observation","url":"%[1]s/observations"}],"error":[]}`, s.URL)
	default:
		w.Header().Set("Content-Type", "application/fhir+ndjson")
		_, _ = io.WriteString(w, "{}\n")
	}
}

func (s *fhirServer) issue(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.PostFormValue("client_assertion"), ".")
	var header, claims struct{ Kid, Iss string }
	for i, into := range []any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[min(i, len(parts)-1)])
		if err != nil || json.Unmarshal(text, into) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	s.clients = append(s.clients, header.Kid+" "+claims.Iss)
	token := fmt.Sprintf("t%d", len(s.clients))
	s.granted[token] = cmp.Or(s.grants, r.PostFormValue("scope"))
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":300,"scope":%q}`, token, s.granted[token])
}

// connections gives a configuration with two practices at the server, and its
// ring.
func (s *fhirServer) connections(t *testing.T, folder, profile string) (*config.Config, *Connections) {
	t.Helper()
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	agreement := "agreement: {reference: A, status: active, effective_from: 2020-01-01, types: ['*'], groups: ['*'], sinks: ['*']}"
	var text strings.Builder
	text.WriteString(fmt.Sprintf("tls: {ca_file: ca.pem}\nregistrations:\n  vendor: {profile: %s, client_id: client-1, key_folder: %q}\ntenants:\n", profile, folder))
	for _, id := range []string{"elm", "fir"} {
		text.WriteString(fmt.Sprintf("  - {id: %s, registration: vendor, fhir_base_url: %q, level: group, group: g1, types: [Patient, Observation], %s}\n", id, s.URL+"/"+id, agreement))
	}
	cfg, err := config.Parse(filepath.Join(dir, "bulkhead.yaml"), []byte(text.String()))
	if err != nil {
		t.Fatalf("%v: %v", err, problem.Of(err).Err)
	}
	connections, err := NewConnections(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg, connections
}

func ringWith(t *testing.T, alg smart.Algorithm) (*keyring.Ring, string, string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "keys")
	ring, err := keyring.Create(folder)
	if err != nil {
		t.Fatal(err)
	}
	first, err := ring.Generate(keyring.Plan{Algorithm: alg, Registered: keyring.Directly, MaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return ring, folder, first.KeyID
}

var both = []string{"Patient", "Observation"}

func clientOf(t *testing.T, c *Connections, cfg *config.Config, tenant string) *bulkdata.Client {
	t.Helper()
	configured, err := cfg.Tenant(tenant)
	if err != nil {
		t.Fatal(err)
	}
	client, err := c.Client(configured, both)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestOneTokenCoversAllTypesOfAnExport(t *testing.T) {
	t.Attr("shows", "BS-074 BS-076 BS-077 BS-078 BS-100 BS-102 A2 A8")
	for document, want := range map[string]string{
		`,"capabilities":["permission-v2"]`: "system/Patient.rs system/Observation.rs system/Group.rs",
		`,"capabilities":["permission-v1"]`: "system/Patient.read system/Observation.read system/Group.read",
	} {
		s := serveFHIR(t, document)
		_, folder, _ := ringWith(t, smart.ES384)
		cfg, connections := s.connections(t, folder, "standard")
		client := clientOf(t, connections, cfg, "elm")
		started, err := client.Kickoff(t.Context(), bulkdata.Request{Level: bulkdata.GroupLevel, GroupID: "g1", Types: both})
		if err != nil {
			t.Fatal(err)
		}
		status, err := client.Status(t.Context(), started.StatusURL)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range status.Manifest.Output {
			body, err := client.Open(t.Context(), f, bulkdata.OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			body.Close()
		}
		if err := client.Cancel(t.Context(), started.StatusURL); err != nil {
			t.Fatal(err)
		}
		if len(s.granted) != 1 {
			t.Errorf("%d tokens for one export", len(s.granted))
		}
		for path, token := range s.carried {
			if s.granted[token] != want {
				t.Errorf("%s carried a token for %q, want %q", path, s.granted[token], want)
			}
		}
		if paths := slices.Sorted(maps.Keys(s.carried)); len(paths) != 4 {
			t.Errorf("requests: %v", paths)
		}
	}
}

func TestTwoPracticesOfOneHostHaveTwoTokens(t *testing.T) {
	t.Attr("shows", "BS-106 A2")
	s := serveFHIR(t, "")
	_, folder, _ := ringWith(t, smart.ES384)
	cfg, connections := s.connections(t, folder, "standard")
	for _, tenant := range []string{"elm", "fir", "elm", "fir"} {
		client := clientOf(t, connections, cfg, tenant)
		if _, err := client.Kickoff(t.Context(), bulkdata.Request{Level: bulkdata.GroupLevel, GroupID: "g1", Types: both}); err != nil {
			t.Fatal(err)
		}
	}
	elm, fir := s.carried["/elm/Group/g1/$export"], s.carried["/fir/Group/g1/$export"]
	if elm == fir || len(s.granted) != 2 {
		t.Errorf("elm has %s, fir has %s of %d tokens", elm, fir, len(s.granted))
	}
}

func TestARotationDuringAnExportIsNotSeen(t *testing.T) {
	t.Attr("shows", "BS-036 BS-024 BS-115")
	s := serveFHIR(t, "")
	ring, folder, first := ringWith(t, smart.ES384)
	cfg, connections := s.connections(t, folder, "standard")
	client := clientOf(t, connections, cfg, "elm")
	started, err := client.Kickoff(t.Context(), bulkdata.Request{Level: bulkdata.GroupLevel, GroupID: "g1", Types: both})
	if err != nil {
		t.Fatal(err)
	}
	// Another process rotates, and the vendor has the new key.
	next, err := ring.Rotate(keyring.Plan{Registered: keyring.Directly, MaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Confirm(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Status(t.Context(), started.StatusURL); err != nil || s.carried["/status"] != "t1" {
		t.Errorf("a token of the old key: %v, carried %s", err, s.carried["/status"])
	}
	s.mu.Lock()
	s.expired["t1"] = true
	s.mu.Unlock()
	if _, err := client.Status(t.Context(), started.StatusURL); err != nil || s.carried["/status"] != "t2" {
		t.Errorf("a token of the new key: %v, carried %s", err, s.carried["/status"])
	}
	// After a restart the client is the same.
	again := clientOf(t, must(NewConnections(cfg, nil)), cfg, "elm")
	if _, err := again.Status(t.Context(), started.StatusURL); err != nil {
		t.Error(err)
	}
	want := []string{first + " client-1", next.KeyID + " client-1", next.KeyID + " client-1"}
	if !slices.Equal(s.clients, want) {
		t.Errorf("assertions of %v, want %v", s.clients, want)
	}
}

func must(c *Connections, err error) *Connections {
	if err != nil {
		panic(err)
	}
	return c
}

func TestKeysThatCannotBeUsedAreTold(t *testing.T) {
	t.Attr("shows", "BS-010 BS-018 BS-037 A4")
	for name, c := range map[string]struct {
		document, profile string
		disable           bool
		want              string
		code              problem.Code
		sent              int // assertions
	}{
		"of a wrong algorithm for the vendor": {"", "ecw", false, "takes only RS384", problem.KeyInvalid, 0},
		"of a wrong algorithm for the server": {`,"token_endpoint_auth_signing_alg_values_supported":["RS384"]`, "standard", false, "algorithm that the server takes", problem.KeyInvalid, 0},
		"where none are taken":                {`,"token_endpoint_auth_methods_supported":["client_secret_basic"]`, "standard", false, "takes no signed assertions", problem.DiscoveryFailed, 0},
		"disabled":                            {"", "standard", true, "no key that may sign", problem.KeyInvalid, 0},
		"good ones":                           {"", "standard", false, "", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveFHIR(t, c.document)
			ring, folder, first := ringWith(t, smart.ES384)
			cfg, connections := s.connections(t, folder, c.profile)
			if c.disable {
				if _, err := ring.Disable(first); err != nil {
					t.Fatal(err)
				}
			}
			elm, err := cfg.Tenant("elm")
			if err != nil {
				t.Fatal(err)
			}
			client, err := connections.Client(elm, both)
			if err == nil {
				_, err = client.Kickoff(t.Context(), bulkdata.Request{Level: bulkdata.GroupLevel, GroupID: "g1", Types: both})
			}
			if err != nil {
				err = explain(elm, Work{}, err)
			}
			p := problem.Of(err)
			if (p == nil) != (c.want == "") || len(s.clients) != c.sent {
				t.Fatalf("%v after %d assertions", err, len(s.clients))
			}
			if p != nil && (!strings.Contains(p.Summary, c.want) || p.Code != c.code || p.Tenant != "elm" || bulkdata.MayHaveStarted(err)) {
				t.Errorf("problem %+v", p)
			}
		})
	}
}

func TestANarrowGrantIsKnownBeforeTheKickoff(t *testing.T) {
	t.Attr("shows", "BS-080 BS-089 BS-112 A3")
	s := serveFHIR(t, "")
	s.grants = "system/Patient.rs system/Group.read"
	_, folder, _ := ringWith(t, smart.ES384)
	cfg, connections := s.connections(t, folder, "standard")
	elm, err := cfg.Tenant("elm")
	if err != nil {
		t.Fatal(err)
	}
	grant, err := connections.Grant(t.Context(), elm, both)
	if err != nil || !slices.Equal(grant.Missing, []string{"system/Observation.read"}) || len(s.carried) > 0 {
		t.Fatalf("Grant = %+v, %v", grant, err)
	}
	if notes := grantNotes(grant); len(notes) != 1 || notes[0] != (Note{"scopes_differ", "not granted: system/Observation.read"}) {
		t.Errorf("notes = %v", notes)
	}
	forbidden := explain(elm, Work{}, &bulkdata.StatusError{Op: bulkdata.OpKickoff, Status: http.StatusForbidden})
	if remedy := problem.Of(sayScopes(forbidden, grant)).Remedy; !strings.Contains(remedy, "it lacks system/Observation.read") {
		t.Errorf("remedy = %s", remedy)
	}
	if said := sayScopes(forbidden, &smart.Grant{}); said.Error() != forbidden.Error() || problem.Of(said).Remedy != problem.Of(forbidden).Remedy {
		t.Errorf("with all scopes: %v", said)
	}
	if grantNotes(nil) != nil {
		t.Error("an open server has notes")
	}
}
