package door

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestTheFirstPersonNeedsTheCode(t *testing.T) {
	t.Attr("asvs", "2.5.4")
	h := newHouse(t, func(o *Options) { o.Code = "ABCDEFGH" })
	v := h.visit()
	fields := []string{"id", "anna", "name", "Anna", "password", password, "again", password}
	if got := v.get("/sign-in"); !strings.Contains(got.body, "/first") {
		t.Error("the first page does not lead to the first person")
	}
	if got := v.post("/first", append(fields, "code", "WRONG")...); got.code != http.StatusUnprocessableEntity {
		t.Errorf("a wrong code: status %d", got.code)
	}
	if got := v.post("/first", "id", "anna", "code", "ABCDEFGH", "password", "short", "again", "short"); got.code != http.StatusUnprocessableEntity || strings.Contains(got.body, `"short"`) {
		t.Errorf("a short password: status %d", got.code)
	}
	if got := v.post("/first", append(fields, "code", " abcdefgh ")...); got.code != http.StatusSeeOther {
		t.Fatalf("the first person: status %d %s", got.code, got.body)
	}
	if got := v.get("/people"); got.code != http.StatusOK {
		t.Errorf("the first person is no admin: status %d", got.code)
	}
	other := h.visit()
	if got := other.post("/first", append(fields, "code", "ABCDEFGH")...); got.code != http.StatusNotFound {
		t.Errorf("a second first person: status %d", got.code)
	}
	if got := other.get("/sign-in"); strings.Contains(got.body, "/first") {
		t.Error("the sign-in page still leads to the first person")
	}
}

func TestWithoutACodeThereIsNoFirstPerson(t *testing.T) {
	v := newHouse(t).visit()
	if got := v.post("/first", "code", "", "id", "anna", "password", password, "again", password); got.code != http.StatusNotFound {
		t.Errorf("status %d", got.code)
	}
}

func TestSigningInSaysTheSameOfAWrongNameAndAWrongPassword(t *testing.T) {
	t.Attr("asvs", "2.2.1 7.4.1")
	h := newHouse(t)
	h.person("anna", "viewer")
	v := h.visit()
	wrong, nobody := v.post("/sign-in", "name", "anna", "password", "not the password"), v.post("/sign-in", "name", "bert", "password", "not the password")
	if wrong.code != http.StatusUnauthorized || nobody.code != wrong.code || strings.ReplaceAll(nobody.body, "bert", "anna") != wrong.body {
		t.Errorf("they differ: %d and %d", wrong.code, nobody.code)
	}
	if strings.Contains(wrong.body, "not the password") {
		t.Error("the page repeats the password")
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	t.Attr("asvs", "2.2.1 11.1.4")
	h := newHouse(t)
	h.person("anna", "viewer")
	v, refused := h.visit(), 0
	for range pairBurst + 2 {
		if got := v.post("/sign-in", "name", "anna", "password", "guess"); got.code == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nobody slowed the guesses down")
	}
	if got := v.post("/sign-in", "name", "anna", "password", password); got.code != http.StatusTooManyRequests {
		t.Errorf("the right password after many wrong ones: status %d", got.code)
	}
}

func TestASessionBeginsWithANewCookieAndEndsWithSigningOut(t *testing.T) {
	t.Attr("asvs", "3.2.1 3.3.1 3.4.2 3.4.3 3.4.5")
	h := newHouse(t)
	v := h.visit()
	if got := v.post("/sign-in", "name", "nobody", "password", "guess"); len(got.header.Values("Set-Cookie")) > 0 {
		t.Error("a refused sign-in gave a cookie")
	}
	v = h.person("anna", "viewer")
	cookie := v.post("/sign-in", "name", "anna", "password", password).header.Get("Set-Cookie")
	for _, word := range []string{"bulkhead=", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, word) {
			t.Errorf("the cookie is without %s", word)
		}
	}
	if got := v.post("/sign-out"); got.code != http.StatusSeeOther {
		t.Fatalf("signing out: status %d", got.code)
	}
	if got := v.get("/"); got.code != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/sign-in") {
		t.Errorf("after signing out: status %d", got.code)
	}
	stolen := h.visit().ask("GET", "/", "", "", "Cookie", strings.Split(cookie, ";")[0])
	if stolen.code != http.StatusSeeOther {
		t.Errorf("the old cookie still opens: status %d", stolen.code)
	}
}

