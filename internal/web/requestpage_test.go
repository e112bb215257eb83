package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestWhatProgramsAskedForStandsOnAPage(t *testing.T) {
	o := newTown(t)
	all, own := o.person("anna", "viewer"), o.person("rita", "viewer@riverbend")
	page := all.get("/requests").body
	has(t, page, "Hillcrest Family Practice", "lakside", "no such practice", "No practice has the id", "Ask for one that is configured",
		`href="/practices/riverbend/exports/`+o.newest, "Name resource types as FHIR does", "Call-backs to warehouse do not arrive", "it answered with status 503")
	for _, v := range []*visitor{own, o.program("operator@riverbend")} {
		page := v.get("/requests").body
		has(t, page, "Riverbend Internal Medicine", "&#34;Labs&#34; is no resource type.")
		for _, other := range []string{"lakside", "hillcrest", "Hillcrest", "warehouse"} {
			if strings.Contains(page, other) {
				t.Errorf("who sees one practice sees %q", other)
			}
		}
	}
	only := all.get("/requests?only=new").body
	if !strings.Contains(only, "Hillcrest") || strings.Contains(only, "Riverbend") {
		t.Error("requests that are not taken up are not those alone")
	}
	has(t, all.get("/practices/riverbend/requests").body, "Riverbend Internal Medicine", "night-", "told ")
	has(t, all.get("/practices/cedar/requests").body, "No program has asked for an export yet.")
	has(t, all.get("/requests?only=refused&below=1").body, "No request is like that.")
}

// A row is kept as a program wrote it, also when it is refused: what may be a
// secret in it is shown nowhere.
func TestASecretInACallBackIsShownNowhere(t *testing.T) {
	o := newTown(t)
	v := o.person("anna", "operator")
	for _, path := range []string{"/requests", "/practices/riverbend/requests", "/api/v1/practices/riverbend/requests", "/api/v1/practices/riverbend/requests/2"} {
		got := v.get(path)
		if got.code != http.StatusOK || strings.Contains(got.body, "canary") || !strings.Contains(got.body, "https://mirth.example.org/done") {
			t.Errorf("%s: status %d: %s", path, got.code, got.body)
		}
	}
	for text, want := range map[string]string{
		"mirth": "mirth", "": "", "https://u:p@h.example/a?t=1#f": "https://h.example/a", "u:p@h": "a URL that cannot be read", "https://%zz": "a URL that cannot be read",
	} {
		if got := place(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestRequestsArePagedThrough(t *testing.T) {
	o := newTown(t)
	for range 120 {
		o.asked("lakeside")
	}
	for _, v := range []*visitor{o.person("anna", "viewer"), o.person("rita", "viewer@riverbend", "viewer@lakeside")} {
		seen, path := map[string]bool{}, "/requests"
		for range 10 {
			page := v.get(path).body
			for row := range strings.SplitSeq(page, `<tr><th scope="row">`) {
				if number, _, ok := strings.Cut(row, " <small>"); ok && len(number) < 5 {
					if seen[number] {
						t.Errorf("request %s is on two pages", number)
					}
					seen[number] = true
				}
			}
			_, next, more := strings.Cut(page, `rel="next" href="`)
			if !more {
				break
			}
			next, _, _ = strings.Cut(next, `"`)
			path = strings.ReplaceAll(next, "&amp;", "&")
		}
		if len(seen) != 122 && len(seen) != 124 {
			t.Errorf("%d requests are on the pages", len(seen))
		}
	}
	first := o.program("viewer").get("/api/v1/practices/lakeside/requests?limit=1&state=new&before=100").body
	if !strings.Contains(first, fmt.Sprintf(`"request":%d`, 99)) {
		t.Errorf("the request before the 100th is %s", first)
	}
}

func TestAnExportSaysWhoAskedForItAndWhoIsTold(t *testing.T) {
	o := newTown(t)
	path := "/practices/riverbend/exports/" + o.newest
	page := o.person("anna", "operator").get(path).body
	has(t, page, "Programs that asked for it, and are told", "mirth", "asked by a row", "not told yet: it answered with status 503", "the server took the kick-off")
	if strings.Contains(page, path+"/patients") {
		t.Error("who may not see whose records it holds is led there")
	}
	has(t, o.person("olga", "privacy_officer").get(path).body, `href="`+path+`/patients"`)
	has(t, o.person("dora", "break_glass@riverbend").get(path).body, `href="`+path+`/patients"`)
}

func TestAnAgreementThatPermitsNothingIsSaidOnThePracticesPage(t *testing.T) {
	o := newTown(t)
	v := o.person("anna", "viewer")
	has(t, v.get("/practices/harbor").body, "Nothing is exported: agreement BAA-2025-040 ended", "permits nothing", "Renew the agreement")
	has(t, v.get("/practices/maplewood").body, "Nothing is exported: agreement BAA-2026-001 is suspended")
	has(t, v.get("/practices/old-mill").body, "No longer configured")
	has(t, v.get("/quality").body, "Patient: 410 were delivered")
	if page := v.get("/practices/riverbend").body; strings.Contains(page, "permits nothing") || strings.Contains(page, "Nothing is exported") {
		t.Error("an agreement that is in force is said to permit nothing")
	}
}

func TestTheOverviewShowsAlertsThatNobodyHasTakenOn(t *testing.T) {
	o := newTown(t)
	v := o.person("anna", "operator")
	has(t, v.get("/").body, "Less than 5 GiB are free", "Nobody joined or left its group", "The practice must act: Ask the practice to run the report", "<b>3</b> alerts that nobody has taken on", "was due")
	if page := o.person("rita", "viewer@riverbend").get("/").body; strings.Contains(page, "5 GiB") || !strings.Contains(page, "<b>1</b> alert that") {
		t.Error("who sees one practice sees an alert of the house, or not that of the practice")
	}
	v.post("/practices/riverbend/alerts/2/acknowledge", "for", "3d")
	if page := v.get("/").body; strings.Contains(page, "Nobody joined") {
		t.Error("an alert that somebody has taken on is still shown")
	}
}

// A page that asks for news of itself is not sent again while nothing changes.
func TestNoNewsAreNotSent(t *testing.T) {
	o := newTown(t)
	v := o.person("anna", "viewer")
	first := v.ask("GET", "/deadlines", "", "", "Bulkhead-Live", "1")
	tag := first.header.Get("ETag")
	if first.code != http.StatusOK || tag == "" || first.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, tag %q", first.code, tag)
	}
	if again := v.ask("GET", "/deadlines", "", "", "Bulkhead-Live", "1", "If-None-Match", tag); again.code != http.StatusNotModified || again.body != "" {
		t.Errorf("status %d and %d bytes of what has not changed", again.code, len(again.body))
	}
	o.sql(`UPDATE alert SET summary = 'another' WHERE tenant_id = 'riverbend'`)
	if again := v.ask("GET", "/deadlines", "", "", "Bulkhead-Live", "1", "If-None-Match", tag); again.code != http.StatusOK || !strings.Contains(again.body, "Another.") {
		t.Errorf("status %d of what has changed", again.code)
	}
	if plain := v.ask("GET", "/deadlines", "", "", "If-None-Match", tag); plain.code != http.StatusOK || plain.header.Get("ETag") != "" {
		t.Errorf("a browser's own request: status %d, tag %q", plain.code, plain.header.Get("ETag"))
	}
}
