package web

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// signedIn opens a browser in which a person with these roles has signed in.
func (h *house) signedIn(id string, grants ...string) *browser {
	h.Helper()
	h.person(id, grants...)
	b := h.browser()
	b.open("/sign-in", "input[name=password]")
	b.do(chromedp.SendKeys(chromedp.CSS("input[name=name]"), id), chromedp.SendKeys(chromedp.CSS("input[name=password]"), password))
	b.click(".fields button")
	return b
}

// Every page of a town is pictured, and fits a desktop and a phone, by day and
// by night.
func TestEveryPageOfATownFits(t *testing.T) {
	o := newTown(t)
	b := o.signedIn("anna", "operator", "privacy_officer", "admin")
	for _, p := range []struct{ name, path, until string }{
		{"overview", "/", ".tallies"},
		{"alerts", "/alerts", ".alerts"},
		{"queue", "/queue", ".meters"},
		{"deadlines", "/deadlines", "tbody"},
		{"agreements", "/deadlines?show=agreements", "tbody"},
		{"qualities", "/quality", "tbody"},
		{"refused", "/quarantine", "tbody"},
		{"audit", "/audit", "tbody"},
		{"practice", "/practices/riverbend", ".lanes"},
		{"practice-paused", "/practices/harbor", ".note"},
		{"quality", "/practices/riverbend/quality?mode=incremental", ".spark"},
		{"quarantine", "/practices/riverbend/quarantine", ".card"},
		{"roster", "/practices/riverbend/roster", ".columns"},
		{"export-live", "/practices/hillcrest/exports/" + o.live, ".curve"},
		{"export-done", "/practices/riverbend/exports/" + o.newest, ".curve"},
		{"files", "/practices/hillcrest/exports/" + o.live + "/files?state=ingested", "tbody"},
		{"lines", "/practices/riverbend/exports/" + o.newest + "/quarantine?file=0-output-1-Condition", ".structure"},
	} {
		b.open(p.path, p.until)
		if text := b.text("main"); strings.Contains(text, "Canary") {
			t.Errorf("%s shows what a line says", p.path)
		}
		b.picture(p.name)
	}
}
