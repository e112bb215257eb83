package scenario_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/alert"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// machine is what must be told that is of no practice.
var machine = []telling{
	{kind: alert.JWKS, severity: config.SeverityCritical, on: 15, worse: 38, over: 40},
	{kind: alert.Key, severity: config.SeverityWarning, on: 10, over: 45}, // of key-ends
	{kind: alert.Key, severity: config.SeverityWarning, on: 20, over: 30}, // of key-in-time
	{kind: alert.Disk, severity: config.SeverityWarning, on: 50, over: 51},
}

// outOfReach is what must be told of the host of all practices, once.
var outOfReach = telling{kind: alert.Circuit, severity: config.SeverityWarning, on: 24, over: 25}

// checkAlerts compares all that was told with all that must be.
func (s *stay) checkAlerts() {
	var want []string
	expect := func(id string, list []telling) {
		for _, e := range list {
			say := func(turn store.Turn, day int) {
				want = append(want, fmt.Sprintf("%s %s (%s): %s on day %d", id, e.kind, e.severity, turn, day))
			}
			say(store.Opened, e.on)
			if e.worse > 0 {
				say(store.Worse, e.worse)
			}
			if e.over > 0 {
				say(store.Over, e.over)
			}
			for n := range e.reminds {
				say(store.Reminder, e.on+reminded*(n+1))
			}
		}
	}
	for _, id := range s.ids {
		expect(id, s.roles[id].told)
	}
	expect("-", s.house)
	got := s.news("desk")
	for _, line := range without(want, got) {
		s.T().Errorf("nobody was told: %s", line)
	}
	for _, line := range without(got, want) {
		s.T().Errorf("somebody was told: %s", line)
	}
	if n := len(s.news("night")); n == 0 || n >= len(got) {
		s.T().Errorf("%d of %d were told on the route for critical ones", n, len(got))
	}
}

// without gives the lines of one list that another has not, as often as it has
// more of them.
func without(list, other []string) (rest []string) {
	left := map[string]int{}
	for _, line := range other {
		left[line]++
	}
	for _, line := range slices.Sorted(slices.Values(list)) {
		if left[line]--; left[line] < 0 {
			rest = append(rest, line)
		}
	}
	return rest
}

// news gives every turn of every alert that a message told on a route; and
// those of alerts that no message told.
func (s *stay) news(route string) (list []string) {
	rows, err := s.Store.DB().QueryContext(s.T().Context(), `SELECT a.tenant_id, a.kind, a.severity, a.summary, coalesce(n.turn, ''), coalesce(m.made_at, a.opened_at)
		FROM alert a LEFT JOIN alert_news n ON n.alert_id = a.alert_id AND n.route = ? LEFT JOIN notice m ON m.notice_id = n.notice_id`, route)
	if err != nil {
		s.T().Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var tenant, kind, severity, summary, turn string
		var at int64
		if err := rows.Scan(&tenant, &kind, &severity, &summary, &turn, &at); err != nil {
			s.T().Fatal(err)
		}
		if tenant == "" {
			tenant = "-"
		}
		switch {
		case turn != "":
			list = append(list, fmt.Sprintf("%s %s (%s): %s on day %d", tenant, kind, severity, turn, int(dayOf(time.UnixMilli(at)))))
		case route == "desk":
			list = append(list, fmt.Sprintf("%s %s (%s): opened and not told on day %d: %s", tenant, kind, severity, int(dayOf(time.UnixMilli(at))), summary))
		}
	}
	if err := rows.Err(); err != nil {
		s.T().Fatal(err)
	}
	return list
}

const (
	messagesAtMost = 6 // a day, on one route
	groupedRole    = "down-for-a-week"
)

// checkMessages looks at each message: that it left, that it says what a person
// needs, and that there are not many.
func (s *stay) checkMessages() {
	list, err := s.Store.Notices(s.T().Context(), time.Time{})
	if err != nil {
		s.T().Fatal(err)
	}
	perDay, grouped := map[int]int{}, 0
	for _, n := range list {
		s.Told("a message", n.Subject+"\n"+n.Body)
		if n.SentAt.IsZero() || n.SentAt.Sub(n.MadeAt) > time.Minute {
			s.T().Errorf("the message %q was sent at %s, made at %s", n.Subject, n.SentAt, n.MadeAt)
		}
		if missing := lacksInMessage(n); missing != "" {
			s.T().Errorf("a message does not say %s: %s\n%s", missing, n.Subject, n.Body)
		}
		if n.Route != "desk" {
			continue
		}
		perDay[int(dayOf(n.MadeAt))]++
		if strings.Contains(n.Body, groupedRole+"-1") {
			grouped++
			if want := fmt.Sprintf("%d practices of Bulk Data IG (registration %s)", s.roles[groupedRole+"-1"].n, s.ids[0]); !strings.Contains(n.Subject, want) || n.Alerts != int64(s.roles[groupedRole+"-1"].n) {
				s.T().Errorf("practices of one server are told of in %d alerts of %q", n.Alerts, n.Subject)
			}
		}
	}
	if grouped != 4 {
		s.T().Errorf("%d messages tell of the practices that were down together, want 4: two begin, two are over", grouped)
	}
	for day, n := range perDay {
		if n > messagesAtMost {
			s.T().Errorf("%d messages on day %d", n, day)
		}
	}
}

