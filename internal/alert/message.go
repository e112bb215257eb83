package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// A bundle is news that one message tells: those of one route and kind that
// have the same turn, but that an alert that got worse is told with the new.
type bundle struct {
	route string
	kind  string
	turn  store.Turn
	news  []store.News
}

func bundles(news []store.News) []*bundle {
	var list []*bundle
	for _, n := range news {
		turn := n.Turn
		if turn == store.Worse {
			turn = store.Opened
		}
		i := slices.IndexFunc(list, func(b *bundle) bool { return b.route == n.Route && b.kind == n.Alert.Kind && b.turn == turn })
		if i < 0 {
			i = len(list)
			list = append(list, &bundle{route: n.Route, kind: n.Alert.Kind, turn: turn})
		}
		list[i].news = append(list[i].news, n)
	}
	return list
}

// severity is that of the worst alert.
func (b *bundle) severity() string {
	worst := slices.MaxFunc(b.news, func(x, y store.News) int { return cmp.Compare(rank(x.Alert.Severity), rank(y.Alert.Severity)) })
	return worst.Alert.Severity
}

// ready reports whether the message is to be made: enough was waited for more
// of its kind, and the last one of its kind was long enough ago.
func (b *bundle) ready(now, last time.Time, r Rules) bool {
	apart := r.GroupEvery.Std()
	if b.severity() == config.SeverityCritical {
		apart = min(apart, 6*r.GroupFor.Std())
	}
	passed := func(t time.Time, d time.Duration) bool { return now.Sub(t) >= d || t.After(now) } // the clock was ahead
	return passed(b.news[0].At, r.GroupFor.Std()) && passed(last, apart)
}

// notice writes the message.
func (b *bundle) notice(now time.Time) store.Notice {
	n := store.Notice{Route: b.route, Kind: b.kind, Turn: b.turn, Severity: b.severity(), Alerts: int64(len(b.news)), MadeAt: now}
	n.Subject = b.subject()
	n.Body = b.text()
	return n
}

// most is how long a text may be, in bytes: several services take no more than
// four thousand.
const most = 3500

// text tells as many causes as there is room for.
func (b *bundle) text() string {
	var parts []string
	room, untold := most, 0
	for _, c := range b.causes() {
		text := c.text(b.turn, room)
		if text == "" {
			untold += len(c.news)
			continue
		}
		parts, room = append(parts, text), room-len(text)
	}
	if untold > 0 {
		parts = append(parts, fmt.Sprintf("and %d more: bulkhead alerts list", untold))
	}
	return strings.Join(parts, "\n\n")
}

// headlines say in a few words what several alerts of a kind have in common.
var headlines = map[Kind]string{
	Stale: "records grow stale", Failed: "the last export failed", Activation: "the server refuses us now", Stuck: "an export stands still",
	Waiting: "an export waits for long", Unknown: "a kick-off has no answer", Refused: "many lines were refused", Drift: "the number of resources has changed",
	Roster: "the group does not change", Agreement: "the agreement ends", Key: "a signing key needs somebody", JWKS: "the certificate of the published keys ends",
	Rate: "the budget of requests is spent", Disk: "the disk is nearly full", Ledger: "the ledger cannot be written", Delivery: "messages do not leave",
	Circuit: "a server cannot be reached", Disposal: "what may not be kept is here still", Request: "a request has no export",
	Callback:   "call-backs do not arrive",
	Glass:      "somebody looked behind the glass",
	Credential: "how somebody signs in was changed",

	Certificate: "a certificate of ours needs somebody", Audit: "the audit record needs somebody", Unrecorded: "what an export came to cannot be recorded",
	Configuration: "the configuration is not taken up",
}

func (b *bundle) subject() string {
	lead := b.severity()
	switch b.turn {
	case store.Over:
		lead = "over"
	case store.Reminder:
		lead = "still " + lead
	case store.Opened, store.Worse:
	}
	what := b.headline()
	if who := b.who(); who != "" {
		return fmt.Sprintf("[bulkhead] %s: %s: %s", lead, who, what)
	}
	return fmt.Sprintf("[bulkhead] %s: %s", lead, what)
}

