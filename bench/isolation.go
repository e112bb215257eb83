package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	healthy = "healthy"
	hanging = "hanging" // takes requests and does not end its answers
	broken  = "broken"  // answers 500 to everything
)

// goal is how many times as long an export may take beside sick practices.
const goal = 1.20

// A side is one way to measure the healthy practice's export.
type side struct {
	name  string
	hangs sandbox.Fault // of the hanging practice; the zero value: nobody else is there
	stuck int           // how many of its requests hang at once
}

var sides = []side{
	{name: "alone"},
	{"beside hanging files and 500", sandbox.Fault{On: sandbox.KindFile, Do: sandbox.ActionHang, AtByte: 4096}, 4},
	{"beside hanging polls and 500", sandbox.Fault{On: sandbox.KindPoll, Do: sandbox.ActionHang}, 1},
	{"beside a hanging kick-off and 500", sandbox.Fault{On: sandbox.KindKickoff, Do: sandbox.ActionHang}, 1},
}

// A reading is one export of the healthy practice.
type reading struct {
	cost
	refused int                          // requests that the broken practice answered meanwhile
	phases  map[life.State]time.Duration // how long the export was in each state
}

// isolation measures every side in every round, each in an empty house of its
// own, in an order that turns from round to round.
func isolation(ctx context.Context, o options, c *corpus) (string, error) {
	before := load()
	if _, err := sides[0].read(ctx, c); err != nil { // warms files and code
		return "", err
	}
	readings := make([][]reading, len(sides))
	for round := range o.rounds {
		for n := range sides {
			i := (n + round) % len(sides)
			r, err := sides[i].read(ctx, c)
			if err != nil {
				return "", fmt.Errorf("%s: %w", sides[i].name, err)
			}
			readings[i] = append(readings[i], r)
			fmt.Fprintf(o.out, "round %d: %-34s %6.2f s, CPU %6.2f s\n", round+1, sides[i].name, r.wall.Seconds(), r.cpu.Seconds())
		}
	}
	return tellIsolation(c, readings, before), nil
}

// read measures one export of the healthy practice, once the others are as
// sick as they get.
func (s side) read(ctx context.Context, c *corpus) (_ reading, err error) {
	practices := []practice{{tenant: healthy, source: c.source}}
	if s.stuck > 0 {
		practices = append(practices,
			practice{hanging, smallPractice(2), []sandbox.Fault{s.hangs}},
			practice{broken, smallPractice(3), []sandbox.Fault{{Do: sandbox.ActionStatus}}})
	}
	h, err := openHouse(ctx, c.dir, practices...)
	if err != nil {
		return reading{}, err
	}
	defer func() { err = errors.Join(err, h.close(ctx)) }()
	if s.stuck > 0 {
		err = h.fallSick(ctx, s.stuck)
	}
	if err != nil {
		return reading{}, err
	}
	var r reading
	refused := h.refused()
	r.cost, err = measure(func() (err error) {
		r.phases, err = h.exportAll(ctx, c)
		return err
	})
	r.refused = h.refused() - refused
	if err == nil && s.stuck > 0 {
		err = h.stillSick(ctx)
	}
	return r, err
}

func smallPractice(seed uint64) sandbox.Source {
	return sandbox.FromPopulation(population.New(population.Config{Seed: seed, Practice: fmt.Sprint(seed), Patients: 50}))
}

// fallSick starts the exports of the sick practices and waits until so many
// requests hang and the broken practice has been asked more than once.
func (h *house) fallSick(ctx context.Context, stuck int) error {
	for _, tenant := range []string{hanging, broken} {
		if _, err := h.request(ctx, tenant); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		more := h.server.More()
		if h.server.Pending(strings.ToUpper(hanging)) >= stuck && h.refused() > 1 {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("the practices do not fall sick: %d requests hang: %w", h.server.Pending(strings.ToUpper(hanging)), context.Cause(ctx))
		}
	}
}

// refused is how many requests the broken practice has answered.
func (h *house) refused() (n int) {
	for _, of := range h.server.Counts(strings.ToUpper(broken)) {
		n += of
	}
	return n
}

