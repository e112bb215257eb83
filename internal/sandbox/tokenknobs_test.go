package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func tokenOf(t *testing.T, r reply) string {
	t.Helper()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(r.body, &token); err != nil || token.AccessToken == "" {
		t.Fatalf("no token: status %d, %s", r.StatusCode, r.body)
	}
	return token.AccessToken
}

// tokenAnswers plays a practice whose token endpoint is changed, and returns what
// asks it n times, each with an assertion of its own.
func tokenAnswers(t *testing.T, n int, scope string, change func(*TokenKnobs)) (*Server, []reply) {
	t.Helper()
	k := quick(Standard())
	change(&k.Token)
	p := openPractice(k)
	p.Open = false
	srv, c := play(t, Config{Plain: true, Practices: []Practice{p}})
	endpoint := srv.Practice("open").ownTokenURL()
	var answers []reply
	for range n {
		answers = append(answers, c.ask(endpoint, sign(t, rs384(), honest(endpoint)), scope))
	}
	return srv, answers
}

func TestExpiresInIsWrittenInEveryForm(t *testing.T) {
	for text, want := range map[string]string{
		"": `"expires_in":300`, "string": `"expires_in":"300"`, "1200": `"expires_in":1200`, `"1200"`: `"expires_in":"1200"`, "soon": `"expires_in":"soon"`,
	} {
		_, r := tokenAnswers(t, 1, "system/*.read", func(k *TokenKnobs) { k.ExpiresIn = text })
		if !strings.Contains(string(r[0].body), want) {
			t.Errorf("%q: %s", text, r[0].body)
		}
	}
	if _, r := tokenAnswers(t, 1, "system/*.read", func(k *TokenKnobs) { k.ExpiresIn = "missing" }); strings.Contains(string(r[0].body), "expires_in") {
		t.Errorf("missing: %s", r[0].body)
	}
}

func TestTheTokenEndpointHasALimit(t *testing.T) {
	_, r := tokenAnswers(t, 3, "system/*.read", func(k *TokenKnobs) { k.Limit, k.LimitWindow = 2, time.Hour*24*365*100 })
	if r[1].StatusCode != http.StatusOK || r[2].StatusCode != http.StatusTooManyRequests || r[2].Header.Get("Retry-After") == "" {
		t.Errorf("second %d, third %d with Retry-After %q", r[1].StatusCode, r[2].StatusCode, r[2].Header.Get("Retry-After"))
	}
}

func TestLessIsGrantedThanIsAsked(t *testing.T) {
	for scope, want := range map[string]string{
		"system/Patient.rs system/Observation.rs": "system/Patient.rs",
		"system/*.rs": "system/Group.rs system/Patient.rs system/Practitioner.rs",
	} {
		_, r := tokenAnswers(t, 1, scope, func(k *TokenKnobs) { k.Narrow = []string{"Observation"} })
		var token struct{ Scope string }
		if err := json.Unmarshal(r[0].body, &token); err != nil {
			t.Fatal(err)
		}
		if got := strings.Fields(token.Scope); !slices.Equal(slices.Sorted(slices.Values(got)), strings.Fields(want)) {
			t.Errorf("%s: granted %q, want %q", scope, token.Scope, want)
		}
	}
}

func TestKeysThatTheServerDoesNotAccept(t *testing.T) {
	for name, change := range map[string]func(*TokenKnobs){
		"unreachable":       func(k *TokenKnobs) { k.JWKS = JWKSUnreachable },
		"unknown kid":       func(k *TokenKnobs) { k.JWKS = JWKSUnknownKID },
		"static keys":       func(k *TokenKnobs) { k.JWKSURLOnly = true },
		"another algorithm": func(k *TokenKnobs) { k.Algorithms = []string{"ES384"} },
		"not spread yet":    func(k *TokenKnobs) { k.Propagation = time.Hour },
		"clock is ahead":    func(k *TokenKnobs) { k.Skew = 5 * time.Minute },
		"clock is behind":   func(k *TokenKnobs) { k.Skew = -2 * time.Minute },
	} {
		srv, r := tokenAnswers(t, 2, "system/*.read", change)
		for _, r := range r {
			if r.StatusCode != http.StatusUnauthorized || oauthCode(t, r) != "invalid_client" {
				t.Errorf("%s: status %d: %s", name, r.StatusCode, r.body)
			}
		}
		seen := srv.TokenObservations(clientID)
		if name == "another algorithm" {
			seen = srv.TokenObservations("") // an assertion that is not read names nobody
		}
		if seen.Requests != 2 || seen.Refused != 2 || seen.AfterRefusal != 1 {
			t.Errorf("%s: seen %+v", name, seen)
		}
	}
}

func TestTheDateOfASkewedServerIsSkewed(t *testing.T) {
	_, r := tokenAnswers(t, 1, "system/*.read", func(k *TokenKnobs) { k.Skew = time.Minute })
	at, err := http.ParseTime(r[0].Header.Get("Date"))
	if err != nil || time.Until(at) < 50*time.Second {
		t.Errorf("Date %s, %v", at, err)
	}
}

func TestAnAssertionIsUsedUpThoughTheAnswerIsNo(t *testing.T) {
	k := quick(Standard())
	k.Token.Replay = 1
	p := openPractice(k)
	p.Open = false
	srv, c := play(t, Config{Plain: true, Practices: []Practice{p}})
	endpoint := srv.Practice("open").ownTokenURL()
	assertion := sign(t, rs384(), honest(endpoint))
	var status []int
	for range 2 {
		status = append(status, c.ask(endpoint, assertion, "system/*.read").StatusCode)
	}
	status = append(status, c.ask(endpoint, sign(t, rs384(), honest(endpoint)), "system/*.read").StatusCode)
	if !slices.Equal(status, []int{503, 401, 200}) {
		t.Errorf("statuses %v", status)
	}
	if n := srv.TokenObservations(clientID).Replays; n != 1 {
		t.Errorf("%d replays seen", n)
	}
}

func TestScopesAreSpeltAsTheDialectSays(t *testing.T) {
	for dialect, want := range map[ScopeDialect][2]string{ // granted, refused
		ScopesAll:   {"system/Patient.rs system/*.read", "system/Patient.cud"},
		ScopesRead:  {"system/Patient.read", "system/Patient.rs"},
		ScopesRS:    {"system/*.rs", "system/*.read"},
		ScopesR:     {"system/Patient.r", "system/Patient.rs"},
		ScopesMixed: {"system/Patient.rs system/*.r", "system/*.rs"},
	} {
		for i, scope := range want {
			k := quick(Standard())
			k.ScopeDialect = dialect
			p := openPractice(k)
			p.Open = false
			srv, c := play(t, Config{Plain: true, Practices: []Practice{p}})
			endpoint := srv.Practice("open").ownTokenURL()
			r := c.ask(endpoint, sign(t, rs384(), honest(endpoint)), scope)
			if (i == 0) != (r.StatusCode == http.StatusOK) {
				t.Errorf("%q: %s: status %d", dialect, scope, r.StatusCode)
			}
		}
	}
}

func TestThePracticeSaysHowTheSharedEndpointBehaves(t *testing.T) {
	k := quick(ECW())
	k.Token.Life = time.Hour
	srv, c := play(t, Config{Plain: true, Practices: []Practice{ecwPractice(k)}})
	endpoint := srv.Summary().Token
	if r := c.ask(endpoint, sign(t, rs384(), honest(endpoint)), ecwScope); !strings.Contains(string(r.body), `"expires_in":3600`) {
		t.Errorf("answer %s", r.body)
	}
}
