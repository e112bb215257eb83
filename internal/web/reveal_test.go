package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
)

// record gives the rows of a practice's chain about who saw what.
func (o *town) record(tenant string) (rows []string) {
	o.Helper()
	for e, err := range o.store.In(tenant).Audit(o.Context(), 0) {
		if err != nil {
			o.Fatal(err)
		}
		if e.Action.Sees() || e.Action == audit.Policy {
			rows = append(rows, strings.Join([]string{e.Actor, string(e.Action), e.Object, e.Outcome, e.Reason}, "|"))
		}
	}
	return rows
}

func TestARefusedLineIsSeenWithAReasonThatIsOnRecord(t *testing.T) {
	t.Attr("asvs", "4.2.1 7.2.2 8.3.5")
	o := newTown(t)
	path := "/practices/riverbend/exports/" + o.newest + "/quarantine/0-output-1-Condition/17/reveal"
	v := o.person("anna", "privacy_officer@riverbend")
	if page := v.get("/practices/riverbend/exports/" + o.newest + "/quarantine?file=0-output-1-Condition").body; !strings.Contains(page, path) {
		t.Error("the redacted lines do not lead there")
	}
	v.want("the page that asks", v.get(path), http.StatusOK)
	before := len(o.record("riverbend"))
	for _, reason := range []string{"", "  ", strings.Repeat("x", reasonBytes+1), "a\x01b"} {
		v.want("reason "+reason, v.post(path, "reason", reason), http.StatusUnprocessableEntity)
	}
	if n := len(o.record("riverbend")); n != before {
		t.Errorf("%d rows of what was not seen", n-before)
	}
	got := v.post(path, "reason", "the vendor asks, ticket 4711")
	if got.code != http.StatusOK || !strings.Contains(got.body, "Canary") || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d: %s", got.code, got.body)
	}
	rows := o.record("riverbend")
	if want := "anna|lines_revealed|0-output-1-Condition line 17|done|the vendor asks, ticket 4711"; rows[len(rows)-1] != want {
		t.Errorf("on record is %s, want %s", rows[len(rows)-1], want)
	}
	v.want("a line that is not refused", v.post(strings.Replace(path, "/17/", "/1/", 1), "reason", "why"), http.StatusNotFound)
	v.want("no line", v.post(strings.Replace(path, "/17/", "/x/", 1), "reason", "why"), http.StatusNotFound)
}

func TestTheGlassStaysWholeForOthers(t *testing.T) {
	t.Attr("asvs", "4.1.3 4.2.1 4.3.3")
	o := newTown(t)
	export := "/practices/riverbend/exports/" + o.newest
	for grants, code := range map[string]int{
		"operator": http.StatusForbidden, "admin": http.StatusForbidden, "viewer@riverbend": http.StatusForbidden, "privacy_officer@lakeside": http.StatusNotFound, "break_glass@riverbend": http.StatusOK,
	} {
		v := o.person("p-"+strings.NewReplacer("@", "-", "_", "-").Replace(grants), grants)
		v.want(grants, v.post(export+"/quarantine/0-output-1-Condition/17/reveal", "reason", "why"), code)
		v.want(grants, v.post(export+"/patients", "reason", "why"), code)
	}
}

func TestSeeingRecordsAsksForAProofThatIsNew(t *testing.T) {
	t.Attr("asvs", "3.7.1")
	o := newTown(t)
	v := o.person("anna", "privacy_officer")
	o.sql(`UPDATE web_session SET proved_at = ?`, o.ms(time.Hour))
	path := "/practices/riverbend/exports/" + o.newest + "/patients"
	if got := v.get(path); got.header.Get("Location") != "/me/proof?next="+strings.ReplaceAll(path, "/", "%2F") {
		t.Errorf("status %d, to %s", got.code, got.header.Get("Location"))
	}
	v.want("the list without a proof", v.post(path, "reason", "why"), http.StatusForbidden)
	v.want("a wrong proof", v.post("/me/proof", "password", "not this one", "next", path), http.StatusUnprocessableEntity)
	v.want("still without", v.post(path, "reason", "why"), http.StatusForbidden)
	if got := v.post("/me/proof", "password", password, "next", path); got.header.Get("Location") != path {
		t.Errorf("status %d, to %s", got.code, got.header.Get("Location"))
	}
	v.want("the list", v.post(path, "reason", "notice of a breach, case 12"), http.StatusOK)
	rows := o.record("riverbend")
	if want := "anna|patients_listed||done|notice of a breach, case 12"; rows[len(rows)-1] != want {
		t.Errorf("on record is %s", rows[len(rows)-1])
	}
}

func TestAnAgreementThatHasEndedKeepsTheGlassWhole(t *testing.T) {
	o := newTown(t)
	c, err := o.options.Config().Tenant("riverbend")
	if err != nil {
		t.Fatal(err)
	}
	c.Agreement.Status = "terminated"
	v := o.person("anna", "privacy_officer")
	v.want("a line", v.post("/practices/riverbend/exports/"+o.newest+"/quarantine/0-output-1-Condition/17/reveal", "reason", "why"), http.StatusForbidden)
	rows := o.record("riverbend")
	if len(rows) == 0 || !strings.HasPrefix(rows[len(rows)-1], "anna|policy|read|refused|agreement_denied") {
		t.Errorf("on record is %v", rows)
	}
}
