package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// An Alert is something that a person is told without asking. Its texts hold
// no PHI, no secret and no query of a URL. An open one has no ClosedAt.
type Alert struct {
	ID       int64
	Tenant   string // empty: about no practice
	Kind     string
	Object   string // what of the tenant, such as a sink; empty: all of it
	Severity string // info, warning or critical
	Party    string // who must act: us, practice or vendor
	Source   string // the vendor that alerts of many practices may have in common; or empty
	Code     string // of the problem; or empty
	Summary  string
	Remedy   string
	Since    time.Time // since when it is so
	OpenedAt time.Time
	AbsentAt time.Time // since when its cause is gone; zero while it is there
	ClosedAt time.Time
	Returns  int64     // how often it came back soon after it was over
	ToldAt   time.Time // when a message last told that it is there
	AckBy    string
	AckAt    time.Time
	AckUntil time.Time
	AckNote  string
}

// A Turn is what has become of an alert that is to be told.
type Turn string

// The turns.
const (
	Opened   Turn = "opened"
	Worse    Turn = "worse" // its severity has grown
	Reminder Turn = "reminder"
	Over     Turn = "over"
)

// News are a turn of an alert on one route that no message tells yet.
type News struct {
	ID    int64
	Route string
	Turn  Turn
	At    time.Time
	Alert Alert
}

// A Notice is one message: what it tells is recorded with it, and it is sent
// after that.
type Notice struct {
	ID        int64
	Route     string
	Kind      string
	Turn      Turn
	Severity  string
	Subject   string
	Body      string
	Alerts    int64 // how many it tells of
	MadeAt    time.Time
	DueAt     time.Time
	Attempts  int64
	SentAt    time.Time // zero: not yet
	GivenUpAt time.Time // zero: not given up
	LastError string    // in our words

	Incidents []string // how services that keep incidents call those that it begins or ends; not kept
}

// OpenAlerts gives the alerts that are not over, the oldest first.
func (s *Store) OpenAlerts(ctx context.Context) ([]Alert, error) {
	rows, err := s.queries().OpenAlerts(ctx)
	return alertsOf(rows, err)
}

// Alerts gives the alerts that are not over, and those that have been over
// since a time, the oldest first.
func (s *Store) Alerts(ctx context.Context, since time.Time) ([]Alert, error) {
	rows, err := s.queries().AlertsSince(ctx, ms(since))
	return alertsOf(rows, err)
}

func alertsOf(rows []gen.Alert, err error) ([]Alert, error) {
	if err != nil {
		return nil, Explain(fmt.Errorf("list alerts: %w", err))
	}
	alerts := make([]Alert, len(rows))
	for i, r := range rows {
		alerts[i] = alertOf(r)
	}
	return alerts, nil
}

func alertOf(r gen.Alert) Alert {
	return Alert{
		ID: r.AlertID, Tenant: r.TenantID, Kind: r.Kind, Object: r.Object, Severity: r.Severity, Party: r.Party, Source: r.Source, Code: r.Code,
		Summary: r.Summary, Remedy: r.Remedy, Since: at(r.Since), OpenedAt: at(r.OpenedAt), AbsentAt: at(r.AbsentAt), ClosedAt: at(r.ClosedAt),
		Returns: r.Returns, ToldAt: at(r.ToldAt), AckBy: r.AckBy, AckAt: at(r.AckAt), AckUntil: at(r.AckUntil), AckNote: r.AckNote,
	}
}

// An Ack says who has taken an alert on, and until when it needs no reminder.
type Ack struct {
	By    string
	Until time.Time
	Note  string
}

// Acknowledge records who has taken an open alert of the tenant on, also in the
// audit record. What was still to be told of it is not told. An alert that is not open, or is another
// tenant's, is the problem Usage.
func (s *Scope) Acknowledge(ctx context.Context, id int64, a Ack) error {
	return s.store.inTx(ctx, func(tx *sql.Tx) error {
		q := gen.New(tx)
		n, err := q.AcknowledgeAlert(ctx, gen.AcknowledgeAlertParams{
			AckBy: a.By, AckAt: ms(time.Now()), AckUntil: ms(a.Until), AckNote: a.Note, TenantID: s.tenant, AlertID: id,
		})
		if err != nil {
			return fmt.Errorf("acknowledge alert %d: %w", id, err)
		}
		if n == 0 {
			return problem.New(problem.Usage, fmt.Sprintf("there is no open alert %d", id), "List the open alerts with bulkhead alerts list.")
		}
		if err := q.DropUntoldNews(ctx, id); err != nil {
			return err
		}
		head, err := chainHead(ctx, q, s.tenant)
		if err != nil {
			return err
		}
		return putOnRecord(ctx, q, head, audit.Event{Action: audit.AlertTakenOn, Object: strconv.FormatInt(id, 10), Reason: a.Note, Facts: map[string]any{
			"by": a.By, "until": audit.Instant(a.Until),
		}}, time.Now())
	})
}

