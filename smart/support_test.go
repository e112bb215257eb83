package smart

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// keys are made once: RSA keys take long.
var testKeys = sync.OnceValue(func() map[Algorithm]*Key {
	made := map[Algorithm]*Key{}
	for _, alg := range []Algorithm{RS384, ES384} {
		k, err := GenerateKey(alg)
		if err != nil {
			panic(err)
		}
		made[alg] = k
	}
	return made
})

// A transport answers with a function instead of a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply makes a response as a server would.
func reply(status int, header map[string]string, body string) *http.Response {
	w := httptest.NewRecorder()
	for name, value := range header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	return w.Result()
}

func newSource(t *testing.T, rt transport, change func(*Config)) *TokenSource {
	t.Helper()
	cfg := Config{
		ClientID: "client-1", Key: testKeys()[ES384], TokenURL: "https://auth.example/token",
		Scopes: []string{"system/Patient.rs"}, HTTPClient: &http.Client{Transport: rt},
	}
	if change != nil {
		change(&cfg)
	}
	s, err := NewTokenSource(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A sighting is what a token server saw of one request.
type sighting struct {
	form   url.Values
	header jose.Header
	claims map[string]any
}

// verify checks the request as an authorization server has to.
func verify(t *testing.T, r *http.Request, published []byte) sighting {
	t.Helper()
	if err := r.ParseForm(); err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS384, jose.ES384})
	if err != nil {
		t.Fatalf("parse assertion: %v", err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(published, &set); err != nil {
		t.Fatal(err)
	}
	header := signed.Signatures[0].Protected
	matching := set.Key(header.KeyID)
	if len(matching) != 1 {
		t.Fatalf("keys with id %q = %d, want 1", header.KeyID, len(matching))
	}
	payload, err := signed.Verify(matching[0])
	if err != nil {
		t.Fatalf("verify assertion: %v", err)
	}
	seen := sighting{form: r.PostForm, header: header}
	if err := json.Unmarshal(payload, &seen.claims); err != nil {
		t.Fatal(err)
	}
	return seen
}

func inBubble(f func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) {
		testKeys() // outside of the bubble: it takes real time
		synctest.Test(t, f)
	}
}

// pass lets d go by on the clock of a bubble; no real time passes.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble, time has no other event
}

const hour = time.Hour

var silent = log.New(io.Discard, "", 0)