// stillSick checks that both sick exports ran to the end of the measurement.
func (h *house) stillSick(ctx context.Context) error {
	for _, tenant := range []string{hanging, broken} {
		x, ok, err := h.Store.In(tenant).Latest(ctx)
		if err != nil {
			return err
		}
		if !ok || !x.State.Busy() {
			return fmt.Errorf("the export of %s is %s and runs beside nobody", tenant, x.State)
		}
	}
	if h.server.Pending(strings.ToUpper(hanging)) == 0 {
		return errors.New("nothing hangs any more")
	}
	return nil
}

// exportAll exports the healthy practice, checks that all of it came, and
// gives how long the export was in each state.
func (h *house) exportAll(ctx context.Context, c *corpus) (map[life.State]time.Duration, error) {
	id, err := h.request(ctx, healthy)
	if err != nil {
		return nil, err
	}
	x, err := h.Engine.Wait(ctx, healthy, id)
	if err != nil {
		return nil, err
	}
	if x.State != life.Completed {
		return nil, fmt.Errorf("the export ended %s: %s (%s)", x.State, x.ProblemSummary, x.LastError)
	}
	files, err := h.Store.In(healthy).Files(ctx, id)
	if err != nil {
		return nil, err
	}
	if n := delivered(files); n != c.lines {
		return nil, fmt.Errorf("the export brought %d of %d resources", n, c.lines)
	}
	timeline, err := h.Store.In(healthy).Timeline(ctx, id)
	return phases(timeline), err
}

// phases reads how long an export was in each state: the detail of an entry
// about a move is the state that it led to.
func phases(timeline []store.Entry) map[life.State]time.Duration {
	spent := map[life.State]time.Duration{}
	var state life.State
	var since time.Time
	for _, e := range timeline {
		if !slices.Contains(life.States, life.State(e.Detail)) {
			continue
		}
		if state != "" {
			spent[state] += e.At.Sub(since)
		}
		state, since = life.State(e.Detail), e.At
	}
	return spent
}

func delivered(files []store.File) (n int64) {
	for _, f := range files {
		n += f.Delivered
	}
	return n
}

// tellIsolation writes the section.
func tellIsolation(c *corpus, readings [][]reading, before string) string {
	var rows [][]string
	verdict := "within"
	for i, s := range sides {
		row, ratio := s.row(readings[i], readings[0])
		if ratio > goal {
			verdict = "**outside**"
		}
		rows = append(rows, row)
	}
	return fmt.Sprintf("One practice is exported from kick-off to both sinks: %d resources of %d types, %.1f MB of NDJSON. "+
		"Beside it, in the same process, one practice hangs and one answers 500 to everything; both are admitted and running from before the kick-off until after the end. "+
		"Median of %d rounds (least – greatest); ratios are to the export alone in the same round. The process holds the sandbox too.\n\n",
		c.lines, len(corpusTypes), mega(c.bytes), len(readings[0])) +
		table([]string{"export", "wall s", "download, ingest, publish s", "CPU s", "wall ratio", "CPU ratio", "answers 500 meanwhile"}, rows) +
		fmt.Sprintf("\nThe medians of the wall ratio are %s the goal of %.2f. Load average %s before, %s after.\n", verdict, goal, before, load())
}

// row sums a side's readings up, and gives the median of its ratios to the
// export alone, of one round each.
func (s side) row(readings, alone []reading) (cells []string, ratio float64) {
	var wall, cpu, wallRatio, cpuRatio, refused []float64
	spent := map[life.State][]float64{}
	for n, r := range readings {
		wall, cpu = append(wall, r.wall.Seconds()), append(cpu, r.cpu.Seconds())
		wallRatio = append(wallRatio, r.wall.Seconds()/alone[n].wall.Seconds())
		cpuRatio = append(cpuRatio, r.cpu.Seconds()/alone[n].cpu.Seconds())
		refused = append(refused, float64(r.refused))
		for state, d := range r.phases {
			spent[state] = append(spent[state], d.Seconds())
		}
	}
	cells = []string{s.name, spread(wall, "%.2f"), fmt.Sprintf("%.2f, %.2f, %.2f",
		median(spent[life.Downloading]), median(spent[life.Ingesting]), median(spent[life.Publishing])), spread(cpu, "%.2f"), "–", "–", "–"}
	if s.stuck > 0 {
		copy(cells[4:], []string{spread(wallRatio, "%.2f"), spread(cpuRatio, "%.2f"), fmt.Sprintf("%.0f", median(refused))})
	}
	return cells, median(wallRatio)
}
