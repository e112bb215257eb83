package look

import (
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Stage is a part of an export's life.
type Stage struct {
	Key, Name string // Key is its name in style sheets and in the API
	States    []life.State
}

// Stages gives the parts of an export's life as pages show them, in order, and the
// states that each has.
func Stages() []Stage { return slices.Clone(stages) }

var stages = []Stage{
	{"queue", "queue", []life.State{life.Requested, life.Waiting}},
	{"kick-off", "kick-off", []life.State{life.KickingOff}},
	{"server", "server", []life.State{life.Polling}},
	{"download", "download", []life.State{life.Downloading}},
	{"ingest", "ingest", []life.State{life.Ingesting}},
	{"publish", "publish", []life.State{life.Publishing}},
	{"stopped", "stopped", []life.State{life.Failed, life.Unknown}},
}

// stageOf gives the number of the stage that has a state; -1 for one in which
// an export has ended for good.
func stageOf(s life.State) int {
	for i, stage := range stages {
		if slices.Contains(stage.States, s) {
			return i
		}
	}
	return -1
}

// A Spell is a time that an export spent in one state.
type Spell struct {
	State life.State
	Stage int
	From  time.Time
	To    time.Time // now, when it lasts
	Lasts bool
}

// SpellsOf gives an export's life as far as it has come, in order. That it
// stopped is a spell only when it was taken up again, or lasts: waits for
// somebody.
func SpellsOf(x store.Export, moves []store.Moved, now time.Time) []Spell {
	var list []Spell
	state, from := life.Requested, x.RequestedAt
	for _, m := range moves {
		list = append(list, Spell{State: state, Stage: stageOf(state), From: from, To: m.At})
		state, from = m.To, m.At
	}
	if !state.Over() {
		list = append(list, Spell{State: state, Stage: stageOf(state), From: from, To: now, Lasts: true})
	}
	return list
}

// tookIn adds up how long an export spent in each stage.
func tookIn(spells []Spell) []time.Duration {
	took := make([]time.Duration, len(stages))
	for _, s := range spells {
		if s.Stage >= 0 {
			took[s.Stage] += s.To.Sub(s.From)
		}
	}
	return took
}

// A Phase is one stage of an export: how far it is, and how long it took.
type Phase struct {
	Key   string        `json:"phase" enum:"queue,kick-off,server,download,ingest,publish,stopped"`
	Name  string        `json:"-"`
	Took  time.Duration `json:"-"`
	Begun bool          `json:"begun"`
	Done  bool          `json:"done"`
	Count string        `json:"says,omitempty" doc:"How far it is, in words."`

	Seconds float64 `json:"seconds" doc:"How long the export was in it, all times together."`
}

// phasesOf says how far an export is in each stage.
func phasesOf(x store.Export, spells []Spell) []Phase {
	all := make([]Phase, len(stages))
	took, current := tookIn(spells), stageOf(x.State)
	for i, stage := range stages {
		all[i] = Phase{Key: stage.Key, Name: stage.Name, Took: took[i], Seconds: took[i].Seconds()}
	}
	for _, s := range spells {
		if s.Stage >= 0 {
			all[s.Stage].Begun = true
			all[s.Stage].Done = !s.Lasts && s.Stage != current
		}
	}
	if x.State.Over() && x.State != life.Completed {
		if i := stageOf(x.FailedIn); i >= 0 {
			all[i].Done = false // it is where the export stopped
		}
	}
	if last := len(all) - 1; !all[last].Begun {
		all = all[:last]
	}
	return all
}
