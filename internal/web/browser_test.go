package web

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A browser is a real one with one page open.
type browser struct {
	*testing.T
	ctx     context.Context
	base    string
	console iter.Seq2[chromedp.ConsoleMessage, error]
	expects string // what pages may complain of; empty: nothing
}

// quiet demands that no page had anything to complain of.
func (b *browser) quiet() {
	const end = "the test has ended"
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`console.log("`+end+`"), ""`)); err != nil {
		return // the browser is gone, and the test has said why
	}
	for m, err := range b.console {
		switch {
		case err != nil || m.Text == end:
			return
		case m.Type != chromedp.ConsoleLog && m.Type != chromedp.ConsoleInfo && m.Type != chromedp.ConsoleDebug && !strings.Contains(m.Text, "status of 404") && (b.expects == "" || !strings.Contains(m.Text, b.expects)):
			b.Errorf("the browser says of %s: %s", m.URL, m)
		}
	}
}

func (h *house) browser() *browser {
	h.Helper()
	a, cancel := chromedp.NewExecAllocator(h.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)...)
	h.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(a)
	h.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	h.Cleanup(cancel)
	b := &browser{T: h.T, ctx: ctx, base: h.server.URL, console: chromedp.Console(ctx)}
	h.Cleanup(b.quiet)
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

func (b *browser) open(path, until string) {
	b.Helper()
	b.do(chromedp.Navigate(b.base+path), chromedp.WaitVisible(chromedp.CSS(until)))
}

// click clicks what leads to another page, and waits until that is there.
func (b *browser) click(on string) {
	b.Helper()
	loaded := func(page.EventLoadEventFired) bool { return true }
	if _, err := chromedp.Run(b.ctx, chromedp.WaitEvent(page.LoadEventFired, loaded, chromedp.Click(chromedp.CSS(on)))); err != nil {
		b.Fatal(err)
	}
}

func (b *browser) text(of string) string {
	b.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS(of)))
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// looks are the ways in which every page is pictured.
var looks = []struct {
	name        string
	scheme      string
	width, high int64
}{
	{"light-desktop", "light", 1280, 900}, {"dark-desktop", "dark", 1280, 900}, {"light-phone", "light", 390, 800}, {"dark-phone", "dark", 390, 800},
}

// picture keeps the page as it looks now, and demands that it fits: nobody
// should scroll sideways.
func (b *browser) picture(name string) {
	b.Helper()
	for _, l := range looks {
		b.look(l.scheme, l.width, l.high)
		wide, err := chromedp.Run(b.ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
		if err != nil || wide > l.width {
			b.Errorf("%s, %s: the page is %d wide: %v", name, l.name, wide, err)
		}
		b.accessible(name + ", " + l.name)
		image, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(pictures(b.T), name+"-"+l.name+".png"), image, 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// pictures is the folder of the pictures: PICTURES, or else the test's own.
func pictures(t *testing.T) string {
	if dir := os.Getenv("PICTURES"); dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
		return dir
	}
	return t.ArtifactDir()
}

// A person comes for the first time, finds the practice in trouble, reads what
// to do, and resumes its export.
func TestAPersonFindsTheRemedyInABrowser(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Code = "ABCDEFGH" })
	b := h.browser()
	b.open("/", "input[name=password]")
	b.picture("sign-in")
	b.click(`a[href="/first"]`)
	b.picture("first")
	for name, text := range map[string]string{"code": "ABCDEFGH", "id": "anna", "name": "Anna Berg", "password": password, "again": password} {
		b.do(chromedp.SendKeys(chromedp.CSS("input[name="+name+"]"), text))
	}
	b.click(".fields button")
	if page := b.text("main"); !strings.Contains(page, "Ask the practice to activate the app.") {
		t.Errorf("the overview does not say what to do: %s", page)
	}
	b.picture("overview")
	b.click(`a[href="/practices/lakeside"]`)
	b.picture("practice")
	b.open("/practices/lakeside/exports/"+h.exports["lakeside"], ".phases")
	b.picture("export")
	b.click(`form[action$="/resume"] button`)
	if len(h.work.asked) != 1 || h.work.asked[0] != "resume lakeside" {
		t.Errorf("asked of the engine: %v", h.work.asked)
	}
	b.open("/people", "details")
	b.picture("people")
	b.open("/practices/nowhere", ".problem")
	b.picture("failure")
	b.click(".who button")
	b.do(chromedp.WaitVisible(chromedp.CSS("input[name=password]")))
}

// The page keeps itself up to date while somebody looks at it.
func TestTheOverviewFollowsWhatHappens(t *testing.T) {
	t.Parallel() // it waits
	h := newHouse(t)
	h.person("anna", "operator")
	b := h.browser()
	b.open("/sign-in", "input[name=password]")
	b.do(chromedp.SendKeys(chromedp.CSS("input[name=name]"), "anna"), chromedp.SendKeys(chromedp.CSS("input[name=password]"), password))
	b.click(".fields button")
	if err := h.store.PutTenants(t.Context(), []store.Tenant{{ID: "hillcrest"}}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.WaitVisible(chromedp.CSS("tr.frozen")))
}
