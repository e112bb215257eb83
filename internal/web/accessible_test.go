package web

import (
	_ "embed"
	"strings"

	"github.com/chromedp/chromedp"
)

// accessibleScript gives what of a page keeps people from using it, one fault a
// line.
//
//go:embed testdata/accessible.js
var accessibleScript string

// accessible demands of the page that is shown what WCAG 2.2 AA demands, as far
// as a program can see: names, labels, landmarks, order of headings, contrast.
// https://www.w3.org/TR/WCAG22/
func (b *browser) accessible(name string) {
	b.Helper()
	faults, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](accessibleScript))
	if err != nil {
		b.Fatal(err)
	}
	for fault := range strings.Lines(faults) {
		b.Errorf("%s: %s", name, strings.TrimSpace(fault))
	}
}
