package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func oauthCode(t *testing.T, r reply) string {
	t.Helper()
	var e struct{ Error string }
	if err := json.Unmarshal(r.body, &e); err != nil {
		t.Fatalf("no OAuth JSON: %s", r.body)
	}
	return e.Error
}

func TestTokenEndpointRefusesEverySpoiltAssertion(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(quick(ECW()))}})
	endpoint := srv.Summary().Token
	for name, tc := range map[string]struct {
		header, claims claims
		scope          string
		status         int
		code           string
	}{
		"honest":             {scope: ecwScope, status: 200},
		"another algorithm":  {header: claims{"alg": "RS256"}, scope: ecwScope, status: 401, code: "invalid_client"},
		"no signature":       {header: claims{"alg": "none"}, scope: ecwScope, status: 401, code: "invalid_client"},
		"unknown kid":        {header: claims{"kid": "other"}, scope: ecwScope, status: 401, code: "invalid_client"},
		"typ is not JWT":     {header: claims{"typ": "jwt"}, scope: ecwScope, status: 401, code: "invalid_client"},
		"foreign jku":        {header: claims{"jku": "https://example.org/jwks"}, scope: ecwScope, status: 401, code: "invalid_client"},
		"unknown client":     {claims: claims{"iss": "nobody", "sub": "nobody"}, scope: ecwScope, status: 401, code: "invalid_client"},
		"sub is not iss":     {claims: claims{"sub": "other"}, scope: ecwScope, status: 401, code: "invalid_client"},
		"aud with a slash":   {claims: claims{"aud": endpoint + "/"}, scope: ecwScope, status: 401, code: "invalid_client"},
		"aud is an array":    {claims: claims{"aud": []string{endpoint}}, scope: ecwScope, status: 401, code: "invalid_client"},
		"expired":            {claims: claims{"exp": time.Now().Add(-time.Second).Unix()}, scope: ecwScope, status: 401, code: "invalid_client"},
		"exp too far":        {claims: claims{"exp": time.Now().Add(310 * time.Second).Unix()}, scope: ecwScope, status: 401, code: "invalid_client"},
		"not valid yet":      {claims: claims{"nbf": time.Now().Add(time.Minute).Unix()}, scope: ecwScope, status: 401, code: "invalid_client"},
		"no jti":             {claims: claims{"jti": ""}, scope: ecwScope, status: 401, code: "invalid_client"},
		"no scope":           {status: 400, code: "invalid_request"},
		"one unlisted scope": {scope: ecwScope + " system/Coverage.read", status: 400, code: "invalid_grant"},
		"read wildcard":      {scope: "system/*.read", status: 400, code: "invalid_grant"},
		"r wildcard":         {scope: "system/*.r system/Group.read", status: 200},
		"type eCW lacks":     {scope: "system/Appointment.read", status: 400, code: "invalid_grant"},
		"only .r is listed":  {scope: "system/Coverage.r system/Binary.r", status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			header, payload := rs384(), honest(endpoint)
			maps.Copy(header, tc.header)
			maps.Copy(payload, tc.claims)
			r := c.ask(endpoint, sign(t, header, payload), tc.scope)
			if r.StatusCode != tc.status {
				t.Fatalf("status %d, want %d: %s", r.StatusCode, tc.status, r.body)
			}
			if got := oauthCode(t, r); got != tc.code {
				t.Errorf("error %q, want %q", got, tc.code)
			}
			if r.Header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
		})
	}
}

func TestAnAssertionWorksOnce(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(quick(ECW()))}})
	endpoint := srv.Summary().Token
	assertion := sign(t, rs384(), honest(endpoint))
	if r := c.ask(endpoint, assertion, ecwScope); r.StatusCode != http.StatusOK {
		t.Fatalf("first use: %s", r.body)
	}
	if r := c.ask(endpoint, assertion, ecwScope); r.StatusCode != http.StatusUnauthorized || oauthCode(t, r) != "invalid_client" {
		t.Errorf("second use: status %d: %s", r.StatusCode, r.body)
	}
}

