package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// needs is the mark of a practice that does not go on by itself.
const needs = "needs somebody"

// lookEvery is how often a board looks at the ledger.
const lookEvery = time.Second

// A board shows how practices stand, or one, and follows it: lines that change
// in place on a terminal, one line for each change elsewhere, JSON objects with
// --json. It only reads.
type board struct {
	g       *Globals
	config  *config.Config
	readAt  time.Time // when it was read
	store   *store.Store
	tenant  string // empty: all
	live    bool
	colours bool
	screen  screen
	tally   *tally
	said    map[string]string // what was last said of each practice, where it is no terminal
}

// watchStatus shows a board until ctx ends.
func (g *Globals) watchStatus(ctx context.Context, tenant string, inLines bool) error {
	err := g.looking(ctx, func(cfg *config.Config, s *store.Store) error {
		if _, known, err := s.Standing(ctx, tenant); tenant != "" && (err != nil || !known) {
			return cmp.Or(err, error(problem.New(problem.TenantUnknown, fmt.Sprintf("no practice has the id %q", tenant), "List them with bulkhead status.")))
		}
		b := &board{
			g: g, config: cfg, readAt: time.Now(), store: s, tenant: tenant, live: isTerminal(g.streams.Out) && !inLines && !g.JSON, colours: colours(),
			screen: screen{out: g.streams.Out}, tally: newTally(s), said: map[string]string{},
		}
		return b.follow(ctx)
	})
	if errors.Is(err, store.ErrNoLedger) {
		return g.beforeTheFirst()
	}
	return err
}

func (b *board) follow(ctx context.Context) error {
	pace := time.NewTicker(lookEvery)
	defer pace.Stop()
	for {
		if err := b.look(ctx, time.Now()); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil // whoever looked has seen enough
		case <-pace.C:
		}
	}
}

// A stand is one practice on the board.
type stand struct {
	store.Standing
	mark   string
	detail string  // what is going on, or wrong
	done   float64 // of the phase that runs, 0 to 1; negative when nobody knows
}

// readAgain is how often a board reads the configuration, whose windows say why
// a practice waits: it may stand for weeks.
const readAgain = time.Minute

// reread takes up what the files say now. While they cannot be used, what they
// said before counts.
func (b *board) reread(now time.Time) {
	if now.Sub(b.readAt) < readAgain {
		return
	}
	b.readAt = now
	if cfg, err := b.g.load(); err == nil {
		b.config = cfg
	}
}

// look reads the ledger once and shows what is there.
func (b *board) look(ctx context.Context, now time.Time) error {
	b.reread(now)
	list, err := b.read(ctx)
	if err != nil {
		return err
	}
	pauses, err := b.store.Pauses(ctx)
	if err != nil {
		return err
	}
	stands, running, ground := make([]stand, len(list)), map[string]bool{}, schedule.NewGround(b.config, pauses, nil)
	for i, s := range list {
		mark, held := look.Mark(s, ground, now)
		stands[i] = stand{Standing: s, mark: mark, done: -1}
		if err := b.detail(ctx, &stands[i], now); err != nil {
			return err
		}
		if held != "" {
			stands[i].detail = strings.TrimSuffix(held+"; "+stands[i].detail, "; ")
		}
		running[s.Export] = true
	}
	b.tally.keep(running)
	rank := look.Marks()
	slices.SortStableFunc(stands, func(x, y stand) int { return cmp.Compare(slices.Index(rank, x.mark), slices.Index(rank, y.mark)) })
	if !b.live {
		return b.say(stands, now)
	}
	lines := b.overview(stands, now)
	if b.tenant != "" {
		if lines, err = b.practice(ctx, stands[0], now); err != nil {
			return err
		}
	}
	return b.screen.draw(lines)
}

func (b *board) read(ctx context.Context) ([]store.Standing, error) {
	if b.tenant == "" {
		return b.store.Standings(ctx)
	}
	s, _, err := b.store.Standing(ctx, b.tenant)
	return []store.Standing{s}, err
}

// detail says what is going on at a practice, or what is wrong and who must
// act.
func (b *board) detail(ctx context.Context, s *stand, now time.Time) error {
	switch s.State {
	case life.Requested:
		s.detail = "for a free slot"
	case life.KickingOff:
		s.detail = "asking the server"
	case life.Waiting:
		s.detail = waits(s.WaitingUntil, s.WaitingFor)
	case life.Polling:
		s.detail = "the server works: " + orNothing(s.Progress)
		if percent, err := strconv.ParseFloat(strings.TrimSuffix(s.Progress, "%"), 64); err == nil && strings.HasSuffix(s.Progress, "%") {
			s.done, s.detail = percent/100, "the server works"
		}
	case life.Downloading, life.Ingesting:
		f, err := b.tally.of(ctx, s.Tenant, s.Export)
		if err != nil {
			return err
		}
		s.detail = fmt.Sprintf("%d of %s stored, %s lines, %s", f.InRaw, some(f.Files, "file"), wording.Count(f.Lines), wording.Size(f.Bytes))
		if s.State == life.Downloading && f.Files > 0 {
			s.done = float64(f.InRaw) / float64(f.Files)
		}
	case life.Publishing:
		s.detail = "the sinks take it"
	case life.Failed, life.Unknown, life.Gone, life.Denied:
		who, _, _ := strings.Cut(problem.Code(s.Problem).Kind().Text, ":")
		if s.detail = s.Summary; s.mark == needs {
			s.detail += " (to act: " + who + ")"
		}
	case life.Completed, life.Cancelled:
	}
	if s.detail == "" && s.mark == "late" {
		s.detail = "its schedule was due " + age(now.Sub(s.NextAt)) + " ago"
	}
	return nil
}

