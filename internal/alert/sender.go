package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// A Deliver hands one message to a route. Its error is one of ours, without
// the address.
type Deliver func(ctx context.Context, route config.AlertRoute, n store.Notice) error

// A Sender sends the messages that the ledger holds, in one goroutine of its
// own, so that a slow service holds up nothing else.
type Sender struct {
	store   *store.Store
	config  func() *config.Config
	deliver Deliver
	log     *slog.Logger

	nudge chan struct{}
	mu    sync.Mutex
	said  []saying           // that the ledger does not hold
	halt  context.CancelFunc // no other message begins to be sent
	stop  context.CancelFunc // that on its way is cut off
	ended sync.WaitGroup
}

// A saying is a message that the ledger does not hold.
type saying struct {
	store.Notice
	attempts int64
	due      time.Time
}

// NewSender makes a sender. Nothing is sent before Start.
func NewSender(s *store.Store, c func() *config.Config, deliver Deliver, log *slog.Logger) *Sender {
	return &Sender{store: s, config: c, deliver: deliver, log: log, nudge: make(chan struct{}, 1)}
}

// Start begins to send what is due, also from before.
func (s *Sender) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	until, halt := context.WithCancel(ctx)
	s.halt = halt
	s.ended.Go(func() { s.run(ctx, until) })
	s.Nudge()
}

// parting is how long a message on its way is waited for when the sending ends.
const parting = 3 * time.Second

// Stop ends the sending. A message on its way is waited for, for three seconds:
// one that is cut off may have arrived, and is sent again at the next start.
func (s *Sender) Stop() {
	if s.stop == nil {
		return
	}
	s.halt()
	defer time.AfterFunc(parting, s.stop).Stop()
	s.ended.Wait()
	s.stop()
}

// Nudge says that there may be something to send.
func (s *Sender) Nudge() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// Say sends messages that the ledger cannot hold. Those that do not leave are
// tried again as others are, as long as the process lives and Nudge is called.
func (s *Sender) Say(list []store.Notice) {
	s.mu.Lock()
	for _, n := range list {
		s.said = append(s.said, saying{Notice: n})
	}
	s.mu.Unlock()
	s.Nudge()
}

// dueSayings takes those out that are due now.
func (s *Sender) dueSayings(now time.Time) (due []saying) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = slices.DeleteFunc(s.said, func(n saying) bool {
		is := !now.Before(n.due)
		if is {
			due = append(due, n)
		}
		return is
	})
	return due
}

// say sends what the ledger does not hold.
func (s *Sender) say(ctx, until context.Context) {
	for _, n := range s.dueSayings(time.Now()) {
		if until.Err() != nil {
			s.keep(n)
			continue
		}
		err := s.hand(ctx, n.Notice)
		if err == nil {
			continue
		}
		now := time.Now()
		n.due = now.Add(pauseAfter(n.attempts))
		again := ctx.Err() != nil || n.due.Sub(n.MadeAt) <= giveUpAfter && !errors.Is(err, errNoRoute)
		s.log.Error("an alert cannot be told", "route", n.Route, "subject", n.Subject, "reason", err, "again", again)
		if n.attempts++; again {
			s.keep(n)
		}
	}
}

func (s *Sender) keep(n saying) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, n)
}

// pauseAfter gives how long a message waits after so many failures before.
func pauseAfter(attempts int64) time.Duration {
	return min(firstPause<<min(attempts, 10), longPause)
}

func (s *Sender) run(ctx, until context.Context) {
	for {
		select {
		case <-until.Done():
			return
		case <-s.nudge:
		}
		if err := s.sendDue(ctx, until); err != nil && ctx.Err() == nil {
			s.log.Error("alerts", "doing", "send messages", "error", err)
		}
	}
}

const (
	atOnce      = 50
	firstPause  = time.Minute
	longPause   = time.Hour
	giveUpAfter = 24 * time.Hour
)

// SendDue sends every message that is due now. One that cannot be sent keeps no
// other from being sent; it is due again after growing pauses, for a day. While
// a service lets the time of one message run out, what else is for it counts as
// tried: others would wait for it. The error is trouble with the ledger.
func (s *Sender) SendDue(ctx context.Context) error { return s.sendDue(ctx, ctx) }

// sendDue is SendDue that begins no message once until has ended.
func (s *Sender) sendDue(ctx, until context.Context) error {
	s.say(ctx, until)
	silent := map[string]bool{} // routes whose service lets the time run out
	for {
		due, err := s.store.DueNotices(ctx, atOnce)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, n := range due {
			if until.Err() != nil {
				return nil
			}
			if err := s.send(ctx, n, silent); err != nil {
				return err
			}
		}
	}
}

func (s *Sender) send(ctx context.Context, n store.Notice, silent map[string]bool) error {
	err := errSilent
	if !silent[n.Route] {
		if n.Incidents, err = s.incidents(ctx, n); err != nil {
			return err
		}
		err = s.hand(ctx, n)
		silent[n.Route] = errors.Is(err, errSilent)
	}
	if ctx.Err() != nil && err != nil {
		return ctx.Err() // we stop: it is as if it had not been tried
	}
	keep := context.WithoutCancel(ctx)
	if err == nil {
		return s.store.SetSent(keep, n.ID)
	}
	now := time.Now()
	due := now.Add(pauseAfter(n.Attempts))
	if due.Sub(n.MadeAt) > giveUpAfter || errors.Is(err, errNoRoute) {
		due = time.Time{}
	}
	s.log.Warn("an alert cannot be told", "route", n.Route, "subject", n.Subject, "reason", err, "again", !due.IsZero())
	return s.store.SetUnsent(keep, n.ID, due, err.Error())
}

// incidents names those that a message begins or ends.
func (s *Sender) incidents(ctx context.Context, n store.Notice) (names []string, err error) {
	of := []store.Notice{n}
	if n.Turn == store.Over {
		if of, err = s.store.ClosedNotices(ctx, n.ID); err != nil {
			return nil, err
		}
	}
	for _, o := range of {
		names = append(names, incidentOf(strconv.FormatInt(o.ID, 10), o.MadeAt))
	}
	return names, nil
}

var errNoRoute = errors.New("the configuration no longer has this route")

func (s *Sender) hand(ctx context.Context, n store.Notice) error {
	c := s.config()
	for _, r := range c.Alerts.Routes {
		if r.Name != n.Route {
			continue
		}
		if r.Log {
			s.tell(ctx, n)
			return nil
		}
		return s.deliver(ctx, r, n)
	}
	return errNoRoute
}

// tell writes a message to the log.
func (s *Sender) tell(ctx context.Context, n store.Notice) {
	level := slog.LevelWarn
	switch {
	case n.Turn == store.Over || n.Severity == config.SeverityInfo:
		level = slog.LevelInfo
	case n.Severity == config.SeverityCritical:
		level = slog.LevelError
	}
	s.log.Log(ctx, level, "alert", "kind", n.Kind, "turn", string(n.Turn), "alerts", n.Alerts, "subject", n.Subject, "text", n.Body)
}

// Try sends a message of its own to a route and returns why it did not leave.
func (s *Sender) Try(ctx context.Context, route string) error {
	now := time.Now()
	n := store.Notice{
		Route: route, Kind: "test", Turn: store.Opened, Severity: config.SeverityInfo, MadeAt: now,
		Subject:   "[bulkhead] this is a test",
		Incidents: []string{incidentOf("test", now)},
		Body:      fmt.Sprintf("Somebody tried the alert route %s at %s. Nothing is wrong.", route, wording.Moment(now)),
	}
	return s.hand(ctx, n)
}