func TestTokenEndpointWantsTheFormOfTheStandard(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(quick(ECW()))}})
	endpoint := srv.Summary().Token
	for name, tc := range map[string]struct {
		change url.Values
		code   string
	}{
		"grant type":     {url.Values{"grant_type": {"password"}}, "unsupported_grant_type"},
		"assertion type": {url.Values{"client_assertion_type": {"jwt"}}, "invalid_request"},
		"no assertion":   {url.Values{"client_assertion": {""}}, "invalid_client"},
	} {
		form := url.Values{
			"grant_type": {"client_credentials"}, "scope": {ecwScope}, "client_assertion_type": {assertionType},
			"client_assertion": {sign(t, rs384(), honest(endpoint))},
		}
		maps.Copy(form, tc.change)
		if got := oauthCode(t, c.post(endpoint, form)); got != tc.code {
			t.Errorf("%s: error %q, want %q", name, got, tc.code)
		}
	}
	if r, err := c.do(http.MethodPost, endpoint, nil); err != nil || oauthCode(t, r) != "invalid_request" {
		t.Errorf("no form: %v %s", err, r.body)
	}
}

func TestJWKSIsFetchedOnceAndAgainForANewKey(t *testing.T) {
	host := newJWKSHost(t)
	srv, c := play(t, Config{
		Practices: []Practice{ecwPractice(quick(ECW()))},
		Clients:   []Client{{ID: clientID, JWKSURL: host.URL + "/jwks"}},
	})
	endpoint := srv.Summary().Token
	ask := func(kid string, status int) {
		t.Helper()
		header := claims{"alg": "RS384", "typ": "JWT", "kid": kid, "jku": host.URL + "/jwks"}
		if r := c.ask(endpoint, sign(t, header, honest(endpoint)), ecwScope); r.StatusCode != status {
			t.Errorf("kid %s: status %d, want %d: %s", kid, r.StatusCode, status, r.body)
		}
	}
	ask("key-1", 200)
	ask("key-1", 200)
	if n := host.fetches.Load(); n != 1 {
		t.Errorf("fetched %d times for two tokens, want once", n)
	}
	host.kid.Store("key-2")
	ask("key-2", 200)
	ask("key-1", 401)
	if n := host.fetches.Load(); n != 3 {
		t.Errorf("fetched %d times, want once for the new key and once for the lost one", n)
	}
}

func TestUnreachableJWKSIsInvalidClient(t *testing.T) {
	host := newJWKSHost(t)
	srv, c := play(t, Config{
		Practices: []Practice{ecwPractice(quick(ECW()))},
		Clients:   []Client{{ID: clientID, JWKSURL: host.URL}},
	})
	host.Close()
	endpoint := srv.Summary().Token
	r := c.ask(endpoint, sign(t, rs384(), honest(endpoint)), ecwScope)
	if r.StatusCode != http.StatusUnauthorized || oauthCode(t, r) != "invalid_client" {
		t.Errorf("status %d: %s", r.StatusCode, r.body)
	}
}

