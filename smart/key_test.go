package smart

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

func TestAKeySurvivesItsPrivateJWK(t *testing.T) {
	for alg, k := range testKeys() {
		text, err := k.PrivateJWK()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseKey(text)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if again.ID() != k.ID() || again.Algorithm() != alg {
			t.Errorf("read back %v, want %v", again, k)
		}
	}
}

func TestTheKeyIDIsTheThumbprint(t *testing.T) {
	t.Attr("shows", "BS-032")
	// The key and its thumbprint are the example of RFC 7638 section 3.1.
	const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	modulus, err := base64.RawURLEncoding.DecodeString(n)
	if err != nil {
		t.Fatal(err)
	}
	public := jose.JSONWebKey{Key: &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}}
	sum, err := public.Thumbprint(5)
	if err != nil {
		t.Fatal(err)
	}
	if got := base64.RawURLEncoding.EncodeToString(sum); got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("thumbprint = %s", got)
	}
	k := testKeys()[RS384]
	own := k.public()
	sum, err = own.Thumbprint(5)
	if err != nil {
		t.Fatal(err)
	}
	if k.ID() != base64.RawURLEncoding.EncodeToString(sum) {
		t.Errorf("id = %s, want the thumbprint", k.ID())
	}
}

func pemOf(t *testing.T, kind string, der []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestParseKeyReadsEveryPEMForm(t *testing.T) {
	t.Attr("shows", "BS-018")
	r := testKeys()[RS384].private.(*rsa.PrivateKey)
	e := testKeys()[ES384].private.(*ecdsa.PrivateKey)
	rsa8, rsaErr := x509.MarshalPKCS8PrivateKey(r)
	ec8, ecErr := x509.MarshalPKCS8PrivateKey(e)
	sec1, sec1Err := x509.MarshalECPrivateKey(e)
	withParameters := append(pemOf(t, "EC PARAMETERS", []byte{6, 5}, nil), pemOf(t, "EC PRIVATE KEY", sec1, sec1Err)...)
	for name, text := range map[string][]byte{
		"PKCS8 RSA":       pemOf(t, "PRIVATE KEY", rsa8, rsaErr),
		"PKCS8 EC":        pemOf(t, "PRIVATE KEY", ec8, ecErr),
		"PKCS1":           pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r), nil),
		"SEC1":            pemOf(t, "EC PRIVATE KEY", sec1, sec1Err),
		"SEC1 parameters": withParameters,
	} {
		k, err := ParseKey(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := testKeys()[k.Algorithm()].ID(); k.ID() != want {
			t.Errorf("%s: id = %s, want %s", name, k.ID(), want)
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	t.Attr("shows", "BS-040 BS-042")
	weak := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}}
	if _, err := newKey(weak, "", ""); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Errorf("1024-bit RSA: %v", err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256der, p256err := x509.MarshalECPrivateKey(p256)
	private, err := testKeys()[ES384].PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	public, err := testKeys()[ES384].public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	sec1, sec1err := x509.MarshalECPrivateKey(testKeys()[ES384].private.(*ecdsa.PrivateKey))
	block := string(pemOf(t, "EC PRIVATE KEY", sec1, sec1err))
	for name, c := range map[string]struct{ text, want string }{
		"nothing":       {"", "empty"},
		"prose":         {"not a key", "neither a JWK nor PEM"},
		"symmetric":     {`{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}`, "symmetric"},
		"none":          {strings.Replace(string(private), "ES384", "none", 1), "neither RS384 nor ES384"},
		"HMAC":          {strings.Replace(string(private), "ES384", "HS256", 1), "neither RS384 nor ES384"},
		"other alg":     {strings.Replace(string(private), "ES384", "RS384", 1), "want ES384"},
		"encryption":    {strings.Replace(string(private), `"sig"`, `"enc"`, 1), "not for signing"},
		"public JWK":    {string(public), "is public"},
		"public PEM":    {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is public"},
		"wrong curve":   {string(pemOf(t, "EC PRIVATE KEY", p256der, p256err)), "P-384"},
		"broken JWK":    {`{"kty":"EC","crv":"P-384","x":"AA","y":"AA","d":"AA"}`, "not a valid JWK"},
		"broken PEM":    {"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "holds no valid key"},
		"encrypted PEM": {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "password"},
		"two keys":      {block + block, "several keys"},
		"several JWK":   {`{"keys":[` + string(private) + `,` + string(private) + `]}`, "several keys"},
		"no object":     {`{`, "not a valid JWK"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := ParseKey([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseKey = %v, %v; want an error with %q", k, err, c.want)
			}
		})
	}
	if k, err := ParseKey([]byte(`{"keys":[` + string(private) + `]}`)); err != nil || k.ID() != testKeys()[ES384].ID() {
		t.Errorf("a set of one key: %v, %v", k, err)
	}
}

func TestTheKeySetIsPublicAndBare(t *testing.T) {
	t.Attr("shows", "BS-019 BS-029 BS-031 BS-032")
	text, err := JWKS(testKeys()[RS384], testKeys()[ES384])
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	var members [][]string
	for _, k := range set.Keys {
		var names []string
		for _, name := range []string{"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"} {
			if k[name] != "" {
				names = append(names, name)
				delete(k, name)
			}
		}
		if len(k) > 0 {
			t.Errorf("a public key has further members: %d", len(k))
		}
		members = append(members, names)
	}
	want := [][]string{{"kty", "kid", "use", "alg", "n", "e"}, {"kty", "kid", "use", "alg", "crv", "x", "y"}}
	if diff := cmp.Diff(want, members); diff != "" {
		t.Error(diff)
	}
	if _, err := JWKS(testKeys()[RS384], testKeys()[RS384]); err == nil {
		t.Error("two keys with one id were accepted")
	}
	if empty, err := JWKS(); err != nil || string(empty) != `{"keys":[]}` {
		t.Errorf("JWKS() = %s, %v", empty, err)
	}
}

func TestCoordinatesKeepTheirLeadingZeros(t *testing.T) {
	t.Attr("shows", "BS-030")
	curve := elliptic.P384()
	for {
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := private.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if point[1] != 0 {
			continue
		}
		k, err := newKey(private, "", "")
		if err != nil {
			t.Fatal(err)
		}
		text, err := JWKS(k)
		if err != nil {
			t.Fatal(err)
		}
		var set struct {
			Keys []struct{ X, Y string } `json:"keys"`
		}
		if err := json.Unmarshal(text, &set, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		if len(set.Keys[0].X) != 64 || len(set.Keys[0].Y) != 64 {
			t.Errorf("x and y have %d and %d characters, want 64", len(set.Keys[0].X), len(set.Keys[0].Y))
		}
		return
	}
}

func TestNoPrintingShowsAKey(t *testing.T) {
	t.Attr("shows", "BS-020")
	k := testKeys()[ES384]
	want := "ES384 key " + k.ID()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if got := fmt.Sprintf(verb, k); got != want {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	if text, err := json.Marshal(k); err == nil {
		t.Errorf("JSON of a key is %s", text)
	}
}
