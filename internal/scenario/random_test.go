package scenario_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// TestRandomCombinationsEndWell draws servers by chance: a preset, up to six
// habits, up to three faults. Whatever comes together, an export completes,
// waits, or ends with a problem that names one of the causes, and nothing that
// must always hold is broken. SCENARIOS is how many are drawn, 50 without it;
// SCENARIO plays one again by its seed.
func TestRandomCombinationsEndWell(t *testing.T) {
	first, last := uint64(1), uint64(50)
	if n, err := strconv.ParseUint(os.Getenv("SCENARIOS"), 10, 32); err == nil {
		last = n
	}
	if seed, err := strconv.ParseUint(os.Getenv("SCENARIO"), 10, 64); err == nil {
		first, last = seed, seed
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("SCENARIO=%d", seed), func(t *testing.T) {
			t.Parallel()
			d := draw(seed)
			defer func() {
				if t.Failed() {
					t.Log(d)
				}
			}()
			scenario.Run(t, d.spec, d.play)
		})
	}
}

var profiles = sync.OnceValue(config.Profiles)

// drawn is one combination.
type drawn struct {
	seed    uint64
	preset  string
	names   []string
	ends    []problem.Code
	never   bool
	twice   bool
	restart time.Duration // after which bulkhead is started again; 0 for never
	spec    scenario.Spec
}

func (d *drawn) String() string {
	return fmt.Sprintf("SCENARIO=%d: %s at level %s with %s; acceptable problems %v", d.seed, d.preset, d.spec.Level, strings.Join(d.names, ", "), d.ends)
}

func draw(seed uint64) *drawn {
	r := rand.New(rand.NewPCG(seed, 3))
	d := &drawn{seed: seed, preset: pick(r, sandbox.PresetNames()...), twice: r.IntN(2) == 0}
	if r.IntN(4) == 0 {
		d.restart = time.Duration(r.IntN(90)) * time.Second
	}
	all := variations()
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:r.IntN(7)]
	faults := drawFaults(r)
	for _, v := range slices.Concat(all, faults) {
		d.names, d.ends, d.never = append(d.names, v.name), append(d.ends, v.ends...), d.never || v.never
	}
	knobs, err := sandbox.PresetKnobs(d.preset)
	if err != nil {
		panic(err) // it is one of the names
	}
	profile := profileOf(d.preset, knobs.Dialect)
	if slices.Contains(d.names, "affinityCookie") && (d.restart > 0 || !profiles()[profile].KeepsCookies()) {
		d.ends = append(d.ends, problem.ExportGone) // cookies are kept where the vendor wants it, and in memory
	}
	d.ends = append(d.ends, habits(knobs, profiles()[profile])...)
	var levels []string
	for _, level := range profiles()[profile].Levels {
		if slices.Contains(knobs.Levels, sandbox.Level(level)) {
			levels = append(levels, level)
		}
	}
	choices := r.Uint64()
	d.spec = scenario.Spec{Kickoffs: 32, Bound: 12 * time.Hour, Tenant: scenario.Tenant{
		Preset: d.preset, Profile: profile, Level: pick(r, levels...), Patients: 5 + r.IntN(8),
		Knobs: func(k *sandbox.Knobs) {
			again := rand.New(rand.NewPCG(choices, 1))
			for _, v := range slices.Concat(all, faults) {
				v.apply(k, again)
			}
		},
	}}
	return d
}

// profileOf is the vendor profile of a preset.
func profileOf(preset string, dialect sandbox.Dialect) string {
	if _, ok := profiles()[preset]; ok {
		return preset
	}
	return "standard-" + string(dialect)
}

// habits are the problems that a preset's own knobs, or its vendor profile, may
// cause.
func habits(k sandbox.Knobs, p *config.Profile) (ends []problem.Code) {
	if k.KickoffWindow > 0 || slices.Contains(k.LacksParams, "_since") {
		ends = append(ends, problem.KickoffRefused)
	}
	if p.RedirectFiles == config.Refuse || p.RedirectFiles == config.SameOrigin {
		ends = append(ends, problem.DownloadFailed)
	}
	return ends
}

