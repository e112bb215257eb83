package door

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestAPersonSignsInAtTheIdentityProvider(t *testing.T) {
	t.Attr("asvs", "3.1.1")
	l := newLogin(t)
	h := withLogin(t, l)
	v := h.visit()
	if page := v.get("/sign-in").body; !strings.Contains(page, "Sign in with Example Login") {
		t.Error("the page does not lead there")
	}
	got := v.throughProvider("?next=/practices/lakeside")
	if got.code != http.StatusSeeOther || got.header.Get("Location") != "/practices/lakeside" {
		t.Fatalf("status %d, to %s: %s", got.code, got.header.Get("Location"), got.body)
	}
	v.want("her practice", v.get("/practices/lakeside"), http.StatusOK)
	v.want("another practice", v.get("/practices/hillcrest"), http.StatusNotFound)
	v.want("people", v.get("/people"), http.StatusForbidden)
	p, ok, err := h.store.PersonOf(t.Context(), l.server.URL+" s-1")
	if err != nil || !ok || p.ID != "dana" || p.Name != "Dana Doe" || p.PasswordHash != "" || len(p.Grants) != 1 || p.Grants[0].String() != "operator@lakeside" {
		t.Errorf("%+v, %v", p, err)
	}
	list, err := h.store.SessionsOf(t.Context(), "dana", time.Time{})
	if err != nil || len(list) != 1 || list[0].Way != store.ByProvider || time.Until(list[0].EndsAt) > time.Hour {
		t.Errorf("her sessions: %+v, %v", list, err)
	}
}

// Each of these is an answer that somebody made up, or that is not for us.
func TestAnAnswerThatIsNotForThisSignInIsRefused(t *testing.T) {
	t.Attr("asvs", "3.5.3")
	set := func(name string, value any) func(*login) {
		return func(l *login) { l.change = func(c map[string]any) { c[name] = value } }
	}
	for name, change := range map[string]func(*login){
		"another nonce":          set("nonce", "other"),
		"no nonce":               set("nonce", nil),
		"another audience":       set("aud", "other"),
		"two audiences":          set("aud", []string{"bulkhead", "other"}),
		"another party":          set("azp", "other"),
		"another issuer":         set("iss", "https://evil.example"),
		"expired":                set("exp", time.Now().Add(-time.Minute).Unix()),
		"not yet":                set("nbf", time.Now().Add(time.Hour).Unix()),
		"nobody":                 set("sub", ""),
		"another access token":   set("at_hash", "AAAA"),
		"the algorithm none":     func(l *login) { l.sign = unsigned },
		"another key":            func(l *login) { l.sign = byAnother(t) },
		"the public key as HMAC": func(l *login) { l.sign = byPublicKey(t, l) },
		"no token at all":        func(l *login) { l.sign = func([]byte) string { return "" } },
		"a page": func(l *login) {
			l.token = func(w http.ResponseWriter) bool { _, err := w.Write([]byte("<html>canary")); return err == nil }
		},
		"mix-up":                func(l *login) { l.answer = func(b url.Values) { b.Set("iss", "https://evil.example") } },
		"mix-up without a name": func(l *login) { l.more = map[string]any{"authorization_response_iss_parameter_supported": true} },
		"an error": func(l *login) {
			l.answer = func(b url.Values) { b.Set("error", "access_denied"); b.Set("error_description", "canary") }
		},
		"another state":         func(l *login) { l.answer = func(b url.Values) { b.Set("state", "x") } },
		"no state":              func(l *login) { l.answer = func(b url.Values) { b.Del("state") } },
		"another code":          func(l *login) { l.answer = func(b url.Values) { b.Set("code", "x") } },
		"no code":               func(l *login) { l.answer = func(b url.Values) { b.Del("code") } },
		"no role of ours":       func(l *login) { l.says["groups"] = []string{"else"} },
		"no roles":              func(l *login) { delete(l.says, "groups") },
		"roles of another form": func(l *login) { l.says["groups"] = map[string]any{"ops": true} },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogin(t)
			change(l)
			var log strings.Builder
			h := withLogin(t, l)
			v := h.visit()
			got := v.throughProvider("")
			if got.code != http.StatusForbidden && got.code != http.StatusBadGateway {
				t.Errorf("status %d: %s", got.code, got.body)
			}
			if strings.Contains(got.body, "canary") || !strings.Contains(got.body, "What to do") {
				t.Errorf("the page is %s", got.body)
			}
			v.want("the overview", v.get("/"), http.StatusSeeOther)
			if people, err := h.store.People(t.Context()); err != nil || len(people) > 0 {
				t.Errorf("somebody was made: %v, %v", people, err)
			}
			if log.Len() > 0 {
				t.Error(log.String())
			}
		})
	}
}

