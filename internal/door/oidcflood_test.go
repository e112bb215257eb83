package door

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
)

// Whoever begins a sign-in can make up as many answers to it as they like.
func TestAStrangerDoesNotFillTheRecordWithAnswersOfTheProvider(t *testing.T) {
	t.Attr("asvs", "2.2.1 11.1.4")
	l := newLogin(t)
	h := withLogin(t, l)
	staff := h.visit()
	for range addressBurst + 10 { // they come from one office, and are let in
		staff.want("signing in", staff.throughProvider(""), http.StatusSeeOther)
	}
	l.answer = func(b url.Values) { b.Set("error", "access_denied") }
	stranger, held := h.visit(), 0
	for range addressBurst + 20 {
		if stranger.throughProvider("").code == http.StatusTooManyRequests {
			held++
		}
	}
	refused := 0
	for e, err := range h.store.In(audit.House).Audit(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Outcome == audit.Refused {
			refused++
		}
	}
	if refused > addressBurst+5 || held == 0 {
		t.Errorf("%d refusals are on record, and %d answers were held off", refused, held)
	}
	l.answer = nil
	staff.want("signing in from where the stranger is", staff.throughProvider(""), http.StatusSeeOther)
}

func TestALogoutTokenThatIsNotTheProvidersIsRefusedAndThenHeldOff(t *testing.T) {
	t.Attr("asvs", "11.1.4 3.5.3")
	l := newLogin(t)
	h := withLogin(t, l)
	v, stranger := h.visit(), h.visit()
	v.want("signing in", v.throughProvider(""), http.StatusSeeOther)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	l.sign = func(payload []byte) string {
		return compact(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: other, KeyID: "k2"}}, payload)
	}
	now := time.Now()
	logout := map[string]any{
		"iss": l.server.URL, "aud": "bulkhead", "sub": "s-1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": "j",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	forged := l.signed(logout)
	codes := map[int]int{}
	for range addressBurst + 50 {
		codes[stranger.post("/sign-in/provider/sign-out", "logout_token", forged).code]++
	}
	if codes[http.StatusBadRequest] == 0 || codes[http.StatusTooManyRequests] < 40 || len(codes) != 2 {
		t.Errorf("statuses %v", codes)
	}
	if l.keys > providerLooks+1 {
		t.Errorf("the provider was asked %d times for its keys", l.keys)
	}
	v.want("who was meant", v.get("/"), http.StatusOK)
	l.sign = nil
	stranger.want("the provider's own", stranger.post("/sign-in/provider/sign-out", "logout_token", l.signed(logout)), http.StatusOK)
	v.want("who was meant, then", v.get("/"), http.StatusSeeOther)
}
