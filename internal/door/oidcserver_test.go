package door

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

const clientSecret = "the provider gave it"

// A login is a small OpenID provider: whoever comes is signed in there as the
// person that says says.
type login struct {
	*testing.T
	server *httptest.Server
	key    *rsa.PrivateKey

	mu     sync.Mutex
	down   bool
	says   map[string]any                          // claims of the person who signs in
	change func(claims map[string]any)             // of a token, before it is signed
	sign   func(payload []byte) string             // in the place of the provider's key
	codes  map[string]url.Values                   // what each code was asked with; one that was taken is gone
	asked  int                                     // for its discovery
	keys   int                                     // how often its keys were asked for
	more   map[string]any                          // of the discovery
	answer func(back url.Values)                   // changes where a person is sent back
	token  func(w http.ResponseWriter) (done bool) // in the place of the token endpoint
}

var loginKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newLogin(t *testing.T) *login {
	l := &login{T: t, key: loginKey(), codes: map[string]url.Values{}, says: map[string]any{"sub": "s-1", "preferred_username": "Dana", "name": "Dana Doe", "groups": []string{"ops", "else"}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", l.describe)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.keys++
		l.json(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: l.key.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", l.authorize)
	mux.HandleFunc("POST /token", l.exchange)
	l.server = httptest.NewServer(mux)
	t.Cleanup(l.server.Close)
	return l
}

func (l *login) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		l.Error(err)
	}
}

func (l *login) describe(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if l.down {
		http.Error(w, "canary of an error page", http.StatusServiceUnavailable)
		return
	}
	at := l.server.URL
	d := map[string]any{
		"issuer": at, "authorization_endpoint": at + "/authorize", "token_endpoint": at + "/token", "jwks_uri": at + "/keys", "end_session_endpoint": at + "/out?x=1",
		"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
	}
	maps.Copy(d, l.more)
	l.json(w, d)
}

func (l *login) authorize(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := r.URL.Query()
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("client_id") != "bulkhead" || !strings.Contains(q.Get("scope"), "openid") {
		l.Errorf("asked with %v", q)
	}
	code := rand.Text()
	l.codes[code] = q
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if l.answer != nil {
		l.answer(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (l *login) exchange(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token != nil && l.token(w) {
		return
	}
	asked, fresh := l.codes[r.FormValue("code")]
	delete(l.codes, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	id, secret, _ := r.BasicAuth()
	id, secret = cmp.Or(id, r.FormValue("client_id")), cmp.Or(secret, r.FormValue("client_secret"))
	if secret, err := url.QueryUnescape(secret); !fresh || err != nil || id != "bulkhead" || secret != clientSecret ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") || r.FormValue("redirect_uri") != asked.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		l.json(w, map[string]any{"error": "invalid_grant", "error_description": "canary of a description"})
		return
	}
	l.json(w, map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": l.idToken(asked)})
}

func (l *login) idToken(asked url.Values) string {
	now := time.Now()
	c := map[string]any{"iss": l.server.URL, "aud": "bulkhead", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "nonce": asked.Get("nonce"), "sid": "there-1"}
	if asked.Get("max_age") != "" {
		c["auth_time"] = now.Unix()
	}
	maps.Copy(c, l.says)
	if l.change != nil {
		l.change(c)
	}
	return l.signed(c)
}

func (l *login) signed(c map[string]any) string {
	payload, err := json.Marshal(c)
	if err != nil {
		l.Fatal(err)
	}
	if l.sign != nil {
		return l.sign(payload)
	}
	return compact(l.T, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: l.key, KeyID: "k1"}}, payload)
}

func compact(t *testing.T, key jose.SigningKey, payload []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// unsigned is a token with the algorithm none.
func unsigned(payload []byte) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

// byAnother signs with a key that is not the provider's.
func byAnother(t *testing.T) func([]byte) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return func(payload []byte) string {
		return compact(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, payload)
	}
}

// byPublicKey signs with the provider's public key as if it were a secret.
func byPublicKey(t *testing.T, l *login) func([]byte) string {
	return func(payload []byte) string {
		return compact(t, jose.SigningKey{Algorithm: jose.HS256, Key: fmt.Append(nil, l.key.N)}, payload)
	}
}

// withLogin makes a house whose people sign in at l. What change does comes
// last.
func withLogin(t *testing.T, l *login, change ...func(*config.OIDC)) *house {
	t.Helper()
	t.Setenv("LOGIN_SECRET", clientSecret)
	conf := &config.OIDC{
		Issuer: l.server.URL, Name: "Example Login", ClientID: "bulkhead", ClientSecretEnv: "LOGIN_SECRET", RolesClaim: "groups", MFAValues: []string{"mfa"},
		Roles: map[string][]string{"ops": {"operator@lakeside"}, "all": {"viewer", "privacy_officer"}, "boss": {"admin"}},
	}
	for _, c := range change {
		c(conf)
	}
	front := httptest.NewUnstartedServer(nil) // its address is known before it serves
	address := "http://" + front.Listener.Addr().String()
	h := newHouse(t, func(o *Options) {
		c := *o.Config()
		c.Web = config.Web{URL: address, OIDC: conf}
		o.Config = func() *config.Config { return &c }
	})
	front.Config.Handler = h.server.Config.Handler
	front.Start()
	t.Cleanup(front.Close)
	h.server = front
	return h
}

// follow goes where an answer sends the browser, within one of the servers, and
// gives the answer there.
func (v *visitor) follow(to string) got {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), http.MethodGet, to, nil)
	if err != nil {
		v.Fatal(err)
	}
	answer, err := v.client.Do(r)
	if err != nil {
		v.Fatal(err)
	}
	return v.read(answer)
}

// throughProvider signs in at the provider, and gives the answer to what it says.
func (v *visitor) throughProvider(query string) got {
	v.Helper()
	there := v.get("/sign-in/provider" + query)
	if there.code != http.StatusSeeOther {
		return there
	}
	back := v.follow(there.header.Get("Location"))
	return v.follow(back.header.Get("Location"))
}
