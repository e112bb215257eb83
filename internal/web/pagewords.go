package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// pageWords are further things that pages say of values.
var pageWords = map[string]any{
	"span":     span,
	"days":     days,
	"retained": retained,
	"tabs":     tabsOf,
	"stages":   func() any { return stages },
	"within":   func() []int { return []int{7, 30, 90, 180, withinAtMost} },
	"hour":     func(t time.Time) string { return t.UTC().Format("2 Jan 15:04") },
	"short":    func(t time.Time) string { return t.UTC().Format("2 Jan 15:04") },
	"second":   func(t time.Time) string { return t.UTC().Format(time.DateTime) },
	"more": func(n int64) string {
		if n == 2 {
			return "one more"
		}
		return fmt.Sprintf("%d more", n-1)
	},
}

// A tab leads to one page of a practice.
type tab struct {
	Path, Name string
	Here       bool
}

// tabsOf gives the pages of a practice; here is which one is shown.
func tabsOf(tenant, here string) []tab {
	base := "/practices/" + tenant
	list := []tab{{base, "practice", false}, {base + "/quality", "quality", false}, {base + "/quarantine", "quarantine", false}, {base + "/roster", "roster", false}}
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

// Alert is an alert for who looks, on the page next.
func (f frame) Alert(a store.Alert, next string) alertView {
	ack := fmt.Sprintf("/alerts/%d/acknowledge", a.ID)
	if a.Tenant != "" {
		ack = "/practices/" + a.Tenant + ack
	}
	return alertView{Alert: a, Quiet: quiet(a, f.Now), May: f.Actor.May(access.Operate, a.Tenant), Link: next == "/alerts", Next: next, Ack: ack}
}

// Until is the end of what charts show.
func (p progress) Until() time.Time { return p.until }

// Pages are those that lead from every page, for who looks.
func (f frame) Pages() []tab {
	list := []tab{{Path: "/", Name: "Practices"}, {Path: "/alerts", Name: "Alerts"}, {Path: "/queue", Name: "Queue"}, {Path: "/deadlines", Name: "Deadlines"}, {Path: "/quality", Name: "Quality"}, {Path: "/quarantine", Name: "Quarantine"}}
	if f.Actor.Somewhere(access.Examine) {
		list = append(list, tab{Path: "/audit", Name: "Audit"})
	}
	for i := range list {
		list[i].Here = list[i].Path == f.Path
	}
	return list
}