func TestAnAnswerCountsOnceAndInOneBrowser(t *testing.T) {
	t.Attr("asvs", "4.2.2")
	l := newLogin(t)
	h := withLogin(t, l)
	victim, thief := h.visit(), h.visit()
	back := thief.follow(thief.get("/sign-in/provider").header.Get("Location")).header.Get("Location")
	victim.want("in another browser", victim.follow(back), http.StatusForbidden)
	victim.get("/sign-in/provider") // one that has begun a sign-in of its own
	victim.want("in another browser that signs in", victim.follow(back), http.StatusForbidden)
	thief.want("where it began", thief.follow(back), http.StatusSeeOther)
	thief.want("again", thief.follow(back), http.StatusForbidden)
	// The code alone, with the state and the verifier of another flow.
	there := victim.get("/sign-in/provider").header.Get("Location")
	mine := victim.follow(there).header.Get("Location")
	u, err := url.Parse(mine)
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := url.Parse(thief.follow(thief.get("/sign-in/provider").header.Get("Location")).header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("code", stolen.Query().Get("code"))
	u.RawQuery = q.Encode()
	victim.want("a code of another flow", victim.follow(u.String()), http.StatusBadGateway)
}

func TestAFlowLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlow("/practices/lakeside?x=1", true)
		<-time.After(flowHolds - time.Second)
		got, ok := parseFlow(f.text)
		if !ok || got.next != "/practices/lakeside?x=1" || !got.again || got.state() != f.state() || got.nonce() == got.state() || len(got.verifier()) != 43 {
			t.Errorf("%+v, %v", got, ok)
		}
		<-time.After(time.Second)
		if _, ok := parseFlow(f.text); ok {
			t.Error("a flow of ten minutes ago counts")
		}
		for _, bad := range []string{"", "a.b.c.d", strings.Replace(f.text, ".again.", ".first.x.", 1)} {
			if _, ok := parseFlow(bad); ok {
				t.Errorf("%q is a flow", bad)
			}
		}
	})
}