// lacksInMessage names what a message does not say of what happened, to whom,
// since when, what is to be done and by whom.
func lacksInMessage(n store.Notice) string {
	if !strings.HasPrefix(n.Subject, "[bulkhead] ") || strings.Contains(n.Body, "%!") {
		return "what it is"
	}
	if n.Turn == store.Over {
		if !strings.Contains(n.Body, "over since 2026-") {
			return "since when it is over"
		}
		return ""
	}
	for _, label := range []string{"since: 2026-", "to do: ", "who:   ", "quiet: bulkhead alerts ack "} {
		_, rest, found := strings.Cut(n.Body, "\n  "+label)
		if said, _, _ := strings.Cut(rest, "\n"); !found || label == "to do: " && (len(said) < 20 || !strings.HasSuffix(said, ".")) {
			return label
		}
	}
	return ""
}

const fresh = 90 * time.Minute // after an export was due, it has completed

// checkExports holds every practice's exports against its schedule: each time
// that was due has its export, complete in time and as of that time, but for
// what the cast says; and there is no other.
func (s *stay) checkExports() {
	completed := 0
	for _, id := range s.ids {
		r, list := s.roles[id], s.Exports(id)
		for _, due := range dueOf(s.T(), r) {
			i := slices.IndexFunc(list, func(x *scenario.Export) bool {
				return !x.RequestedAt.Before(due) && x.RequestedAt.Sub(due) < 10*time.Minute
			})
			var x *scenario.Export
			if i >= 0 {
				x = list[i]
				list = slices.Delete(list, i, i+1)
			}
			if fault := falls(r, due, x); fault != "" {
				s.T().Errorf("%s, due on day %.2f: %s", id, dayOf(due), fault)
			}
			if x != nil && x.State == life.Completed {
				completed++
			}
		}
		if want := s.asked(id); len(list) != want {
			s.T().Errorf("%s had %d exports that were not due, %d were asked for: %s", id, len(list), want, list[0])
		}
	}
	s.T().Logf("%d exports completed", completed)
}

// asked is how many exports a person asked for, or make up for others.
func (s *stay) asked(id string) int {
	if s.roles[id].schedule == "" {
		return 1
	}
	return s.roles[id].late
}

// falls says what is wrong with the export of a time that was due.
func falls(r *role, due time.Time, x *scenario.Export) string {
	day := dayOf(due)
	in := func(list []span) bool { return slices.ContainsFunc(list, func(p span) bool { return p.has(day) }) }
	switch {
	case in(r.shut):
		if x != nil && x.State != life.Denied {
			return fmt.Sprintf("no agreement permits it: %s", x)
		}
	case in(r.ill):
	case x == nil:
		return "there is no export"
	case x.State != life.Completed:
		return x.String()
	case x.EndedAt.Sub(due) > fresh+r.takes:
		return fmt.Sprintf("it took %s", x.EndedAt.Sub(due))
	case !isAsOf(x, due):
		return "its records are those of " + x.TransactionTime
	}
	return ""
}

func isAsOf(x *scenario.Export, due time.Time) bool {
	at, err := time.Parse(time.RFC3339, x.TransactionTime)
	return err == nil && !at.Before(due) && at.Sub(due) < fresh
}

// dueOf gives the times at which a role's schedule is due.
func dueOf(t *testing.T, r *role) (times []time.Time) {
	for at := scenario.Begin; r.schedule != ""; {
		next, err := schedule.Next(r.schedule, time.UTC, at)
		if err != nil {
			t.Fatal(err)
		}
		if at = next; at.After(moment(lasts + 0.5)) {
			break
		}
		times = append(times, at)
	}
	return times
}

// checkRequests asks every server whether it was asked for anything at a time at
// which no agreement permitted it.
func (s *stay) checkRequests() {
	asked := 0
	for _, id := range s.ids {
		r := s.roles[id]
		for _, q := range s.Requests(id) {
			asked++
			day := dayOf(q.At)
			if i := slices.IndexFunc(r.shut, func(p span) bool { return p.has(day) }); i >= 0 && !r.endsBy(q, day-r.shut[i].from) {
				s.T().Errorf("%s was asked for a %s on day %.3f: no agreement permits it", id, q.Kind, day)
			}
		}
	}
	s.T().Logf("%d requests", asked)
}

// endsBy reports whether a request is what ends an export at the server, in the
// first hour.
func (r *role) endsBy(q sandbox.Request, since float64) bool {
	return r.ends && since < 1.0/24 && slices.Contains([]sandbox.Kind{sandbox.KindSMART, sandbox.KindToken, sandbox.KindDelete}, q.Kind)
}

// certificateUntil gives a file with a certificate that ends then, and its key.
func certificateUntil(t *testing.T, ends time.Time) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.pem")
	if err := writeCertificate(path, ends); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeCertificate(path string, ends time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: scenario.Begin.AddDate(-1, 0, 0), NotAfter: ends}
	text, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: text})
	block = append(block, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	return errors.Join(err, os.WriteFile(path, block, 0o600))
}

// renewCertificate is a person who puts a new certificate in the old one's place.
func renewCertificate(w *scenario.World) {
	if err := writeCertificate(w.Config.JWKS.TLSCert, scenario.Begin.AddDate(2, 0, 0)); err != nil {
		w.T().Error(err)
	}
}