func TestASessionEndsWithThePersonsAccessOrPassword(t *testing.T) {
	t.Attr("asvs", "3.3.3")
	h := newHouse(t)
	anna, bert := h.person("anna", "viewer"), h.person("bert", "viewer")
	if _, err := h.store.DisablePerson(t.Context(), "anna", accessChanged("person", "anna", nil)); err != nil {
		t.Fatal(err)
	}
	if got := anna.get("/"); got.code != http.StatusSeeOther {
		t.Errorf("a disabled person's session: status %d", got.code)
	}
	if got := anna.post("/sign-in", "name", "anna", "password", password); got.code != http.StatusUnauthorized {
		t.Errorf("a disabled person signs in: status %d", got.code)
	}
	if err := h.store.PutPerson(t.Context(), store.Person{ID: "bert", PasswordHash: "another"}, accessChanged("person", "bert", nil)); err != nil {
		t.Fatal(err)
	}
	if got := bert.get("/"); got.code != http.StatusSeeOther {
		t.Errorf("a session outlives its password: status %d", got.code)
	}
}

func tokenID(token string) string { return strings.Split(token, "_")[1] }

func TestAFormFromElsewhereIsRefused(t *testing.T) {
	t.Attr("asvs", "4.2.2 13.2.3")
	h := newHouse(t)
	v := h.person("anna", "operator")
	path := "/practices/lakeside/exports"
	for _, origin := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		if got := v.ask("POST", path, "application/x-www-form-urlencoded", "", origin...); got.code != http.StatusForbidden {
			t.Errorf("%v: status %d", origin, got.code)
		}
	}
	if n := h.begun.Load(); n > 0 {
		t.Errorf("it was done all the same, %d times", n)
	}
	if got := v.ask("POST", path, "application/x-www-form-urlencoded", "", "Sec-Fetch-Site", "same-origin"); got.code != http.StatusSeeOther {
		t.Errorf("our own form: status %d", got.code)
	}
}

func TestNobodyIsSentElsewhere(t *testing.T) {
	t.Attr("asvs", "5.1.5")
	h := newHouse(t)
	h.person("anna", "viewer")
	for next, want := range map[string]string{
		"/practices/lakeside": "/practices/lakeside", "https://evil.example/": "/", "//evil.example": "/", "/\\evil.example": "/", "/\t/evil.example": "/", "javascript:alert(1)": "/", "": "/",
	} {
		if got := h.visit().post("/sign-in", "name", "anna", "password", password, "next", next); got.header.Get("Location") != want {
			t.Errorf("next=%s leads to %s", next, got.header.Get("Location"))
		}
	}
}

