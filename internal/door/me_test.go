package door

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const another = "seven kettles under the stair"

func TestAPersonChangesTheirPassword(t *testing.T) {
	t.Attr("asvs", "2.1.5 2.1.6 3.3.3")
	h := newHouse(t)
	anna, other := h.person("anna", "viewer"), h.person("bert", "viewer")
	elsewhere := h.visit()
	elsewhere.want("signing in elsewhere", elsewhere.post("/sign-in", "name", "anna", "password", password), http.StatusSeeOther)
	anna.want("a wrong present one", anna.post("/me/password", "password", "not this one", "new", another, "again", another), http.StatusUnprocessableEntity)
	anna.want("two that differ", anna.post("/me/password", "password", password, "new", another, "again", another+"!"), http.StatusUnprocessableEntity)
	anna.want("a weak one", anna.post("/me/password", "password", password, "new", "PasswordPassword1", "again", "PasswordPassword1"), http.StatusUnprocessableEntity)
	anna.want("the same", anna.post("/me/password", "password", password, "new", password, "again", password), http.StatusUnprocessableEntity)
	anna.want("the change", anna.post("/me/password", "password", password, "new", another, "again", another), http.StatusSeeOther)
	anna.want("her own session", anna.get("/"), http.StatusOK)
	elsewhere.want("her other session", elsewhere.get("/"), http.StatusSeeOther)
	other.want("somebody else's session", other.get("/"), http.StatusOK)
	fresh := h.visit()
	fresh.want("the old password", fresh.post("/sign-in", "name", "anna", "password", password), http.StatusUnauthorized)
	fresh.want("the new password", fresh.post("/sign-in", "name", "anna", "password", another), http.StatusSeeOther)
}

func TestAPasswordThatAnAdminSetOpensOnlyToChooseAnother(t *testing.T) {
	t.Attr("asvs", "2.3.1")
	h := newHouse(t)
	boss := h.person("boss", "admin")
	boss.want("a new person", boss.post("/people", "id", "cleo", "grants", "operator", "password", password, "again", password), http.StatusSeeOther)
	cleo := h.visit()
	cleo.want("her first sign-in", cleo.post("/sign-in", "name", "cleo", "password", password), http.StatusSeeOther)
	for _, path := range []string{"/", "/me", "/practices/lakeside", "/me/proof"} {
		if got := cleo.get(path); got.header.Get("Location") != "/me/password" {
			t.Errorf("%s: status %d, to %s", path, got.code, got.header.Get("Location"))
		}
	}
	cleo.want("the API", cleo.get("/api/v1/practices"), http.StatusForbidden)
	cleo.want("an act", cleo.post("/practices/lakeside/exports"), http.StatusForbidden)
	if h.begun.Load() > 0 {
		t.Error("it was done all the same")
	}
	cleo.want("the page", cleo.get("/me/password"), http.StatusOK)
	cleo.want("the change", cleo.post("/me/password", "password", password, "new", another, "again", another), http.StatusSeeOther)
	cleo.want("afterwards", cleo.get("/"), http.StatusOK)
}

func TestAPasswordThatAnAdminSetLapses(t *testing.T) {
	t.Attr("asvs", "2.3.1")
	s := newLedger(t)
	p := store.Person{ID: "anna", PasswordHash: passwordHash(), PasswordUntil: time.Now().Add(-time.Second), Grants: grantsFor(t, []string{"viewer"})}
	if err := s.PutPerson(t.Context(), p, accessChanged("person", "anna", p.Grants)); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, func(o *Options) { o.Store = s })
	v := h.visit()
	v.want("a lapsed password", v.post("/sign-in", "name", "anna", "password", password), http.StatusUnauthorized)
}

var secretShown = regexp.MustCompile(`name="secret" value="([A-Z2-7]+)"`)

// setUp gives somebody an app, and its secret.
func (v *visitor) setUp() []byte {
	v.Helper()
	shown := secretShown.FindStringSubmatch(v.get("/me/factor").body)
	if shown == nil {
		v.Fatal("no secret is shown")
	}
	secret, _ := access.ParseFactor(shown[1])
	v.want("a wrong code", v.post("/me/factor", "secret", shown[1], "password", password, "shown", "000"), http.StatusUnprocessableEntity)
	v.want("a wrong password", v.post("/me/factor", "secret", shown[1], "password", another, "shown", access.CodeAt(secret, time.Now())), http.StatusUnprocessableEntity)
	v.want("setting it up", v.post("/me/factor", "secret", shown[1], "password", password, "shown", access.CodeAt(secret, time.Now())), http.StatusSeeOther)
	return secret
}

