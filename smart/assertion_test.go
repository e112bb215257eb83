package smart

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// signed gives n assertions as a server receives them.
func assertions(t *testing.T, n int, change func(*Config)) []string {
	t.Helper()
	var mu sync.Mutex
	var list []string
	s := newSource(t, func(r *http.Request) (*http.Response, error) {
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		list = append(list, r.PostForm.Get("client_assertion"))
		return reply(503, nil, ""), nil
	}, change)
	for range n {
		if _, err := s.Token(t.Context()); err == nil {
			t.Fatal("a token came from nowhere")
		}
	}
	return list
}

func claimsOf(t *testing.T, assertion string) map[string]any {
	t.Helper()
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		t.Fatalf("the assertion has %d segments", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestAnES384SignatureIsRAndS(t *testing.T) {
	t.Attr("shows", "BS-041 BS-043")
	for _, assertion := range assertions(t, 1000, nil) {
		parts := strings.Split(assertion, ".")
		signature, err := base64.RawURLEncoding.DecodeString(parts[len(parts)-1])
		if err != nil || len(parts) != 3 || len(signature) != 96 {
			t.Fatalf("%d segments, a signature of %d octets, %v", len(parts), len(signature), err)
		}
	}
}

func TestNoNonceComesTwice(t *testing.T) {
	t.Attr("shows", "BS-054 BS-055 A7")
	const each, workers = 50, 8
	var mu sync.Mutex
	seen := map[string]bool{}
	// Eight sources stand for eight processes of one client.
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for _, assertion := range assertions(t, each, nil) {
				id, ok := claimsOf(t, assertion)["jti"].(string)
				mu.Lock()
				if !ok || len(id) < 22 || seen[id] { // 22 characters of 6 bits are more than 128
					t.Errorf("jti %q is short or repeated", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != each*workers {
		t.Errorf("%d nonces in %d assertions", len(seen), each*workers)
	}
	// The nonces come from rand.Text: a hundred thousand of those, too.
	texts := map[string]bool{}
	for range 100_000 {
		texts[rand.Text()] = true
	}
	if len(texts) != 100_000 {
		t.Errorf("%d different texts of 100000", len(texts))
	}
}

func TestAServerWhoseClockIsBehindAccepts(t *testing.T) {
	t.Attr("shows", "BS-052 BS-053 A7")
	inBubble(func(t *testing.T) {
		now := time.Now()
		claims := claimsOf(t, assertions(t, 1, nil)[0])
		exp, ok := claims["exp"].(float64)
		if !ok || exp != math.Trunc(exp) {
			t.Fatalf("exp = %v", claims["exp"])
		}
		for skew, name := range map[time.Duration]string{0: "right", -30 * time.Second: "30 s behind", -time.Minute: "a minute behind", 2 * time.Minute: "two minutes ahead"} {
			left := time.Unix(int64(exp), 0).Sub(now.Add(skew))
			if left <= 0 || left > 300*time.Second {
				t.Errorf("to a server whose clock is %s, the assertion is good for %v", name, left)
			}
		}
	})(t)
}

func TestNoJKUUnlessItIsAskedFor(t *testing.T) {
	t.Attr("shows", "BS-047 BS-048")
	for want, url := range map[bool]string{false: "", true: "https://client.example/JWKS/?a=1"} {
		head := strings.Split(assertions(t, 1, func(c *Config) { c.JWKSURL = url })[0], ".")[0]
		text, err := base64.RawURLEncoding.DecodeString(head)
		if err != nil {
			t.Fatal(err)
		}
		var header map[string]string
		if err := json.Unmarshal(text, &header); err != nil {
			t.Fatal(err)
		}
		if got, there := header["jku"]; there != want || got != url {
			t.Errorf("jku = %q, want %q", got, url)
		}
	}
}

func TestAnRSAKeyOf1024BitsIsRefused(t *testing.T) {
	t.Attr("shows", "BS-042")
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(weak)})
	if k, err := ParseKey(text); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Errorf("ParseKey = %v, %v", k, err)
	}
}

func TestOptionalMembersOfAJWKAreAccepted(t *testing.T) {
	t.Attr("shows", "BS-033")
	for _, alg := range []Algorithm{RS384, ES384} {
		text, err := testKeys()[alg].PrivateJWK()
		if err != nil {
			t.Fatal(err)
		}
		more := strings.Replace(string(text), "{", `{"key_ops":["sign"],"ext":true,"x-own":{"a":1},`, 1)
		for name, text := range map[string]string{
			"key_ops and ext":    more,
			"without alg or use": strings.NewReplacer(`"use":"sig",`, "", `"alg":"`+string(alg)+`",`, "").Replace(more),
		} {
			k, err := ParseKey([]byte(text))
			if err != nil || k.Algorithm() != alg {
				t.Errorf("%s, %s: %v, %v", alg, name, k, err)
			}
		}
	}
}

func TestASymmetricKeyNeverSigns(t *testing.T) {
	t.Attr("shows", "BS-040")
	for _, alg := range []Algorithm{"HS256", "HS384", "none", "", "RS256"} {
		if k, err := GenerateKey(alg); err == nil {
			t.Errorf("GenerateKey(%q) = %v", alg, k)
		}
	}
	_, err := Keys{testKeys()[RS384]}.SigningKey(context.WithoutCancel(t.Context()), []string{"HS256", "none"})
	if err == nil {
		t.Error("a key was chosen for a server that takes only symmetric algorithms")
	}
}

func kidOf(t *testing.T, assertion string) string {
	t.Helper()
	head, _, _ := strings.Cut(assertion, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var header struct {
		Kid string `json:"kid"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(err)
	}
	return header.Kid
}
