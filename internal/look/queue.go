package look

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Queued export runs, or waits for something.
type Queued struct {
	Tenant   string     `json:"tenant"`
	Name     string     `json:"name"`
	Export   string     `json:"export"`
	Mode     string     `json:"mode" enum:"full,incremental"`
	State    life.State `json:"state"`
	Since    time.Time  `json:"since" doc:"When it came into that state."`
	Asked    time.Time  `json:"requested_at"`
	Why      string     `json:"waits_for,omitempty" doc:"Why it does not run."`
	Until    *time.Time `json:"until,omitempty" doc:"When it is looked at again by itself."`
	Progress string     `json:"progress,omitempty" doc:"In the server's words."`
	Files    int64      `json:"files,omitempty" doc:"Output files, while they come."`
	Ingested int64      `json:"files_ingested,omitempty" doc:"Of them."`
}

// A SlotLine is how many slots of one kind are taken.
type SlotLine struct {
	Name      string `json:"registration,omitempty" doc:"Absent: the machine."`
	Practices int    `json:"practices"`
	Taken     int    `json:"taken"`
	Slots     int    `json:"slots" doc:"0: as many as the machine has."`
	Waiting   int    `json:"waiting"`
	Requests  int64  `json:"requests_this_minute"`
	Paused    string `json:"paused,omitempty"`
}

// A Budget is what one practice has asked its server for in the present clock
// minute.
type Budget struct {
	Tenant   string `json:"tenant"`
	Name     string `json:"name"`
	Requests int64  `json:"requests"`
	Limit    int64  `json:"limit" doc:"A minute; 0: there is none."`
}

// Percent is how much of the limit is spent.
func (b Budget) Percent() int64 {
	if b.Limit == 0 {
		return 0
	}
	return min(100*b.Requests/b.Limit, 100)
}

// A Queue is what runs and what waits.
type Queue struct {
	Running  []Queued        `json:"running"`
	Waiting  []Queued        `json:"waiting"`
	Deciding []Queued        `json:"for_a_person" doc:"Nobody knows whether the server took their kick-off."`
	Machine  *SlotLine       `json:"machine,omitempty" doc:"For those who may see every practice."`
	By       []SlotLine      `json:"registrations,omitempty" doc:"For those who may see every practice."`
	Budgets  []Budget        `json:"budgets"`
	Pauses   []store.Pause   `json:"-"`
	Circuits []store.Circuit `json:"-"`
	Steps    []store.Step    `json:"-"`
	More     bool            `json:"-"` // there are more steps
}

const stepsShown = 100

// Queue reads what runs and waits of the practices that who asks may see.
func (rd *Reader) Queue(ctx context.Context, now time.Time) (q Queue, err error) {
	open, err := rd.Store.Unfinished(ctx)
	if err != nil {
		return q, err
	}
	l := looker{config: rd.Config(), actor: access.ActorOf(ctx), now: now}
	l.house = l.actor.May(access.See, "")
	if l.names, err = rd.Names(ctx); err != nil {
		return q, err
	}
	if l.ground, err = rd.Ground(ctx); err != nil {
		return q, err
	}
	l.take(open)
	for _, x := range open {
		if l.actor.May(access.See, x.Tenant) {
			l.put(&q, x)
		}
	}
	oldest := func(a, b Queued) int { return cmp.Or(a.Asked.Compare(b.Asked), cmp.Compare(a.Export, b.Export)) }
	slices.SortFunc(q.Running, oldest)
	slices.SortFunc(q.Waiting, oldest)
	if err := rd.countFiles(ctx, q.Running); err != nil {
		return q, err
	}
	windows, err := rd.Store.RateWindows(ctx, now)
	if err != nil {
		return q, err
	}
	q.Budgets = l.budgets(windows)
	if l.house {
		q.Machine, q.By = l.lines(windows)
	}
	l.holds(&q)
	steps, err := rd.Store.Steps(ctx, 10*stepsShown)
	q.Steps = slices.DeleteFunc(steps, func(st store.Step) bool { return !l.actor.May(access.See, st.Tenant) })
	if q.More = len(q.Steps) > stepsShown; q.More {
		q.Steps = q.Steps[:stepsShown]
	}
	return q, err
}

// countedAtOnce is of how many running exports the files are counted.
const countedAtOnce = 50

// countFiles says how far exports are whose files come.
func (rd *Reader) countFiles(ctx context.Context, running []Queued) error {
	for i := range running[:min(len(running), countedAtOnce)] {
		x := &running[i]
		if x.State != life.Downloading && x.State != life.Ingesting {
			continue
		}
		counts, err := rd.Store.In(x.Tenant).FileStates(ctx, x.Export)
		if err != nil {
			return err
		}
		for state, n := range counts {
			x.Files += n
			if state == store.FileIngested {
				x.Ingested += n
			}
		}
	}
	return nil
}