func TestASecondFactorIsAskedForFromThenOn(t *testing.T) {
	t.Attr("asvs", "2.8.1 2.8.4 4.3.1")
	h := newHouse(t)
	anna := h.person("anna", "admin")
	secret := anna.setUp()
	later := access.CodeAt(secret, time.Now().Add(30*time.Second)) // the next: the present one was taken
	v := h.visit()
	v.want("without a code", v.post("/sign-in", "name", "anna", "password", password), http.StatusUnauthorized)
	v.want("the code that was taken", v.post("/sign-in", "name", "anna", "password", password, "code", access.CodeAt(secret, time.Now())), http.StatusUnauthorized)
	v.want("a code and a wrong password", v.post("/sign-in", "name", "anna", "password", another, "code", later), http.StatusUnauthorized)
	v.want("both", v.post("/sign-in", "name", "anna", "password", password, "code", later), http.StatusSeeOther)
	again := h.visit()
	again.want("the same code again", again.post("/sign-in", "name", "anna", "password", password, "code", later), http.StatusUnauthorized)
	if p, _, err := h.store.Person(t.Context(), "anna"); err != nil || p.Factor == "" || strings.Contains(p.Factor, access.FactorText(secret)) {
		t.Error("the ledger has the secret", err)
	}
	v.want("removing it without a code", v.post("/me/factor/remove", "password", password), http.StatusUnprocessableEntity)
}

func TestAnAgreementsSecondFactorIsDemanded(t *testing.T) {
	t.Attr("asvs", "4.3.1")
	h := newHouse(t, func(o *Options) {
		lakeside, err := o.Config().Tenant("lakeside")
		if err != nil {
			t.Fatal(err)
		}
		lakeside.Agreement = &config.Agreement{Security: config.Security{MFA: true}}
	})
	there, here := h.person("there", "viewer@hillcrest"), h.person("here", "viewer@lakeside")
	there.want("who does not see the practice", there.get("/"), http.StatusOK)
	if got := here.get("/practices/lakeside"); got.header.Get("Location") != "/me/factor" {
		t.Errorf("status %d, to %s", got.code, got.header.Get("Location"))
	}
	here.want("the API", here.get("/api/v1/practices"), http.StatusForbidden)
	here.setUp()
	here.want("with an app", here.get("/practices/lakeside"), http.StatusOK)
	program := h.program("viewer@lakeside")
	program.want("a program", program.get("/api/v1/practices/lakeside"), http.StatusOK)
}

func TestSessionsAreSeenAndEnded(t *testing.T) {
	t.Attr("asvs", "3.3.4 5.3.1 5.3.3")
	h := newHouse(t)
	anna, boss := h.person("anna", "viewer"), h.person("boss", "admin")
	elsewhere := h.visit()
	elsewhere.ask("POST", "/sign-in", "application/x-www-form-urlencoded", "name=anna&password="+strings.ReplaceAll(password, " ", "+"), "User-Agent", "A <Browser> far away")
	page := anna.get("/me").body
	if !strings.Contains(page, "A &lt;Browser&gt; far away") || !strings.Contains(page, "this browser") {
		t.Errorf("the page does not show both sessions: %s", page)
	}
	end := regexp.MustCompile(`/me/sessions/(\w+)/end`).FindStringSubmatch(page)
	if end == nil {
		t.Fatal("nothing ends the other session")
	}
	boss.want("somebody else's session by one's own page", boss.post("/me/sessions/"+end[1]+"/end"), http.StatusNotFound)
	anna.want("ending it", anna.post("/me/sessions/"+end[1]+"/end"), http.StatusSeeOther)
	elsewhere.want("the ended one", elsewhere.get("/"), http.StatusSeeOther)
	anna.want("her own", anna.get("/"), http.StatusOK)
	boss.want("an admin ends hers", boss.post("/people/anna/sessions/end"), http.StatusSeeOther)
	anna.want("her own then", anna.get("/"), http.StatusSeeOther)
	boss.want("his own", boss.post("/people/boss/sessions/end"), http.StatusSeeOther)
	boss.want("which goes on", boss.get("/people"), http.StatusOK)
}