// age writes how long ago something was, in one unit.
func age(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(max(d, 0).Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// fresh says how old what is here is.
func (s *stand) fresh(now time.Time) string {
	if s.CompletedAt.IsZero() {
		return "-"
	}
	return age(now.Sub(s.CompletedAt))
}

func (b *board) colour(mark string) string {
	if !b.colours {
		return ""
	}
	return map[string]string{"needs somebody": red, "late": yellow, "waits": yellow, "runs": green, "paused": yellow, "frozen": faint, "fresh": ""}[mark]
}

// overview are the lines of all practices, the worst first, as many as fit.
func (b *board) overview(stands []stand, now time.Time) []string {
	_, height := sizeOf(b.screen.out)
	var counts []string
	for _, mark := range look.Marks() {
		n := 0
		for i := range stands {
			if stands[i].mark == mark {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, paint(b.colour(mark), fmt.Sprintf("%d %s", n, mark)))
		}
	}
	lines := []string{fmt.Sprintf("%s  %s: %s", now.Format(time.TimeOnly), some(int64(len(stands)), "practice"), strings.Join(counts, ", ")), ""}
	room := max(height-1-len(lines), 1)
	shown := stands[:min(len(stands), room)]
	if len(stands) > room {
		shown = stands[:max(room-1, 0)]
	}
	wide := 0
	for i := range shown {
		wide = max(wide, len(shown[i].Tenant))
	}
	for i := range shown {
		lines = append(lines, b.line(&shown[i], wide, now))
	}
	if rest := len(stands) - len(shown); rest > 0 {
		lines = append(lines, paint(b.faint(), fmt.Sprintf("and %d more, none of which stands worse", rest)))
	}
	return lines
}

func (b *board) faint() string {
	if b.colours {
		return faint
	}
	return ""
}

// line is one practice in one line: what it is, how old its records are, how
// it stands and what is going on.
func (b *board) line(s *stand, wide int, now time.Time) string {
	text := fmt.Sprintf("%-*s %4s  %-14s", wide, s.Tenant, s.fresh(now), s.mark)
	if s.mark == "runs" {
		text += fmt.Sprintf(" %-11s", s.State)
	}
	if s.done >= 0 {
		text += " " + bar(s.done)
	}
	return paint(b.colour(s.mark), strings.TrimRight(text+" "+s.detail, " "))
}

// exportsShown is how many exports the board of one practice lists.
const exportsShown = 8

// practice are the lines of one practice: how it stands, what to do, and its
// latest exports.
func (b *board) practice(ctx context.Context, s stand, now time.Time) ([]string, error) {
	exports, err := b.store.In(s.Tenant).Exports(ctx, exportsShown)
	if err != nil {
		return nil, err
	}
	lines := []string{
		fmt.Sprintf("%s  %s  %s", now.Format(time.TimeOnly), s.Tenant, s.Name), "",
		b.line(&s, len(s.Tenant), now),
	}
	if s.Completed != "" {
		lines = append(lines, "holds data of "+cmp.Or(s.TransactionTime, "an unknown time")+", here since "+clock(s.CompletedAt))
	}
	if !s.NextAt.IsZero() {
		lines = append(lines, "next export by its schedule: "+clock(s.NextAt))
	}
	if s.mark == needs {
		lines = append(lines, "problem: "+s.Summary, "next:    "+s.Remedy, "to act:  "+problem.Code(s.Problem).Kind().Text)
	}
	lines = append(lines, "", fmt.Sprintf("%-24s %-12s %-11s %-16s %s", "export", "mode", "state", "requested", "took"))
	for _, x := range exports {
		took := ""
		if !x.EndedAt.IsZero() {
			took = x.EndedAt.Sub(x.RequestedAt).Round(time.Second).String()
		}
		lines = append(lines, paint("", fmt.Sprintf("%-24s %-12s %-11s %-16s %s", x.ID, kindOf(x), x.State, clock(x.RequestedAt), took)))
	}
	return lines, nil
}

// A watchedStand is a practice that stands otherwise than before, as --json
// prints it.
type watchedStand struct {
	At          string     `json:"at"`
	Tenant      string     `json:"tenant"`
	Stands      string     `json:"stands"`
	Export      string     `json:"export"`
	State       life.State `json:"state"`
	CompletedAt *time.Time `json:"completed_at"`
	Code        string     `json:"code"`
	Problem     string     `json:"problem"`
	Next        string     `json:"next"`
}

// say writes a line, or an object, for each practice that stands otherwise than
// when it was last said; at first for those that are not fresh.
func (b *board) say(stands []stand, now time.Time) error {
	first := len(b.said) == 0
	for i := range stands {
		s := &stands[i]
		head := s.mark + " " + string(s.State) + " " + s.Export
		if b.said[s.Tenant] == head {
			continue
		}
		b.said[s.Tenant] = head
		if b.g.JSON {
			err := b.g.emit(watchedStand{
				At: now.UTC().Format(time.RFC3339), Tenant: s.Tenant, Stands: s.mark, Export: s.Export, State: s.State,
				CompletedAt: maybe(s.CompletedAt), Code: s.Problem, Problem: s.Summary, Next: s.Remedy,
			})
			if err != nil {
				return err
			}
			continue
		}
		if first && s.mark == "fresh" && b.tenant == "" {
			continue
		}
		line := fmt.Sprintf("%s %-16s %-14s %-11s %s", now.Format(time.TimeOnly), s.Tenant, s.mark, s.State, s.detail)
		b.g.printf("%s\n", strings.TrimRight(cut(line, 10_000), " "))
	}
	return nil
}
