package sandbox

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record of a practice in tests: a resource and its life.
type resource struct {
	id      string
	updated time.Time
	deleted time.Time
	text    string
}

// records is a Source that a test writes out.
type records map[string][]resource

func (r records) Types() []string {
	var types []string
	for t := range r {
		types = append(types, t)
	}
	slices.Sort(types)
	return types
}

func (r records) in(q Query) []resource {
	var found []resource
	for _, x := range r[q.Type] {
		gone := !x.deleted.IsZero() && !x.deleted.After(q.Until)
		if !gone && !x.updated.After(q.Until) && (q.Since.IsZero() || x.updated.After(q.Since)) {
			found = append(found, x)
		}
	}
	shards := max(q.Shards, 1)
	return found[len(found)*q.Shard/shards : len(found)*(q.Shard+1)/shards]
}

func (r records) Size(_ context.Context, q Query) (int, bool, error) { return len(r.in(q)), true, nil }

func (r records) Open(_ context.Context, q Query) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, x := range r.in(q) {
			if !yield([]byte(x.text), nil) {
				return
			}
		}
	}
}

func (r records) Deleted(_ context.Context, q Query) iter.Seq2[Ref, error] {
	return func(yield func(Ref, error) bool) {
		for _, x := range r[q.Type] {
			if x.deleted.After(q.Since) && !x.deleted.After(q.Until) && !yield(Ref{q.Type, x.id}, nil) {
				return
			}
		}
	}
}

// long ago is when test resources changed last, unless a test says otherwise.
var longAgo = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// add puts n resources of a type into r; clinical ones belong to patients 0-9.
func (r records) add(resourceType string, n int) records {
	for i := range n {
		id := fmt.Sprint(i)
		text := fmt.Sprintf(`{"resourceType":%q,"id":%q,"meta":{"lastUpdated":%q},"subject":{"reference":"Patient/%d"}}`,
			resourceType, id, longAgo.Format(time.RFC3339), i%10)
		r[resourceType] = append(r[resourceType], resource{id: id, updated: longAgo, text: text})
	}
	return r
}

func small() records {
	return records{}.add("Patient", 10).add("Observation", 25).add("Practitioner", 3)
}

// rsaKey is made once: making one takes long.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// jwksHost serves the public part of rsaKey under one kid, as a client's
// JWKS URL.
type jwksHost struct {
	*httptest.Server
	kid     atomic.Value
	fetches atomic.Int64
}

func newJWKSHost(t *testing.T) *jwksHost {
	h := &jwksHost{}
	h.kid.Store("key-1")
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h.fetches.Add(1)
		w.Write(jwksOf(h.kid.Load().(string)))
	}))
	t.Cleanup(h.Close)
	return h
}

func jwksOf(kid string) []byte {
	public := rsaKey().PublicKey
	return fmt.Appendf(nil, `{"keys":[{"kty":"RSA","kid":%q,"n":%q,"e":%q}]}`, kid, b64(public.N.Bytes()), b64(big.NewInt(int64(public.E)).Bytes()))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// caller is an honest client of a server: plain net/http, and nothing of our
// own client packages.
type caller struct {
	t     *testing.T
	srv   *Server
	http  *http.Client
	token string // sent with every request when set
}

const clientID = "app-1"

// play starts a server with cfg. Where cfg names no client, the client app-1
// holds rsaKey.
func play(t *testing.T, cfg Config) (*Server, *caller) {
	t.Helper()
	if cfg.Clients == nil {
		cfg.Clients = []Client{{ID: clientID, JWKS: jwksOf("key-1")}}
	}
	srv, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: srv.CertPool()}, DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := srv.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return srv, &caller{t: t, srv: srv, http: &http.Client{Transport: transport}}
}

// quick returns preset knobs of a server that does not keep anyone waiting.
func quick(k Knobs) *Knobs {
	k.Takes, k.RetryAfter, k.Rate = 0, 0, 0
	return &k
}

func ecwPractice(k *Knobs) Practice {
	return Practice{
		Code: "ABCDEF", Name: "Hillside", Profile: ProfileECW, Source: small(), Knobs: k,
		Groups: []Group{{ID: "77", Identifier: "5a1c7f7e-0001-4c5f-8a11-3d1f5f2b9c01", Name: "all"}},
	}
}

const groupUUID = "5a1c7f7e-0001-4c5f-8a11-3d1f5f2b9c01"

func openPractice(k *Knobs) Practice {
	return Practice{
		Code: "open", Name: "Lakeside", Profile: ProfileStandard, Open: true, Source: small(), Knobs: k,
		Groups: []Group{{ID: "g1", Name: "all"}},
	}
}