// drawFaults draws up to three faults that last for some requests or for some
// time.
func drawFaults(r *rand.Rand) []variation {
	var faults []variation
	for range r.IntN(4) {
		f := sandbox.Fault{
			On:    pick(r, sandbox.KindKickoff, sandbox.KindPoll, sandbox.KindPoll, sandbox.KindFile, sandbox.KindFile, sandbox.KindStorage, sandbox.KindDelete, sandbox.KindSMART),
			Do:    pick(r, sandbox.ActionStatus, sandbox.ActionStatus, sandbox.ActionReset, sandbox.ActionHang, sandbox.ActionLost, sandbox.ActionGone, sandbox.ActionTruncate, sandbox.ActionHTML, sandbox.ActionGarbage),
			After: r.IntN(3),
		}
		if f.Do == sandbox.ActionStatus {
			f.Status = pick(r, 400, 401, 403, 404, 429, 500, 502, 503)
		}
		if r.IntN(2) == 0 {
			f.Times = 1 + r.IntN(3)
		} else {
			f.For = time.Duration(10+r.IntN(300)) * time.Second
		}
		if f.On == sandbox.KindFile || f.On == sandbox.KindStorage {
			f.AtByte = pick[int64](r, 0, 0, 500, 5000)
			if f.Do == sandbox.ActionTruncate { // an empty file would be as good as any
				f.AtByte = 333
			}
		}
		faults = append(faults, variation{
			name:  fmt.Sprintf("%s of %s (status %d, after %d, %d times, for %v, at byte %d)", f.Do, f.On, f.Status, f.After, f.Times, f.For, f.AtByte),
			apply: set(func(k *sandbox.Knobs) { k.Faults = append(k.Faults, f) }),
			ends:  causes(f),
		})
	}
	return faults
}

// causes are the problems that a fault may end an export with.
func causes(f sandbox.Fault) []problem.Code {
	switch f.On {
	case sandbox.KindKickoff:
		return codes(problem.KickoffRefused, problem.KickoffUnknown, problem.AccessDenied, problem.LevelUnsupported, problem.GroupMissing, problem.ServerFailing)
	case sandbox.KindPoll:
		return codes(problem.ExportFailed, problem.ExportGone, problem.AccessDenied, problem.ManifestInvalid, problem.ServerFailing)
	case sandbox.KindFile, sandbox.KindStorage:
		return codes(problem.DownloadFailed, problem.AccessDenied)
	case sandbox.KindSMART:
		return codes(problem.DiscoveryFailed, problem.ServerFailing, problem.ServerUnreachable, problem.DownloadFailed)
	}
	return nil
}

// play exports once or twice and judges what came of it.
func (d *drawn) play(w *scenario.World) {
	x := w.Request(w.Tenant().ID, export.Wish{})
	if d.restart > 0 {
		w.Pass(d.restart)
		w.Restart()
	}
	d.judge(w, w.Settle(x))
	if !d.twice || x.State != life.Completed {
		return
	}
	w.Pass(time.Hour)
	d.judge(w, w.Export())
}

func (d *drawn) judge(w *scenario.World, x *scenario.Export) {
	w.T().Helper()
	switch x.State {
	case life.Completed, life.Waiting:
	case life.Failed, life.Gone, life.Unknown, life.Denied:
		if !slices.Contains(d.ends, problem.Code(x.ProblemCode)) {
			w.T().Errorf("the problem does not name a cause: %s", x)
		}
	case life.Polling:
		if !d.never {
			w.T().Errorf("the export goes on for ever: %s", x)
		}
	case life.Requested, life.KickingOff, life.Downloading, life.Ingesting, life.Publishing, life.Cancelled:
		w.T().Errorf("the export has not settled: %s", x)
	}
}
