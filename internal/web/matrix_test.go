package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/door"
)

var farAway = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// An ask is one route, filled in for lakeside.
type ask struct {
	method, path string
	act          access.Act
	api          bool
	tenant       bool // it names a practice
	house        bool
	person       bool // it asks for a person: no token opens it
}

// asks gives every route of the pages and every operation of the API as it
// describes itself, so that a new one is in the matrix by itself.
func asks(h *house) []ask {
	h.Helper()
	fill := strings.NewReplacer("{tenant}", "lakeside", "{export}", h.exports["lakeside"], "{person}", "nobody", "{token}", "none", "{session}", "none", "{file}", "none", "{line}", "1", "{alert}", "none", "{$}", "")
	s := &Server{}
	var all []ask
	for _, r := range s.routes() {
		all = append(all, ask{r.Method, fill.Replace(r.Path), r.Act, false, strings.Contains(r.Path, "{tenant}"), r.House, r.House || r.Person})
	}
	var described struct {
		Paths map[string]map[string]struct {
			Permission access.Act `json:"x-permission"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(h.visit().get("/api/openapi.json").body), &described); err != nil {
		h.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(described.Paths)) {
		for method, operation := range described.Paths[path] {
			act := operation.Permission
			if changes := method != "get"; changes != (act == access.Operate) {
				h.Errorf("%s %s asks for %q", method, path, act)
			}
			all = append(all, ask{strings.ToUpper(method), fill.Replace(path), act, true, strings.Contains(path, "{tenant}"), false, false})
		}
	}
	if len(all) < 20 {
		h.Fatalf("only %d routes are known", len(all))
	}
	return all
}

func TestEveryRouteIsOpenOnlyToThoseWhoMay(t *testing.T) {
	t.Attr("asvs", "4.1.1 4.1.3 4.1.5 13.1.4 13.2.1")
	h := newHouse(t)
	h.asked("lakeside") // number 1
	all := asks(h)
	for name, grants := range map[string][]string{
		"nobody": nil, "viewer": {"viewer"}, "operator": {"operator"}, "privacy": {"privacy_officer"}, "admin": {"admin"},
		"viewer-here": {"viewer@lakeside"}, "operator-here": {"operator@lakeside"}, "privacy-here": {"privacy_officer@lakeside"},
		"viewer-there": {"viewer@hillcrest"}, "operator-there": {"operator@hillcrest"}, "privacy-there": {"privacy_officer@hillcrest"},
		"mixed": {"operator@hillcrest", "viewer@lakeside"}, "on-call-here": {"operator@hillcrest", "break_glass@lakeside"}, "on-call-there": {"operator@lakeside", "break_glass@hillcrest"},
	} {
		for _, way := range []string{"person", "token"} {
			t.Run(way+" "+name, func(t *testing.T) {
				var v *visitor
				switch {
				case len(grants) == 0:
					v = h.visit()
				case way == "person":
					v = h.person(name, grants...)
				default:
					v = h.program(grants...)
				}
				actor := access.Actor{Grants: grantsFor(t, grants)}
				for _, a := range all {
					if a.path == "/sign-out" || a.path == "/sign-in" {
						continue // these have tests of their own
					}
					body, kind := "", ""
					if a.api && a.method == "POST" && strings.HasSuffix(a.path, "/exports") {
						body, kind = "{}", "application/json"
					}
					got := v.ask(a.method, a.path, kind, body)
					checkDecision(t, a, actor, len(grants) > 0 && (way == "person" || !a.person), len(grants) > 0, got)
				}
			})
		}
	}
}

// checkDecision compares an answer with what the roles say, worked out here
// anew: pages and API must not decide by the same mistake.
func checkDecision(t *testing.T, a ask, who access.Actor, opens, known bool, got got) {
	t.Helper()
	sees := slices.ContainsFunc(who.Grants, func(g access.Grant) bool { return g.Tenant == access.Every || g.Tenant == "lakeside" })
	may := slices.ContainsFunc(who.Grants, func(g access.Grant) bool {
		if a.house && g.Tenant != access.Every || a.tenant && g.Tenant != access.Every && g.Tenant != "lakeside" {
			return false
		}
		switch a.act {
		case access.See:
			return true
		case access.Operate:
			return g.Role == access.Operator
		case access.Examine:
			return g.Role == access.PrivacyOfficer || g.Role == access.Admin
		case access.Reveal:
			return g.Role == access.PrivacyOfficer || g.Role == access.BreakGlass
		case access.Administer:
			return g.Role == access.Admin
		}
		return false
	})
	want := func(code int) {
		t.Helper()
		if got.code != code {
			t.Errorf("%s %s: status %d, want %d", a.method, a.path, got.code, code)
		}
		if strings.Contains(strings.ToLower(got.body), "hillcrest") || strings.Contains(got.body, "refuses our key") {
			t.Errorf("%s %s: a refusal tells something", a.method, a.path)
		}
	}
	switch {
	case a.act == door.Anybody:
		if got.code != http.StatusOK && got.code != http.StatusNotFound {
			t.Errorf("%s %s: status %d of an open page", a.method, a.path, got.code)
		}
	case !known && a.method == "GET" && !a.api:
		want(http.StatusSeeOther)
	case !known:
		want(http.StatusUnauthorized)
	case a.tenant && !sees:
		want(http.StatusNotFound)
	case !may || !opens:
		want(http.StatusForbidden)
	case got.code == http.StatusNotFound && !strings.Contains(a.path, "/nobody/") && !strings.Contains(a.path, "/none/"),
		got.code == http.StatusUnauthorized || got.code == http.StatusForbidden || got.code >= 500:
		t.Errorf("%s %s: status %d for one who may: %s", a.method, a.path, got.code, got.body)
	}
}

func TestNothingOfAnotherPracticeIsShown(t *testing.T) {
	t.Attr("asvs", "4.2.1")
	h := newHouse(t)
	marks := []string{"hillcrest", "Hillcrest", "HILLCR", h.exports["hillcrest"]}
	for _, v := range []*visitor{h.person("anna", "viewer@lakeside", "operator@lakeside", "privacy_officer@lakeside"), h.program("operator@lakeside")} {
		for _, path := range []string{
			"/", "/?find=hill", "/practices/lakeside", "/practices/lakeside/exports/" + h.exports["lakeside"],
			"/practices/lakeside/exports/" + h.exports["hillcrest"], "/practices/hillcrest", "/practices/hillcrest/exports/" + h.exports["hillcrest"], "/people", "/nowhere",
			"/api/v1/practices", "/api/v1/practices/lakeside", "/api/v1/practices/lakeside/exports", "/api/v1/practices/hillcrest/exports",
			"/api/v1/practices/lakeside/exports/" + h.exports["hillcrest"], "/api/v1/practices/hillcrest/exports/" + h.exports["hillcrest"], "/api/openapi.json",
		} {
			got := v.get(path)
			for _, mark := range marks {
				if strings.Contains(got.body, mark) && !strings.Contains(path, mark) && path != "/?find=hill" {
					t.Errorf("%s shows %q", path, mark)
				}
			}
			if strings.Contains(path, "hillcrest") && got.code != http.StatusNotFound {
				t.Errorf("%s: status %d", path, got.code)
			}
			if strings.Contains(path, h.exports["hillcrest"]) && got.code != http.StatusNotFound {
				t.Errorf("%s: status %d: another practice's export is reached through one's own", path, got.code)
			}
		}
	}
}

// A practice that is there and hidden must look like one that is not there.
func TestAHiddenPracticeLooksLikeNone(t *testing.T) {
	h := newHouse(t)
	v := h.person("anna", "viewer@lakeside")
	hidden, none := v.get("/practices/hillcrest"), v.get("/practices/nowhere")
	if hidden.code != none.code || strings.ReplaceAll(hidden.body, "hillcrest", "nowhere") != none.body {
		t.Errorf("they differ: %d and %d", hidden.code, none.code)
	}
}
