package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestTheOverviewLeadsToTheRemedy(t *testing.T) {
	h := newHouse(t)
	v := h.person("anna", "operator")
	page := v.get("/").body
	for _, want := range []string{"Lakeside Clinic", "needs somebody", "The server of lakeside refuses our key.", "Ask the practice to activate the app.", `href="/practices/lakeside"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the overview is without %q", want)
		}
	}
	if found := v.get("/?find=lake").body; strings.Contains(found, `href="/practices/hillcrest"`) || !strings.Contains(found, `href="/practices/lakeside"`) {
		t.Error("finding lake does not find lakeside alone")
	}
	if none := v.get("/?only=fresh").body; strings.Contains(none, `href="/practices/lakeside"`) {
		t.Error("a practice in trouble is among the fresh")
	}
	practice := v.get("/practices/lakeside").body
	for _, want := range []string{"Resume where it stopped", "Export what changed", h.exports["lakeside"], "refuses our key", "none: nothing is permitted"} {
		if !strings.Contains(practice, want) {
			t.Errorf("the practice's page is without %q", want)
		}
	}
	export := v.get("/practices/lakeside/exports/" + h.exports["lakeside"]).body
	for _, want := range []string{"Ask the practice to activate the app.", "token_refused", "by schedule", "group g-of-lakeside", "Patient"} {
		if !strings.Contains(export, want) {
			t.Errorf("the export's page is without %q", want)
		}
	}
}

func TestAViewerIsOfferedNothingToDo(t *testing.T) {
	h := newHouse(t)
	v := h.person("anna", "viewer")
	for _, path := range []string{"/practices/lakeside", "/practices/lakeside/exports/" + h.exports["lakeside"]} {
		if page := v.get(path).body; strings.Contains(page, "Resume") || strings.Contains(page, "Export everything") {
			t.Errorf("%s offers what a viewer may not do", path)
		}
	}
	if page := v.get("/").body; strings.Contains(page, "/people") {
		t.Error("a viewer is led to the people")
	}
}

func TestPagesAskTheEngineInThePersonsName(t *testing.T) {
	h := newHouse(t)
	v, id := h.person("anna", "operator@lakeside"), h.exports["lakeside"]
	v.post("/practices/lakeside/exports", "full", "1")
	v.post("/practices/lakeside/exports/" + id + "/resume")
	v.post("/practices/lakeside/exports/" + id + "/cancel")
	want := []string{"request lakeside full=true by anna", "resume lakeside", "cancel lakeside by anna"}
	if diff := cmp.Diff(want, h.work.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	h.work.refuse = problem.New(problem.AgreementDenied, "agreement A-1 ended", "Renew it.").For("lakeside")
	if got := v.post("/practices/lakeside/exports"); got.code != http.StatusForbidden || !strings.Contains(got.body, "Agreement A-1 ended.") || !strings.Contains(got.body, "Renew it.") {
		t.Errorf("what the agreement forbids: status %d", got.code)
	}
}

func TestTheAPIStartsAnExport(t *testing.T) {
	h := newHouse(t)
	v := h.program("operator@lakeside")
	got := v.ask("POST", "/api/v1/practices/lakeside/exports", "application/json", `{"full":true}`)
	var x apiExport
	if err := json.Unmarshal([]byte(got.body), &x); err != nil || got.code != http.StatusAccepted {
		t.Fatalf("status %d: %s", got.code, got.body)
	}
	if x.ID != h.exports["lakeside"] || got.header.Get("Location") != "/api/v1/practices/lakeside/exports/"+x.ID || x.State != "failed" || !x.Settled {
		t.Errorf("%+v at %s", x, got.header.Get("Location"))
	}
	if !slices.ContainsFunc(h.work.asked, func(s string) bool {
		return strings.HasPrefix(s, "request lakeside full=true by token:")
	}) {
		t.Errorf("asked: %v", h.work.asked)
	}
	h.work.refuse = problem.New(problem.Usage, "an export of this practice has not ended yet", "Watch it.").For("lakeside")
	got = v.ask("POST", "/api/v1/practices/lakeside/exports", "application/json", `{}`)
	var p apiProblem
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || got.code != http.StatusConflict || !strings.HasPrefix(got.header.Get("Content-Type"), "application/problem+json") {
		t.Fatalf("status %d, %s: %s", got.code, got.header.Get("Content-Type"), got.body)
	}
	want := apiProblem{Type: problemsPage + "#usage", Title: "An export of this practice has not ended yet.", Status: 409, Code: "usage", Tenant: "lakeside", Remedy: "Watch it."}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("problem (-want +got):\n%s", diff)
	}
	if got := v.ask("POST", "/api/v1/practices/lakeside/exports", "application/json", `{"unknown":1}`); got.code != http.StatusUnprocessableEntity {
		t.Errorf("an unknown member: status %d", got.code)
	}
}

func TestAFaultOfOursShowsNothingOfItsCause(t *testing.T) {
	h := newHouse(t)
	h.work.refuse = fmt.Errorf("canary-%s", "secret")
	for _, v := range []*visitor{h.person("anna", "operator"), h.program("operator")} {
		for _, got := range []got{
			v.post("/practices/lakeside/exports"),
			v.ask("POST", "/api/v1/practices/lakeside/exports", "application/json", `{}`),
		} {
			if got.code != http.StatusInternalServerError || strings.Contains(got.body, "canary") {
				t.Errorf("status %d: %s", got.code, got.body)
			}
		}
	}
}

func TestAnAdminGivesAndTakesAccess(t *testing.T) {
	h := newHouse(t)
	v := h.person("anna", "admin")
	if got := v.post("/people", "id", "bert", "grants", "operator@lakeside", "password", password, "again", password); got.code != http.StatusSeeOther {
		t.Fatalf("adding a person: status %d %s", got.code, got.body)
	}
	if got := v.post("/people", "id", "carl", "grants", "king", "password", password, "again", password); got.code != http.StatusUnprocessableEntity || !strings.Contains(got.body, "is no role") {
		t.Errorf("a role that is none: status %d", got.code)
	}
	if got := v.post("/people/anna/disable"); got.code != http.StatusConflict {
		t.Errorf("an admin took their own access: status %d", got.code)
	}
	if got := v.post("/people/bert/disable"); got.code != http.StatusSeeOther {
		t.Errorf("status %d", got.code)
	}
	made := v.post("/tokens", "name", "mirth", "grants", "operator@lakeside", "days", "30")
	token := made.body[strings.Index(made.body, "bhk_"):]
	token = token[:strings.Index(token, "<")]
	program := h.visit()
	program.token = token
	if got := program.get("/api/v1/practices/lakeside"); made.code != http.StatusCreated || got.code != http.StatusOK {
		t.Errorf("the new token: status %d, then %d", made.code, got.code)
	}
	if again := v.get("/people").body; strings.Contains(again, token) || !strings.Contains(again, "mirth") {
		t.Error("the token is shown twice, or not at all")
	}
	if got := v.post("/tokens/" + tokenID(token) + "/revoke"); got.code != http.StatusSeeOther {
		t.Errorf("status %d", got.code)
	}
	if got := program.get("/api/v1/practices/lakeside"); got.code != http.StatusUnauthorized {
		t.Errorf("the revoked token: status %d", got.code)
	}
}

func TestTextsFromServersAreOnlyText(t *testing.T) {
	h := newHouse(t)
	const hostile = `<script>alert(1)</script>`
	if err := h.store.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		x, err := tx.Export(h.exports["lakeside"])
		if err != nil {
			return err
		}
		if err := tx.SetProgress(&x, hostile, time.Now()); err != nil {
			return err
		}
		return tx.SetProblem(&x, problem.New(problem.ServerFailing, hostile, hostile))
	}); err != nil {
		t.Fatal(err)
	}
	v := h.person("anna", "operator")
	for _, path := range []string{"/", "/?find=" + "%3Cscript%3Ealert(1)%3C/script%3E", "/practices/lakeside", "/practices/lakeside/exports/" + h.exports["lakeside"]} {
		if strings.Contains(v.get(path).body, hostile) {
			t.Errorf("%s has the server's text as markup", path)
		}
	}
}