// AlertTx is one transaction on alerts, news and messages. It is not for
// concurrent use.
type AlertTx struct {
	ctx context.Context
	q   *gen.Queries
}

// Alerting runs f in one transaction over the alerts of all tenants. f must
// not use the Store.
func (s *Store) Alerting(ctx context.Context, f func(tx *AlertTx) error) error {
	return s.inTx(ctx, func(tx *sql.Tx) error { return f(&AlertTx{ctx: ctx, q: gen.New(tx)}) })
}

// Open gives the alerts that are not over, the oldest first.
func (tx *AlertTx) Open() ([]Alert, error) {
	rows, err := tx.q.OpenAlerts(tx.ctx)
	return alertsOf(rows, err)
}

// ClosedSince gives the alert of a's tenant, kind and object that was over
// last, if that was after a time.
func (tx *AlertTx) ClosedSince(a Alert, since time.Time) (Alert, bool, error) {
	rows, err := tx.q.LastClosedAlert(tx.ctx, gen.LastClosedAlertParams{TenantID: a.Tenant, Kind: a.Kind, Object: a.Object, ClosedAt: ms(since)})
	if err != nil || len(rows) == 0 {
		return Alert{}, false, err
	}
	return alertOf(rows[0]), true, nil
}

// Add opens an alert and returns its id.
func (tx *AlertTx) Add(a Alert) (int64, error) {
	return tx.q.InsertAlert(tx.ctx, gen.InsertAlertParams{
		TenantID: a.Tenant, Kind: a.Kind, Object: a.Object, Severity: a.Severity, Party: a.Party, Source: a.Source, Code: a.Code,
		Summary: a.Summary, Remedy: a.Remedy, Since: ms(a.Since), OpenedAt: ms(a.OpenedAt), Returns: a.Returns,
	})
}

// Put writes what may change of an alert: severity, texts, AbsentAt, ClosedAt.
func (tx *AlertTx) Put(a Alert) error {
	return tx.q.UpdateAlert(tx.ctx, gen.UpdateAlertParams{
		Severity: a.Severity, Party: a.Party, Source: a.Source, Code: a.Code, Summary: a.Summary, Remedy: a.Remedy,
		AbsentAt: ms(a.AbsentAt), ClosedAt: ms(a.ClosedAt), TenantID: a.Tenant, AlertID: a.ID,
	})
}

// Tell notes that a turn of an alert is to be told on a route.
func (tx *AlertTx) Tell(alert int64, route string, turn Turn, now time.Time) error {
	return tx.q.InsertAlertNews(tx.ctx, gen.InsertAlertNewsParams{AlertID: alert, Route: route, Turn: string(turn), At: ms(now)})
}

// ToldOn gives the routes on which messages tell that an alert is there.
func (tx *AlertTx) ToldOn(alert int64) ([]string, error) {
	rows, err := tx.q.NewsOfAlert(tx.ctx, alert)
	if err != nil {
		return nil, fmt.Errorf("list news of an alert: %w", err)
	}
	var routes []string
	told := map[string]bool{}
	for _, r := range rows {
		if r.NoticeID > 0 && Turn(r.Turn) != Over && !told[r.Route] {
			told[r.Route], routes = true, append(routes, r.Route)
		}
	}
	return routes, nil
}

// Gathered reports whether something of an alert is still to be told.
func (tx *AlertTx) Gathered(alert int64) (bool, error) {
	rows, err := tx.q.NewsOfAlert(tx.ctx, alert)
	return slices.ContainsFunc(rows, func(r gen.NewsOfAlertRow) bool { return r.NoticeID == 0 }), err
}

// LastWorse gives when it was last to be told that an alert got worse, or the
// zero time.
func (tx *AlertTx) LastWorse(alert int64) (time.Time, error) {
	t, err := tx.q.LastWorse(tx.ctx, alert)
	return at(t), err
}

// Forget drops what was to be told of an alert and is not told yet.
func (tx *AlertTx) Forget(alert int64) error { return tx.q.DropUntoldNews(tx.ctx, alert) }

// Keep drops what was to be told on other routes than these.
func (tx *AlertTx) Keep(routes []string) error {
	return tx.q.DropNewsOfRoutes(tx.ctx, append([]string{""}, routes...)) // NOT IN an empty list is true of nothing
}

// Untold gives what no message tells yet, the oldest first.
func (tx *AlertTx) Untold() ([]News, error) {
	rows, err := tx.q.UntoldNews(tx.ctx)
	return newsOf(rows, err)
}

// Untold gives what no message tells yet, the oldest first.
func (s *Store) Untold(ctx context.Context) ([]News, error) {
	rows, err := s.queries().UntoldNews(ctx)
	return newsOf(rows, err)
}