func TestRolesAreThoseThatTheProviderGivesNow(t *testing.T) {
	t.Attr("asvs", "4.1.2")
	l := newLogin(t)
	h := withLogin(t, l)
	v := h.visit()
	v.want("as an operator", v.throughProvider(""), http.StatusSeeOther)
	l.says["groups"] = "all"
	v.want("as somebody else", v.throughProvider(""), http.StatusSeeOther)
	v.want("another practice then", v.get("/practices/hillcrest"), http.StatusOK)
	v.want("an act", v.post("/practices/lakeside/exports"), http.StatusForbidden)
	elsewhere := h.visit()
	l.says["groups"] = []string{}
	elsewhere.want("without roles", elsewhere.throughProvider(""), http.StatusForbidden)
	v.want("her session then", v.get("/"), http.StatusSeeOther)
	l.says["groups"] = "ops"
	v.want("roles came back", v.throughProvider(""), http.StatusSeeOther)
	if _, err := h.store.DisablePerson(t.Context(), "dana", accessChanged("person", "dana", nil)); err != nil {
		t.Fatal(err)
	}
	v.want("with access taken here", v.throughProvider(""), http.StatusForbidden)
	var rows []string
	for e, err := range h.store.In(audit.House).Audit(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, strings.Join([]string{string(e.Action), e.Object, e.Outcome, e.Reason, e.Facts}, " "))
	}
	want := []string{
		`access_changed person:dana done  {"by":"provider","may":["operator@lakeside"],"was":[]}`,
		`signed_in dana done  {"way":"provider"}`,
		`access_changed person:dana done  {"by":"provider","may":["privacy_officer","viewer"],"was":["operator@lakeside"]}`,
		`signed_in dana done  {"way":"provider"}`,
		`access_changed person:dana done  {"by":"provider","may":[],"was":["privacy_officer","viewer"]}`,
		`signed_in dana refused sign_in_refused `,
		`access_changed person:dana done  {"by":"provider","may":["operator@lakeside"],"was":[]}`,
		`signed_in dana done  {"way":"provider"}`,
		`access_changed person:dana done  {"may":[]}`,
		`signed_in dana refused sign_in_refused `,
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestNobodyIsTakenOverByAName(t *testing.T) {
	l := newLogin(t)
	h := withLogin(t, l)
	h.person("dana", "admin")
	for _, c := range []struct{ sub, name, want string }{
		{"s-1", "dana", "dana-"}, {"s-2", "DANA", "dana-"}, {"s-3", "schedule", "schedule-"}, {"s-4", "Ärzte & Co", "p-"}, {"s-5", "e@x.org", "e@x.org"}, {"s-6", "", "s-6"},
	} {
		l.says["sub"], l.says["preferred_username"] = c.sub, c.name
		v := h.visit()
		v.want(c.name, v.throughProvider(""), http.StatusSeeOther)
		p, ok, err := h.store.PersonOf(t.Context(), l.server.URL+" "+c.sub)
		if err != nil || !ok || !strings.HasPrefix(p.ID, c.want) || p.ID == "dana" || !access.ValidID(p.ID) {
			t.Errorf("%s is %q, %v", c.name, p.ID, err)
		}
		v.want("people", v.get("/people"), http.StatusForbidden)
	}
}

func TestWhileTheProviderIsDownAnAdminSignsInOnRecord(t *testing.T) {
	t.Attr("asvs", "7.2.1")
	l := newLogin(t)
	l.down = true
	h := withLogin(t, l)
	boss := h.person("boss", "admin")
	boss.want("people", boss.get("/people"), http.StatusOK)
	v := h.visit()
	for range 5 {
		got := v.get("/sign-in/provider")
		if got.code != http.StatusBadGateway || strings.Contains(got.body, "canary") || !strings.Contains(got.body, "identity_provider") {
			t.Errorf("status %d: %s", got.code, got.body)
		}
	}
	if l.asked != 1 {
		t.Errorf("the provider was asked %d times at once", l.asked)
	}
	last := ""
	for e, err := range h.store.In(audit.House).Audit(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		last = string(e.Action) + " " + e.Object
	}
	if last != "glass_broken boss" {
		t.Errorf("on record is %s", last)
	}
}

func TestASecondFactorIsAskedOfTheProvider(t *testing.T) {
	t.Attr("asvs", "4.3.1")
	l := newLogin(t)
	h := withLogin(t, l, func(o *config.OIDC) { o.RequireMFA = true })
	v := h.visit()
	v.want("without", v.throughProvider(""), http.StatusForbidden)
	l.says["amr"] = []string{"pwd"}
	v.want("with a password", v.throughProvider(""), http.StatusForbidden)
	l.says["amr"] = []string{"pwd", "mfa"}
	v.want("with two", v.throughProvider(""), http.StatusSeeOther)
	delete(l.says, "amr")
	l.says["acr"] = "mfa"
	v.want("by its class", v.throughProvider(""), http.StatusSeeOther)
}

func TestAProofAtTheProviderIsOfTheSamePersonAndNew(t *testing.T) {
	t.Attr("asvs", "3.7.1")
	l := newLogin(t)
	h := withLogin(t, l)
	v := h.visit()
	v.want("signing in", v.throughProvider(""), http.StatusSeeOther)
	if got := v.throughProvider("?again=1&next=/me"); got.header.Get("Location") != "/me" {
		t.Errorf("a proof: status %d %s", got.code, got.body)
	}
	l.change = func(c map[string]any) { c["auth_time"] = time.Now().Add(-time.Hour).Unix() }
	v.want("an old one", v.throughProvider("?again=1"), http.StatusForbidden)
	l.change = func(c map[string]any) { delete(c, "auth_time") }
	v.want("one that does not say when", v.throughProvider("?again=1"), http.StatusForbidden)
	l.change, l.says["sub"] = nil, "s-2"
	v.want("somebody else's", v.throughProvider("?again=1"), http.StatusForbidden)
	stranger := h.visit()
	stranger.want("of nobody", stranger.throughProvider("?again=1"), http.StatusSeeOther)
}

func TestSigningOutLeadsToTheProvider(t *testing.T) {
	t.Attr("asvs", "3.3.1")
	l := newLogin(t)
	h := withLogin(t, l)
	v := h.visit()
	v.throughProvider("")
	got := v.post("/sign-out")
	if got.code != http.StatusOK || !strings.Contains(got.body, l.server.URL+"/out?client_id=bulkhead&amp;post_logout_redirect_uri=") {
		t.Errorf("status %d: %s", got.code, got.body)
	}
	v.want("afterwards", v.get("/"), http.StatusSeeOther)
}

func TestTheProviderEndsSessions(t *testing.T) {
	t.Attr("asvs", "3.3.1")
	l := newLogin(t)
	h := withLogin(t, l)
	v, program := h.visit(), h.visit()
	out := func(change func(map[string]any)) got {
		now := time.Now()
		c := map[string]any{
			"iss": l.server.URL, "aud": "bulkhead", "sub": "s-1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": "j",
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
		change(c)
		return program.post("/sign-in/provider/sign-out", "logout_token", l.signed(c))
	}
	for name, change := range map[string]func(map[string]any){
		"of all":  func(map[string]any) {},
		"of one":  func(c map[string]any) { c["sid"] = "there-1" },
		"by name": func(c map[string]any) { c["sid"] = "there-1"; delete(c, "sub") },
	} {
		v.want("signing in", v.throughProvider(""), http.StatusSeeOther)
		v.want("signed in", v.get("/"), http.StatusOK)
		program.want(name, out(change), http.StatusOK)
		v.want(name+", afterwards", v.get("/"), http.StatusSeeOther)
	}
	v.want("signing in", v.throughProvider(""), http.StatusSeeOther)
	for name, change := range map[string]func(map[string]any){
		"of another person":  func(c map[string]any) { c["sub"] = "s-2" },
		"of another session": func(c map[string]any) { c["sid"] = "there-2" },
		"of another program": func(c map[string]any) { c["aud"] = "other" },
		"an ID token":        func(c map[string]any) { c["nonce"] = "x"; delete(c, "events") },
		"an old one":         func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() },
	} {
		out(change)
		if got := v.get("/"); got.code != http.StatusOK {
			t.Errorf("%s ended the session", name)
		}
	}
}

func TestAProviderThatLiesIsNotUsed(t *testing.T) {
	l := newLogin(t)
	l.more = map[string]any{"issuer": "https://evil.example"}
	h := withLogin(t, l)
	v := h.visit()
	v.want("another issuer", v.get("/sign-in/provider"), http.StatusBadGateway)
	var none *provider
	d := &Door{provider: none}
	if err := d.toProvider(nil, nil); err == nil {
		t.Error("there is a way to no provider")
	}
}
