package door

import (
	"net/http"
	"strings"
	"testing"
)

func TestPeopleAreToldWhatChangedOfHowTheySignIn(t *testing.T) {
	t.Attr("asvs", "2.2.3 2.5.5")
	h := newHouse(t)
	anna, boss := h.person("anna", "viewer@lakeside"), h.person("boss", "admin")
	if page := anna.get("/me").body; strings.Contains(page, "What changed") {
		t.Error("something has changed of a person who is new")
	}
	anna.want("the change", anna.post("/me/password", "password", password, "new", another, "again", another), http.StatusSeeOther)
	has(t, anna.get("/me").body, "What changed of how you sign in", "the password was changed", "127.0.0.1")

	v := h.visit()
	to := v.post("/sign-in", "name", "anna", "password", another, "next", "/practices/lakeside").header.Get("Location")
	if to != "/me?changed=1&next=%2Fpractices%2Flakeside" {
		t.Fatalf("the next sign-in leads to %s", to)
	}
	has(t, v.get(to).body, `role="alert"`, "has changed since you signed in before", `href="/practices/lakeside"`)
	if got := h.visit().post("/sign-in", "name", "anna", "password", another, "next", "/practices/lakeside"); got.header.Get("Location") != "/practices/lakeside" {
		t.Errorf("the one after it leads to %s", got.header.Get("Location"))
	}

	boss.want("an admin's reset", boss.post("/people", "id", "anna", "grants", "viewer@lakeside", "change", "1", "password", password, "again", password), http.StatusSeeOther)
	v = h.visit()
	to = v.post("/sign-in", "name", "anna", "password", password).header.Get("Location")
	if got := v.get(to); got.header.Get("Location") != "/me/password" {
		t.Errorf("a password that an admin set: status %d, to %s", got.code, got.header.Get("Location"))
	}
	v.want("her own again", v.post("/me/password", "password", password, "new", another, "again", another), http.StatusSeeOther)
	has(t, v.get("/me").body, "set by somebody else", "<td data-name=\"by\">boss</td>")

	v.want("a link to elsewhere", v.get("/me?changed=1&next=https://evil.example/"), http.StatusOK)
	if strings.Contains(v.get("/me?changed=1&next=https://evil.example/").body, "evil.example") {
		t.Error("the page leads elsewhere")
	}
}