// headline says in a few words what the alerts have in common.
func (b *bundle) headline() string {
	if Kind(b.kind) != Roster {
		return headlines[Kind(b.kind)]
	}
	sized := func(n store.News) bool { return n.Alert.Object == GroupSize }
	switch {
	case !slices.ContainsFunc(b.news, sized):
		return headlines[Roster]
	case slices.ContainsFunc(b.news, func(n store.News) bool { return !sized(n) }):
		return "groups need a look"
	}
	return "the size of the group has changed"
}

// who names the practice, or says how many there are and the one vendor that
// they may have in common.
func (b *bundle) who() string {
	tenants := tenantsOf(b.news)
	switch len(tenants) {
	case 0:
		return ""
	case 1:
		return tenants[0]
	}
	text := fmt.Sprintf("%d practices", len(tenants))
	if causes := b.causes(); len(causes) == 1 && causes[0].source != "" {
		text += " of " + causes[0].source
	}
	return text
}

func tenantsOf(news []store.News) []string {
	var tenants []string
	for _, n := range news {
		if n.Alert.Tenant != "" {
			tenants = append(tenants, n.Alert.Tenant)
		}
	}
	slices.Sort(tenants)
	return slices.Compact(tenants)
}

// A cause is what alerts of a message have in common: vendor and problem, or
// nothing.
type cause struct {
	source, code string
	news         []store.News
}

// causes sorts the alerts of a message, that of the most practices first.
func (b *bundle) causes() []*cause {
	var list []*cause
	for _, n := range b.news {
		i := slices.IndexFunc(list, func(c *cause) bool { return c.source == n.Alert.Source && c.code == n.Alert.Code })
		if i < 0 {
			i = len(list)
			list = append(list, &cause{source: n.Alert.Source, code: n.Alert.Code})
		}
		list[i].news = append(list[i].news, n)
	}
	slices.SortStableFunc(list, func(x, y *cause) int { return cmp.Compare(len(y.news), len(x.news)) })
	return list
}

const (
	named  = 20 // practices that a text names
	spoken = 3  // alerts of a cause that are told in full when they differ
)

// text tells a cause in the room that there is; empty when there is none.
func (c *cause) text(turn store.Turn, room int) string {
	var b strings.Builder
	tenants := tenantsOf(c.news)
	if len(tenants) > 1 {
		fmt.Fprintf(&b, "%d practices", len(tenants))
		if c.source != "" {
			fmt.Fprintf(&b, " of %s", c.source)
		}
		fmt.Fprintf(&b, ": %s", strings.Join(tenants[:min(len(tenants), named)], ", "))
		if more := len(tenants) - named; more > 0 {
			fmt.Fprintf(&b, " and %d more", more)
		}
		b.WriteString("\n")
	}
	told := map[string]bool{}
	for _, n := range c.news {
		if told[n.Alert.Summary] || len(told) == spoken {
			continue
		}
		if text := line(n.Alert, turn, len(tenants) > 1); b.Len()+len(text) <= room {
			told[n.Alert.Summary] = true
			b.WriteString(text)
		}
	}
	if len(told) == 0 {
		return ""
	}
	if more := differing(c.news) - len(told); more > 0 {
		fmt.Fprintf(&b, "and %d more like these: bulkhead alerts list\n", more)
	}
	return strings.TrimRight(b.String(), "\n")
}

func differing(news []store.News) int {
	summaries := map[string]bool{}
	for _, n := range news {
		summaries[n.Alert.Summary] = true
	}
	return len(summaries)
}

// line tells one alert: what happened, to whom, what to do, who must act.
func line(a store.Alert, turn store.Turn, many bool) string {
	about := a.Tenant
	if many && about != "" {
		about = "for example " + about
	}
	if about != "" {
		about += ": "
	}
	if turn == store.Over {
		return fmt.Sprintf("%sover since %s: %s (alert %d)\n", about, wording.Moment(a.AbsentAt), a.Summary, a.ID)
	}
	text := fmt.Sprintf("%s%s\n", about, a.Summary)
	if a.Code != "" {
		text = fmt.Sprintf("%s%s (%s)\n", about, a.Summary, a.Code)
	}
	text += fmt.Sprintf("  since: %s\n  to do: %s\n  who:   %s\n", wording.Moment(a.Since), a.Remedy, whom[Party(a.Party)])
	return text + fmt.Sprintf("  quiet: bulkhead alerts ack %d --for 3d\n", a.ID)
}

var whom = map[Party]string{Us: "us", Practice: "the practice, asked by us", Vendor: "the vendor of the practice's EHR, asked by us"}