func newsOf(rows []gen.UntoldNewsRow, err error) ([]News, error) {
	if err != nil {
		return nil, Explain(fmt.Errorf("list news of alerts: %w", err))
	}
	news := make([]News, len(rows))
	for i, r := range rows {
		news[i] = News{ID: r.NewsID, Route: r.Route, Turn: Turn(r.Turn), At: at(r.At), Alert: alertOf(r.Alert)}
	}
	return news, nil
}

// LastNotice gives when a message of a kind and turn was last made for a
// route, or the zero time.
func (s *Store) LastNotice(ctx context.Context, route, kind string, turn Turn) (time.Time, error) {
	t, err := s.queries().LastNotice(ctx, gen.LastNoticeParams{Route: route, Kind: kind, Turn: string(turn)})
	return at(t), Explain(err)
}

// Write records a message that tells these news.
func (tx *AlertTx) Write(n Notice, news []News) error {
	id, err := tx.q.InsertNotice(tx.ctx, gen.InsertNoticeParams{
		Route: n.Route, Kind: n.Kind, Turn: string(n.Turn), Severity: n.Severity, Subject: n.Subject, Body: n.Body,
		Alerts: n.Alerts, MadeAt: ms(n.MadeAt), DueAt: ms(n.MadeAt),
	})
	if err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	for _, item := range news {
		if err := tx.q.SetNewsTold(tx.ctx, gen.SetNewsToldParams{NoticeID: id, NewsID: item.ID}); err != nil {
			return err
		}
	}
	return tx.q.SetAlertTold(tx.ctx, gen.SetAlertToldParams{ToldAt: ms(n.MadeAt), NoticeID: id})
}

// Prune forgets messages that were made, and news of closed alerts that came
// up, before a time.
func (tx *AlertTx) Prune(before time.Time) error {
	if err := tx.q.PruneNews(tx.ctx, ms(before)); err != nil {
		return err
	}
	return tx.q.PruneNotices(tx.ctx, ms(before))
}

// farthest is how far ahead a message can be due: more says that the clock was
// set back since.
const farthest = 2 * time.Hour

// DueNotices gives up to limit messages that are to be sent now. None is due
// two hours ahead or more, whatever the ledger says.
func (s *Store) DueNotices(ctx context.Context, limit int) ([]Notice, error) {
	now := time.Now()
	rows, err := s.queries().DueNotices(ctx, gen.DueNoticesParams{Now: ms(now), Beyond: ms(now.Add(farthest)), Most: int64(limit)})
	return noticesOf(rows, err)
}

// ClosedNotices gives the messages of which a message that something is over
// tells, and all of whose alerts are over now: their ids and when they were made.
func (s *Store) ClosedNotices(ctx context.Context, over int64) ([]Notice, error) {
	rows, err := s.queries().ClosedNotices(ctx, over)
	if err != nil {
		return nil, Explain(fmt.Errorf("list messages that are over: %w", err))
	}
	list := make([]Notice, len(rows))
	for i, r := range rows {
		list[i] = Notice{ID: r.NoticeID, MadeAt: at(r.MadeAt)}
	}
	return list, nil
}

// Notices gives the messages that were made since a time, the oldest first.
func (s *Store) Notices(ctx context.Context, since time.Time) ([]Notice, error) {
	rows, err := s.queries().ListNotices(ctx, ms(since))
	return noticesOf(rows, err)
}

func noticesOf(rows []gen.Notice, err error) ([]Notice, error) {
	if err != nil {
		return nil, Explain(fmt.Errorf("list messages: %w", err))
	}
	notices := make([]Notice, len(rows))
	for i, r := range rows {
		notices[i] = Notice{
			ID: r.NoticeID, Route: r.Route, Kind: r.Kind, Turn: Turn(r.Turn), Severity: r.Severity, Subject: r.Subject, Body: r.Body, Alerts: r.Alerts,
			MadeAt: at(r.MadeAt), DueAt: at(r.DueAt), Attempts: r.Attempts, SentAt: at(r.SentAt), GivenUpAt: at(r.GivenUpAt), LastError: r.LastError,
		}
	}
	return notices, nil
}

// SetSent records that a message has left.
func (s *Store) SetSent(ctx context.Context, notice int64) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		return gen.New(tx).SetNoticeSent(ctx, gen.SetNoticeSentParams{SentAt: ms(time.Now()), NoticeID: notice})
	})
}

// SetUnsent records why a message could not be sent, in our words, and when it
// is due again; the zero time gives it up.
func (s *Store) SetUnsent(ctx context.Context, notice int64, due time.Time, why string) error {
	gaveUp := int64(0)
	if due.IsZero() {
		gaveUp = ms(time.Now())
	}
	return s.inTx(ctx, func(tx *sql.Tx) error {
		return gen.New(tx).SetNoticeFailed(ctx, gen.SetNoticeFailedParams{DueAt: ms(due), GivenUpAt: gaveUp, LastError: why, NoticeID: notice})
	})
}