func TestWhoSignsInAndWhoMayIsOnRecord(t *testing.T) {
	t.Attr("asvs", "7.1.3 7.2.1 7.2.2")
	h := newHouse(t)
	v := h.person("anna", "admin")
	v.post("/sign-in", "name", "anna", "password", "wrong")
	v.post("/sign-in", "name", "my password typed here", "password", "wrong")
	v.post("/people", "id", "bert", "grants", "operator@lakeside", "password", password, "again", password)
	v.post("/people/bert/disable")
	v.post("/tokens", "name", "mirth", "grants", "viewer", "days", "30")
	var rows []string
	first := true
	for e, err := range h.store.In(audit.House).Audit(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if first { // how the test made its first person
			first = false
			continue
		}
		if e.Source != "127.0.0.1" {
			t.Errorf("row %d comes from %q", e.Seq, e.Source)
		}
		object := e.Object
		if strings.HasPrefix(object, "token:") {
			object = "token:…"
		}
		rows = append(rows, strings.Join([]string{e.Actor, string(e.Action), object, e.Outcome, e.Facts}, " "))
	}
	want := []string{
		"anna signed_in anna done ",
		"anna signed_in anna refused ",
		"anna signed_in unknown refused ",
		`anna access_changed person:bert done {"may":["operator@lakeside"],"password":"set","was":[]}`,
		`anna access_changed person:bert done {"may":[]}`,
		`anna access_changed token:… done {"may":["viewer"]}`,
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestATokenEndsWithItsMakersPowerToMakeIt(t *testing.T) {
	for name, end := range map[string]func(h *house) error{
		"disabled": func(h *house) error {
			_, err := h.store.DisablePerson(h.Context(), "anna", accessChanged("person", "anna", nil))
			return err
		},
		"no admin any more": func(h *house) error {
			viewer := []access.Grant{{Role: access.Viewer, Tenant: access.Every}}
			_, err := h.store.PutGrants(h.Context(), store.Person{ID: "anna", Grants: viewer}, accessChanged("person", "anna", viewer))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Attr("asvs", "4.1.3")
			h := newHouse(t)
			boss := h.person("boss", "admin")
			v := h.visit()
			v.token = tokenIn(t, h.person("anna", "admin").post("/tokens", "name", "mirth", "grants", "operator@lakeside", "days", "30").body)
			if got := v.get("/api/v1/practices/lakeside"); got.code != http.StatusOK {
				t.Fatalf("the new token: status %d", got.code)
			}
			if err := end(h); err != nil {
				t.Fatal(err)
			}
			if got := v.get("/api/v1/practices/lakeside"); got.code != http.StatusUnauthorized {
				t.Errorf("a token outlives its maker's power: status %d", got.code)
			}
			if page := boss.get("/people").body; !strings.Contains(page, "opens nothing: anna is no admin any more") {
				t.Error("nobody is told that the token opens nothing")
			}
			id, _, _ := access.SplitToken(v.token)
			v.token = tokenIn(t, boss.post("/tokens/"+id+"/rotate").body)
			if got := v.get("/api/v1/practices/lakeside"); got.code != http.StatusOK {
				t.Errorf("the token that another admin made in its place: status %d", got.code)
			}
		})
	}
}

func TestNoTokenRulesTheHouse(t *testing.T) {
	t.Attr("asvs", "3.5.2 4.1.3")
	h := newHouse(t)
	anna := h.person("anna", "admin")
	for _, grants := range []string{"admin", "privacy_officer@lakeside", "viewer admin"} {
		if got := anna.post("/tokens", "name", "x", "grants", grants, "days", "30"); got.code != http.StatusUnprocessableEntity {
			t.Errorf("a token with %s: status %d", grants, got.code)
		}
	}
	if got := h.program("admin").get("/people"); got.code != http.StatusForbidden {
		t.Errorf("a token opens the people: status %d", got.code)
	}
}

func TestNobodyIsTakenOverByMistake(t *testing.T) {
	h := newHouse(t)
	h.person("bert", "viewer")
	anna := h.person("anna", "admin")
	fields := []string{"id", "bert", "grants", "viewer", "password", password, "again", password}
	if got := anna.post("/people", fields...); got.code != http.StatusConflict {
		t.Errorf("adding somebody who is there: status %d", got.code)
	}
	if got := anna.post("/people", append(fields, "change", "1")...); got.code != http.StatusSeeOther {
		t.Errorf("changing somebody: status %d", got.code)
	}
	if got := anna.post("/people", "id", "bert", "grants", "operator@lakeside", "change", "1"); got.code != http.StatusSeeOther {
		t.Errorf("changing somebody's roles: status %d", got.code)
	}
	if p, _, err := h.store.Person(t.Context(), "bert"); err != nil || len(p.Grants) != 1 || p.Grants[0].Role != "operator" || !access.VerifyPassword(p.PasswordHash, password) {
		t.Errorf("new roles left %+v, %v", p, err)
	}
	if got := anna.post("/people", "id", "cleo", "grants", "viewer"); got.code != http.StatusUnprocessableEntity {
		t.Errorf("somebody new without a password: status %d", got.code)
	}
	for _, id := range []string{"nobody", "bulkhead", "schedule"} {
		if got := anna.post("/people", "id", id, "grants", "viewer", "password", password, "again", password); got.code != http.StatusUnprocessableEntity {
			t.Errorf("a person called %s: status %d", id, got.code)
		}
	}
	if got := anna.post("/people", "id", "anna", "grants", "viewer", "password", password, "again", password, "change", "1"); got.code != http.StatusConflict {
		t.Errorf("the only admin became a viewer: status %d", got.code)
	}
}

func TestAPageThatLooksByItselfKeepsNobodySignedIn(t *testing.T) {
	t.Attr("asvs", "3.3.2")
	s := newLedger(t)
	served := (&house{T: t}).behind(Options{Config: func() *config.Config { return &config.Config{} }, Store: s, Log: slog.New(slog.DiscardHandler)})
	synctest.Test(t, func(t *testing.T) {
		p := store.Person{ID: "anna", PasswordHash: passwordHash(), Grants: grantsFor(t, []string{"viewer"})}
		if err := s.PutPerson(t.Context(), p, accessChanged("person", "anna", p.Grants)); err != nil {
			t.Fatal(err)
		}
		form := url.Values{"name": {"anna"}, "password": {password}}.Encode()
		in := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/sign-in", strings.NewReader(form))
		in.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		served.ServeHTTP(w, in)
		look := func(by string) int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Header.Set("Cookie", strings.Split(w.Header().Get("Set-Cookie"), ";")[0])
			if by != "" {
				r.Header.Set(page.ByItself, by)
			}
			answer := httptest.NewRecorder()
			served.ServeHTTP(answer, r)
			return answer.Code
		}
		for range 3 { // somebody who does something every 20 minutes stays
			<-time.After(20 * time.Minute)
			if code := look(""); code != http.StatusOK {
				t.Fatalf("a person at work: status %d", code)
			}
		}
		for range 5 {
			<-time.After(5 * time.Minute)
			if code := look("1"); code != http.StatusOK {
				t.Fatalf("the page by itself: status %d", code)
			}
		}
		<-time.After(6 * time.Minute)
		if code := look("1"); code != http.StatusSeeOther {
			t.Errorf("a page that looks by itself kept the session: status %d", code)
		}
	})
}
