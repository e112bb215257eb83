package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Who goes by keyboard stays where they are when the page renews itself, and
// Escape closes what was opened to ask something.
func TestALivePageKeepsTheKeyboardsPlace(t *testing.T) {
	t.Parallel() // it waits
	h := newHouse(t)
	b := h.signedIn("anna", "operator")
	b.tabTo(`a[href="/practices/lakeside"]`)
	if err := h.store.PutTenants(t.Context(), []store.Tenant{{ID: "lakeside", Name: "Lakeside Clinic"}}); err != nil { // and hillcrest is frozen
		t.Fatal(err)
	}
	b.do(chromedp.WaitVisible(chromedp.CSS("tr.frozen")))
	focused := func() string {
		t.Helper()
		where, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.activeElement.getAttribute("href") ?? document.activeElement.parentElement.id + " " + document.activeElement.tagName`))
		if err != nil {
			t.Fatal(err)
		}
		return where
	}
	if at := focused(); at != "/practices/lakeside" {
		t.Errorf("after the news the keyboard is at %s", at)
	}
	b.open("/practices/lakeside", "#ask-pause")
	b.tabTo("#ask-pause summary")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.tabTo("#ask-pause input[name=reason]")
	b.do(chromedp.KeyEvent(kb.Escape), chromedp.WaitVisible(chromedp.CSS("#ask-pause:not([open])")))
	if at := focused(); at != "ask-pause SUMMARY" {
		t.Errorf("after Escape the keyboard is at %s", at)
	}
}

// A page that gets no answer says that it is old, until it gets one.
func TestAPageWithoutAnAnswerSaysThatItIsOld(t *testing.T) {
	t.Parallel() // it waits
	h := newHouse(t)
	h.person("anna", "viewer")
	var ill atomic.Bool
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ill.Load() {
			http.Error(w, "", http.StatusBadGateway)
			return
		}
		h.server.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(between.Close)
	b := h.browser()
	b.base, b.expects = between.URL, "status of 502"
	b.open("/sign-in", "input[name=password]")
	b.do(chromedp.SendKeys(chromedp.CSS("input[name=name]"), "anna"), chromedp.SendKeys(chromedp.CSS("input[name=password]"), password))
	b.click(".fields button")
	ill.Store(true)
	b.do(chromedp.WaitVisible(chromedp.CSS(".old")))
	if says := b.text(".old"); !strings.Contains(says, "has not answered since 20") || !strings.Contains(says, "UTC") {
		t.Errorf("it says %s", says)
	}
	b.accessible("a page that is old")
	ill.Store(false)
	b.do(chromedp.WaitNotPresent(chromedp.CSS(".old")))
}