// A reply is an answer with its body read.
type reply struct {
	*http.Response
	body []byte
	err  error // of reading the body
}

// outcome returns the issue code of an OperationOutcome.
func (r reply) outcome() string {
	var o struct {
		ResourceType string
		Issue        []struct{ Code string }
	}
	if json.Unmarshal(r.body, &o) != nil || o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 {
		return ""
	}
	return o.Issue[0].Code
}

func (c *caller) do(method, url string, header map[string]string) (reply, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, url, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp, body, err}, nil
}

// read reads the answer's body.
func read(t *testing.T, resp *http.Response) reply {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp, body, err}
}

// get fetches url and expects status.
func (c *caller) get(url string, status int) reply {
	c.t.Helper()
	return c.send(http.MethodGet, url, nil, status)
}

func (c *caller) send(method, url string, header map[string]string, status int) reply {
	c.t.Helper()
	r, err := c.do(method, url, header)
	if err != nil {
		c.t.Fatal(err)
	}
	if r.err != nil {
		c.t.Fatalf("%s: read body: %v", method, r.err)
	}
	if r.StatusCode != status {
		c.t.Fatalf("%s %s: status %d, want %d; body %s", method, url, r.StatusCode, status, r.body)
	}
	return r
}

var asyncHeaders = map[string]string{"Accept": "application/fhir+json", "Prefer": "respond-async"}

// kickoff asks for an export of path below base and returns its status URL.
func (c *caller) kickoff(base, path string) string {
	c.t.Helper()
	r := c.send(http.MethodGet, base+path, asyncHeaders, http.StatusAccepted)
	location := r.Header.Get("Content-Location")
	if location == "" {
		c.t.Fatal("no Content-Location")
	}
	return location
}

type manifest struct {
	TransactionTime     string
	Request             string
	RequiresAccessToken *bool
	Output, Deleted     []item
	Error               *[]item
}

type item struct {
	Type  string
	URL   string
	Count *int
}

// wait polls until the export is complete.
func (c *caller) wait(status string) manifest {
	c.t.Helper()
	for {
		r := c.pollOnce(status)
		if r.StatusCode == http.StatusAccepted {
			continue
		}
		if r.StatusCode != http.StatusOK {
			c.t.Fatalf("poll: status %d, body %s", r.StatusCode, r.body)
		}
		var m manifest
		if err := json.Unmarshal(r.body, &m); err != nil {
			c.t.Fatalf("manifest: %v", err)
		}
		return m
	}
}

func (c *caller) pollOnce(status string) reply {
	c.t.Helper()
	r, err := c.do(http.MethodGet, status, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// lines fetches the files of a type and returns their lines.
func (c *caller) lines(m manifest, resourceType string) []string {
	c.t.Helper()
	var all []string
	for _, i := range m.Output {
		if i.Type == resourceType {
			body := string(c.get(i.URL, http.StatusOK).body)
			all = append(all, strings.Split(strings.TrimSuffix(body, "\n"), "\n")...)
		}
	}
	return all
}

// claims of an assertion, which a test may spoil.
type claims map[string]any

func honest(endpoint string) claims {
	return claims{"iss": clientID, "sub": clientID, "aud": endpoint, "jti": rand.Text(), "exp": time.Now().Add(4 * time.Minute).Unix()}
}

// sign makes an RS384 assertion by hand.
func sign(t *testing.T, header, payload claims) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	p, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	text := b64(h) + "." + b64(p)
	digest := sha512.Sum384([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA384, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(signature)
}

func rs384() claims { return claims{"alg": "RS384", "typ": "JWT", "kid": "key-1"} }

// ask posts an assertion to a token endpoint.
func (c *caller) ask(endpoint, assertion, scope string) reply {
	c.t.Helper()
	return c.post(endpoint, url.Values{
		"grant_type": {"client_credentials"}, "scope": {scope}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	})
}

func (c *caller) post(endpoint string, form url.Values) reply {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp, body, err}
}

// login takes a token with scope, as discovery at base says.
func (c *caller) login(base, scope string) {
	c.t.Helper()
	var smart struct {
		TokenEndpoint string `json:"token_endpoint"`
	}
	body := c.get(base+"/.well-known/smart-configuration", http.StatusOK).body
	if err := json.Unmarshal(body, &smart); err != nil {
		c.t.Fatal(err)
	}
	r := c.ask(smart.TokenEndpoint, sign(c.t, rs384(), honest(smart.TokenEndpoint)), scope)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(r.body, &token); err != nil || r.StatusCode != http.StatusOK {
		c.t.Fatalf("token: status %d, body %s", r.StatusCode, r.body)
	}
	c.token = token.AccessToken
}

const ecwScope = "system/Group.read system/Patient.read system/Observation.read system/Practitioner.rs"