func TestStandardTakesES384WithAPublicKeyFile(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	p := openPractice(quick(Standard()))
	p.Open = false
	srv, c := play(t, Config{
		Practices: []Practice{p},
		Clients:   []Client{{ID: clientID, PublicKeyPEM: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}},
	})
	endpoint := srv.Summary().Practices[0].Token
	text := b64([]byte(`{"alg":"ES384","typ":"JWT","kid":"any"}`)) + "." + b64(mustJSON(t, honest(endpoint)))
	digest := sha512.Sum384([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 48)), s.FillBytes(make([]byte, 48))...)
	if got := c.ask(endpoint, text+"."+b64(signature), "system/*.read"); got.StatusCode != http.StatusOK {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	if got := c.ask(endpoint, text+"."+b64(signature), "system/*.read system/Nothing.read"); oauthCode(t, got) != "invalid_client" {
		t.Errorf("second use: %s", got.body)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestATokenIsForTheClientsPracticesAndRunsOut(t *testing.T) {
	other := ecwPractice(quick(ECW()))
	other.Code = "GHIJKL"
	srv, c := play(t, Config{
		Practices: []Practice{ecwPractice(quick(ECW())), other},
		Clients:   []Client{{ID: clientID, JWKS: jwksOf("key-1"), Practices: []string{"ABCDEF"}}},
	})
	base, otherBase := srv.Practice("ABCDEF").Base(), srv.Practice("GHIJKL").Base()
	c.get(base+"/Group", http.StatusUnauthorized)
	c.login(base, ecwScope)
	c.get(base+"/Group", http.StatusOK)
	c.get(otherBase+"/Group", http.StatusUnauthorized)
	srv.Revoke()
	c.get(base+"/Group", http.StatusUnauthorized)
}

func TestTokenLifeIsScaledDownToAFloor(t *testing.T) {
	for scale, want := range map[float64]float64{1: 300, 10: 30, 1000: 5} {
		srv, c := play(t, Config{Practices: []Practice{ecwPractice(quick(ECW()))}, TimeScale: scale})
		endpoint := srv.Summary().Token
		r := c.ask(endpoint, sign(t, rs384(), honest(endpoint)), ecwScope)
		var token map[string]any
		if err := json.Unmarshal(r.body, &token); err != nil {
			t.Fatal(err)
		}
		if token["expires_in"] != want || token["scope"] != ecwScope || token["token_type"] != "bearer" {
			t.Errorf("scale %g: expires_in %v, want %v", scale, token["expires_in"], want)
		}
	}
}

func TestDiscoveryOfECW(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(quick(ECW()))}})
	base := srv.Practice("ABCDEF").Base()
	var smart map[string]any
	if err := json.Unmarshal(c.get(base+"/.well-known/smart-configuration", 200).body, &smart); err != nil {
		t.Fatal(err)
	}
	if _, there := smart["token_endpoint_auth_signing_alg_values_supported"]; there {
		t.Error("discovery tells the algorithms, which eCW does not")
	}
	token, err := url.Parse(smart["token_endpoint"].(string))
	if err != nil || strings.HasPrefix(base, "https://"+token.Host) {
		t.Errorf("the token endpoint %v is on the FHIR server", token)
	}
	scopes := smart["scopes_supported"].([]any)
	for scope, want := range map[string]bool{
		"system/Patient.read": true, "system/Patient.rs": true, "system/Patient.r": true,
		"system/Coverage.r": true, "system/Coverage.read": false, "system/Specimen.rs": false,
		"system/*.r": true, "system/*.read": false, "system/Group.read": true, "system/Appointment.read": false,
	} {
		if slices.Contains(scopes, any(scope)) != want {
			t.Errorf("%s listed: %v, want %v", scope, !want, want)
		}
	}
	root := strings.TrimSuffix(base, "/fhir/r4/ABCDEF")
	for _, path := range []string{"/metadata", "/.well-known/smart-configuration"} {
		if got := c.get(root+path, http.StatusBadRequest).outcome(); got == "" {
			t.Errorf("%s: no OperationOutcome", path)
		}
	}
}

func TestCapabilityStatementOfECWNamesAnotherPractice(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(quick(ECW()))}})
	body := c.get(srv.Practice("ABCDEF").Base()+"/metadata", 200).body
	var cs struct {
		URL            string
		FhirVersion    string
		Implementation struct{ URL string }
		Rest           []struct {
			Resource []struct {
				Type      string
				Operation []struct{ Definition string }
			}
		}
	}
	if err := json.Unmarshal(body, &cs); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(body), "ABCDEF") || !strings.HasSuffix(cs.Implementation.URL, "/fhir/r4") || cs.FhirVersion != "4.0.1" {
		t.Errorf("statement tells the practice: %s", body)
	}
	for _, r := range cs.Rest[0].Resource {
		if r.Type == "Group" && (len(r.Operation) != 2 || r.Operation[0] == r.Operation[1]) {
			t.Errorf("Group's operations: %v, want two different ones", r.Operation)
		}
	}
}

func TestGroupSearchShowsTheIdentifierThatExportWants(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(quick(ECW()))}})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	var bundle struct {
		Type  string
		Entry []struct {
			Resource struct {
				ID         string
				Identifier []struct{ Value string }
			}
		}
	}
	if err := json.Unmarshal(c.get(base+"/Group", 200).body, &bundle); err != nil {
		t.Fatal(err)
	}
	g := bundle.Entry[0].Resource
	if bundle.Type != "searchset" || g.ID != "77" || g.Identifier[0].Value != groupUUID {
		t.Errorf("bundle %+v", bundle)
	}
	c.get(base+"/Group/77", http.StatusMethodNotAllowed)
	c.get(base+"/Group?_count=10", http.StatusBadRequest)
	c.send(http.MethodGet, base+"/Group/77/$export", asyncHeaders, http.StatusUnauthorized)
	c.send(http.MethodGet, base+"/Group/"+groupUUID+"/$export", asyncHeaders, http.StatusAccepted)
}
