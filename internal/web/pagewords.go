package web

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// pageWords are further things that pages say of values.
var pageWords = template.FuncMap{
	"span":     page.Span,
	"alertFor": alertFor,
	"days":     days,
	"retained": retained,
	"tabs":     tabsOf,
	"stages":   look.Stages,
	"within":   func() []int { return []int{7, 30, 90, 180, withinAtMost} },
	"hour":     func(t time.Time) string { return t.UTC().Format("2 Jan 15:04") + " UTC" },
	"asof":     asOf,
	"happened": happened,
	"short":    func(t time.Time) string { return t.UTC().Format("2 Jan 15:04") },
	"second":   func(t time.Time) string { return t.UTC().Format(time.DateTime) },
	"more": func(n int64) string {
		if n == 2 {
			return "one more"
		}
		return fmt.Sprintf("%d more", n-1)
	},
}

// asOf writes a server's instant as pages write times; what is none, as it came.
func asOf(instant string) string {
	t, err := fhir.ParseInstant(instant)
	if err != nil {
		return instant
	}
	return wording.Moment(t)
}

// happenings say what moves an export.
var happenings = map[life.Event]string{
	life.Admit: "it got its slots", life.Retake: "it takes refused lines again", life.Accepted: "the server took the kick-off",
	life.Busy: "the server asked to come later", life.Lost: "no answer came to the kick-off", life.Listed: "the server has made the files",
	life.Vanished: "the server has forgotten it", life.Stored: "every file is in raw", life.Ingested: "every file is staged",
	life.Complete: "every sink has it", life.Deny: "the agreement does not permit it", life.Refuse: "it stopped with a problem",
	life.Cancel: "it was cancelled", life.Queue: "it waits for its slots again", life.Restart: "it begins anew", life.Repoll: "it goes on asking the server",
	life.Reload: "it goes on downloading", life.Reingest: "it goes on ingesting", life.Publish: "it goes on publishing",
}

// happened says what a line of a timeline means; what has no words is its kind.
func happened(kind string) string {
	if says, ok := happenings[life.Event(kind)]; ok {
		return says
	}
	return strings.ReplaceAll(kind, "_", " ")
}

// tabsOf gives the pages of a practice; here is which one is shown.
func tabsOf(tenant, here string) []page.Tab {
	base := "/practices/" + tenant
	list := []page.Tab{{Path: base, Name: "practice"}, {Path: base + "/quality", Name: "quality"}, {Path: base + "/quarantine", Name: "quarantine"}, {Path: base + "/roster", Name: "roster"}, {Path: base + "/requests", Name: "requests"}}
	for i := range list {
		list[i].Here = list[i].Name == here
	}
	return list
}

// retained says how long what an export leaves here is kept.
func retained(r config.Retention) string {
	var parts []string
	for _, kind := range []struct {
		name string
		long config.Duration
	}{{"raw", r.Raw}, {"staged", r.Staged}, {"quarantine", r.Quarantine}, {"documents", r.Attachments}} {
		if kind.long > 0 {
			parts = append(parts, kind.name+" "+days(kind.long.Std()))
		}
	}
	if len(parts) == 0 {
		return "as long as it stands"
	}
	return strings.Join(parts, ", ")
}

// An alertView is one alert as a page shows it.
type alertView struct {
	Alert store.Alert
	Quiet bool   // somebody has taken it on
	May   bool   // who looks may take it on
	Link  bool   // the practice's name leads to its page
	Next  string // the page to come back to
	Ack   string // where the form of taking it on goes
}

// alertFor is an alert for who looks at a frame, on the page next.
func alertFor(f page.Frame, a store.Alert, next string) alertView {
	ack := fmt.Sprintf("/alerts/%d/acknowledge", a.ID)
	if a.Tenant != "" {
		ack = "/practices/" + a.Tenant + ack
	}
	return alertView{Alert: a, Quiet: look.Quiet(a, f.Now), May: f.Actor.May(access.Operate, a.Tenant), Link: next == "/alerts", Next: next, Ack: ack}
}

// leading are the pages that lead from every page, for who looks at the page of a
// path.
func leading(who access.Actor, path string) []page.Tab {
	list := []page.Tab{{Path: "/", Name: "Practices"}, {Path: "/alerts", Name: "Alerts"}, {Path: "/queue", Name: "Queue"}, {Path: "/deadlines", Name: "Deadlines"}, {Path: "/quality", Name: "Quality"}, {Path: "/quarantine", Name: "Quarantine"}}
	if who.Somewhere(access.Examine) {
		list = append(list, page.Tab{Path: "/audit", Name: "Audit"})
	}
	for i := range list {
		list[i].Here = list[i].Path == path || list[i].Path == "/queue" && path == "/requests"
	}
	return list
}