// Signing out while the browser's page looks for news must not bring the session
// back.
func TestSigningOutWinsOverARequestThatIsUnderWay(t *testing.T) {
	t.Attr("asvs", "3.3.1")
	h := newHouse(t)
	anna := h.person("anna", "viewer")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			anna.get("/")
		}
	}()
	cookie := anna.cookie()
	if got := anna.post("/sign-out"); got.code != http.StatusSeeOther {
		t.Fatal(got.code)
	}
	<-done
	if got := h.visit().ask("GET", "/", "", "", "Cookie", cookie); got.code != http.StatusSeeOther {
		t.Errorf("the session is back: status %d", got.code)
	}
}

// cookie is the session's, as a browser sends it.
func (v *visitor) cookie() string {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), http.MethodGet, v.server.URL, nil)
	if err != nil {
		v.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(r.URL) {
		if c.Name == "bulkhead" {
			return c.Name + "=" + c.Value
		}
	}
	v.Fatal("no session")
	return ""
}

func TestWhatIsDelicateAsksForAProofThatIsNew(t *testing.T) {
	t.Attr("asvs", "3.7.1")
	synctest.Test(t, func(t *testing.T) {
		v := visit{session: store.Session{ProvedAt: time.Now()}}
		<-time.After(proofHolds - time.Second)
		if !v.fresh() {
			t.Error("a proof of four minutes ago is too old")
		}
		<-time.After(time.Second)
		if v.fresh() {
			t.Error("a proof of five minutes ago is good")
		}
	})
}

func TestACookieIsForTLSWhereThereIsTLS(t *testing.T) {
	t.Attr("asvs", "3.4.1 3.4.4")
	d := &Door{opts: Options{TLS: true}}
	text := d.cookie(d.cookieName(), "x").String()
	for _, word := range []string{"__Host-bulkhead=x", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(text, word) {
			t.Errorf("%s is without %s", text, word)
		}
	}
	if strings.Contains(text, "Domain") {
		t.Errorf("%s is for other hosts too", text)
	}
}

func TestATokenIsReplacedWithoutAPause(t *testing.T) {
	t.Attr("asvs", "3.5.2 2.10.1")
	h := newHouse(t)
	boss := h.person("boss", "admin")
	old := h.visit()
	old.token = tokenIn(t, boss.post("/tokens", "name", "mirth", "grants", "operator@lakeside", "days", "30").body)
	next := h.visit()
	next.token = tokenIn(t, boss.post("/tokens/"+tokenID(old.token)+"/rotate").body)
	old.want("the old one for a day", old.get("/api/v1/practices/lakeside"), http.StatusOK)
	next.want("its successor", next.get("/api/v1/practices/lakeside"), http.StatusOK)
	next.want("its successor elsewhere", next.get("/api/v1/practices/hillcrest"), http.StatusNotFound)
	all, err := h.store.Tokens(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	for _, known := range all {
		lasts := time.Until(known.ExpiresAt)
		if known.ID == tokenID(old.token) && lasts > bothTokens || known.ID == tokenID(next.token) && (lasts < 29*24*time.Hour || lasts > 31*24*time.Hour) {
			t.Errorf("%s lasts %v", known.ID, lasts)
		}
	}
	boss.want("one that there is not", boss.post("/tokens/none/rotate"), http.StatusNotFound)
}

func tokenIn(t *testing.T, page string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "bhk_")
	if !ok {
		t.Fatal("no token is shown")
	}
	token, _, _ := strings.Cut(rest, "<")
	return "bhk_" + token
}

func TestWhatPeopleDoAboutTheirOwnAccessIsOnRecord(t *testing.T) {
	t.Attr("asvs", "7.1.3 7.2.2")
	h := newHouse(t)
	anna := h.person("anna", "viewer")
	anna.post("/me/password", "password", password, "new", another, "again", another)
	anna.post("/me/sessions/end")
	var rows []string
	for e, err := range h.store.In(audit.House).Audit(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, e.Actor+" "+string(e.Action)+" "+e.Facts)
		if strings.Contains(e.Facts, another) {
			t.Error("the record has the password")
		}
	}
	text := strings.Join(rows, "\n")
	for _, want := range []string{`anna access_changed {"may":["viewer"],"password":"changed"}`, "anna sessions_ended"} {
		if !strings.Contains(text, want) {
			t.Errorf("the record is without %s:\n%s", want, text)
		}
	}
}
