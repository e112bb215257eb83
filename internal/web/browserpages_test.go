package web

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
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
	o.sql(`UPDATE person SET name = 'Anna Berg' WHERE person_id = 'anna'`)
	o.person("bert", "operator@riverbend", "break_glass@riverbend")
	tokenFor(t, o.store, "operator@riverbend")
	for _, p := range []struct{ name, path, until string }{
		{"overview", "/", ".tallies"},
		{"alerts", "/alerts", ".alerts"},
		{"queue", "/queue", ".meters"},
		{"deadlines", "/deadlines", "tbody"},
		{"agreements", "/deadlines?show=agreements", "tbody"},
		{"qualities", "/quality", "tbody"},
		{"requests", "/requests", "tbody"},
		{"refused", "/quarantine", "tbody"},
		{"audit", "/audit", "tbody"},
		{"practice", "/practices/riverbend", ".lanes"},
		{"practice-paused", "/practices/harbor", ".note"},
		{"practice-frozen", "/practices/old-mill", ".empty"},
		{"practice-requests", "/practices/riverbend/requests", "tbody"},
		{"practice-without-requests", "/practices/cedar/requests", ".empty"},
		{"quality", "/practices/riverbend/quality?mode=incremental", ".spark"},
		{"quarantine", "/practices/riverbend/quarantine", ".card"},
		{"roster", "/practices/riverbend/roster", ".columns"},
		{"export-live", "/practices/hillcrest/exports/" + o.live, ".curve"},
		{"export-done", "/practices/riverbend/exports/" + o.newest, ".curve"},
		{"files", "/practices/hillcrest/exports/" + o.live + "/files?state=ingested", "tbody"},
		{"lines", "/practices/riverbend/exports/" + o.newest + "/quarantine?file=0-output-1-Condition", ".structure"},
		{"reveal", "/practices/riverbend/exports/" + o.newest + "/quarantine/0-output-1-Condition/17/reveal", "input[name=reason]"},
		{"patients", "/practices/riverbend/exports/" + o.newest + "/patients", "input[name=reason]"},
		{"people-of-a-town", "/people", "tbody"},
		{"me", "/me", "tbody"},
		{"password", "/me/password", "input[name=new]"},
		{"factor", "/me/factor", "input[name=shown]"},
		{"proof", "/me/proof", "input[name=password]"},
	} {
		b.open(p.path, p.until)
		if text := b.text("main"); strings.Contains(text, "Canary") {
			t.Errorf("%s shows what a line says", p.path)
		}
		b.picture(p.name)
	}
}

// press types a key that leads to another page, and waits until that is there.
func (b *browser) press(keys string) {
	b.Helper()
	loaded := func(page.EventLoadEventFired) bool { return true }
	if _, err := chromedp.Run(b.ctx, chromedp.WaitEvent(page.LoadEventFired, loaded, chromedp.KeyEvent(keys))); err != nil {
		b.Fatal(err)
	}
}

// tabTo goes with the tabulator to what a selector names, and demands on the way
// that one sees where one is.
func (b *browser) tabTo(selector string) {
	b.Helper()
	for range 60 {
		b.do(chromedp.KeyEvent(kb.Tab))
		where, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`(() => {
			const e = document.activeElement, style = getComputedStyle(e);
			if (!e.matches(":focus-visible") || style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return "unseen " + e.outerHTML.slice(0, 80);
			return e.matches(`+"`"+selector+"`"+`) ? "there" : "on the way";
		})()`))
		if err != nil {
			b.Fatal(err)
		}
		if where == "there" {
			return
		}
		if strings.HasPrefix(where, "unseen") {
			b.Errorf("one does not see where one is: %s", where)
		}
	}
	b.Fatalf("the tabulator does not lead to %s", selector)
}

// With a keyboard alone a person signs in, finds the practice in trouble,
// resumes its export, and pauses another practice.
func TestAKeyboardIsEnough(t *testing.T) {
	h := newHouse(t)
	h.person("anna", "operator")
	b := h.browser()
	b.open("/sign-in", "input[name=password]")
	b.do(chromedp.KeyEvent("anna"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(password))
	b.press(kb.Enter)
	b.tabTo(".skip")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.tabTo(`a[href="/practices/lakeside"]`)
	b.press(kb.Enter)
	b.tabTo(`form[action$="/resume"] button`)
	b.press(kb.Enter)
	b.open("/practices/hillcrest", ".facts")
	b.tabTo("#ask-pause summary")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.tabTo("#ask-pause input[name=reason]")
	b.do(chromedp.KeyEvent("they move house"))
	b.tabTo("#ask-pause button")
	b.press(kb.Enter)
	if text := b.text("main"); !strings.Contains(text, "Paused by anna") || !strings.Contains(text, "they move house") {
		t.Errorf("the page does not say who paused it, and why: %s", text)
	}
	b.tabTo(`form[action$="/unpause"] button`)
	b.press(kb.Enter)
	if text := b.text("main"); strings.Contains(text, "Paused by") {
		t.Error("the practice is still paused")
	}
	if asked := strings.Join(h.work.asked, "; "); asked != "resume lakeside; pause tenant hillcrest: they move house; unpause tenant hillcrest" {
		t.Errorf("asked of the engine: %s", asked)
	}
}

// An export's page follows it to its end, and what somebody has opened there
// stays open.
func TestAnExportsPageFollowsItToItsEnd(t *testing.T) {
	t.Parallel() // it waits
	o := newTown(t)
	b := o.signedIn("anna", "operator")
	b.open("/practices/hillcrest/exports/"+o.live, "h1 .state.downloading")
	o.sql(`UPDATE export SET state = 'publishing', progress = '' WHERE export_id = ?`, o.live)
	b.do(chromedp.WaitVisible(chromedp.CSS("h1 .state.publishing")))
	o.sql(`UPDATE export SET state = 'completed', ended_at = ? WHERE export_id = ?`, o.ms(0), o.live)
	b.do(chromedp.WaitVisible(chromedp.CSS("h1 .state.completed")))
	if still, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`document.querySelector("[data-live]") === null`)); err != nil || !still {
		t.Errorf("the page of an export that has ended still looks for news: %v", err)
	}
}

// From an alert to the quarantine and its lines, as a person goes.
func TestAPersonFindsWhyLinesWereRefused(t *testing.T) {
	o := newTown(t)
	b := o.signedIn("anna", "operator")
	b.click(`header a[href="/quarantine"]`)
	b.click(`a[href="/practices/riverbend/quarantine"]`)
	b.do(chromedp.Click(chromedp.CSS(".card details:not(.ask) summary")), chromedp.WaitVisible(chromedp.CSS(".card td a")))
	b.click(".card td a")
	if text := b.text("main"); !strings.Contains(text, "Line 1") || strings.Contains(text, "Canary") {
		t.Errorf("the page of refused lines says %s", text)
	}
}
