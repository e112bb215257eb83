package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A storm is what happens to the practices' servers, and what people do
// meanwhile, by chance.
type storm struct {
	*place
	r     *rand.Rand
	hangs bool           // servers may take a request and say nothing, until the client gives up
	did   map[string]int // what happened how often
}

func (s *storm) note(what string) { s.did[what]++ }

// disturb lets something happen.
func (s *storm) disturb() {
	id := s.tenants[s.r.IntN(len(s.tenants))]
	p := s.of(id)
	switch s.r.IntN(12) {
	case 0:
		s.server.Revoke()
		s.note("tokens revoked")
	case 1:
		if p.Cancel() > 0 {
			s.note("exports forgotten by their server")
		}
	case 2:
		s.server.Advance(time.Duration(1+s.r.IntN(48)) * time.Hour)
		s.note("days passed")
	case 3:
		life := []time.Duration{10 * time.Microsecond, 100 * time.Microsecond, time.Hour}[s.r.IntN(3)]
		s.of(hillcrest).Set(func(k *sandbox.Knobs) { k.LinkLife = life })
		s.note("links given another life")
	case 4:
		f := s.fault(sandbox.KindToken)
		s.server.SetToken(func(k *sandbox.TokenKnobs) { k.Faults = []sandbox.Fault{f} })
		s.note("token endpoint troubled")
	case 5:
		s.server.SetToken(func(k *sandbox.TokenKnobs) { k.Faults = nil })
		p.Set(func(k *sandbox.Knobs) { k.Faults = nil })
		s.note("servers left in peace")
	default:
		faults := make([]sandbox.Fault, 1+s.r.IntN(3))
		for i := range faults {
			faults[i] = s.fault(troubled[s.r.IntN(len(troubled))])
			s.note("fault: " + string(faults[i].On) + " " + string(faults[i].Do))
		}
		p.Set(func(k *sandbox.Knobs) { k.Faults = faults })
	}
}

// troubled are the requests that faults happen to, the more often the more
// often they stand here.
var troubled = []sandbox.Kind{
	sandbox.KindFile, sandbox.KindFile, sandbox.KindFile, sandbox.KindPoll, sandbox.KindPoll, sandbox.KindKickoff, sandbox.KindStorage,
	sandbox.KindSMART, sandbox.KindDelete, sandbox.KindAttachment,
}

// fault draws what is wrong with requests of a kind.
func (s *storm) fault(on sandbox.Kind) sandbox.Fault {
	f := sandbox.Fault{On: on, P: 0.15 + 0.4*s.r.Float64(), Seed: s.r.Uint64()}
	body := on == sandbox.KindFile || on == sandbox.KindStorage || on == sandbox.KindAttachment
	if body && s.r.IntN(2) == 0 {
		f.AtByte = int64(s.r.IntN(4000))
	}
	switch n := s.r.IntN(11); {
	case n < 2:
		f.Do, f.Status, f.AtByte = sandbox.ActionStatus, 429, 0
		if f.RetryAfter = []string{"1", "0", "", "date 1ms", "soon"}[s.r.IntN(5)]; on == sandbox.KindKickoff {
			f.RetryAfter = "1" // otherwise it is minutes
		}
	case n < 4:
		f.Do, f.Status, f.AtByte = sandbox.ActionStatus, []int{500, 502, 503, 504}[s.r.IntN(4)], 0
	case n == 4:
		f.Do = sandbox.ActionReset
	case n == 5:
		f.Do, f.AtByte = sandbox.ActionTruncate, 1+f.AtByte
	case n == 6:
		f.Do = sandbox.ActionLost
	case n == 7 && s.hangs:
		f.Do = sandbox.ActionHang
	case n == 8 && on == sandbox.KindPoll:
		f.Do, f.P = sandbox.ActionGone, 0.1
	case n == 9 && body:
		f.Do, f.Pace = sandbox.ActionStall, 200*time.Nanosecond
	default:
		f.Do, f.Rate = sandbox.ActionSlow, 40_000_000
	}
	return f
}

// calm ends all faults.
func (s *storm) calm() {
	s.server.SetToken(func(k *sandbox.TokenKnobs) { k.Faults = nil })
	for _, id := range s.tenants {
		s.of(id).Set(func(k *sandbox.Knobs) {
			k.Faults = nil
			if id == hillcrest {
				k.LinkLife = time.Hour
			}
		})
	}
}

// attend does what the person does whom bulkhead asks: exports of unknown
// kick-off are resumed, failed ones too in some cases. Rarely that person
// stops an export, or takes refused lines again.
func (s *storm) attend(t *testing.T) {
	t.Helper()
	a, err := app.Join(t.Context(), s.config(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for _, id := range s.tenants {
		x, ok, err := a.Store.In(id).Latest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			continue
		}
		what, err := s.act(t, a, x)
		if p, refused := errors.AsType[*problem.Problem](err); err != nil && (!refused || p.Code != problem.Usage) { // it has moved on meanwhile
			t.Errorf("%s of %s: %v", what, id, err)
		}
		if what != "" && err == nil {
			s.note(what)
		}
	}
}

func (s *storm) act(t *testing.T, a *app.App, x store.Export) (what string, err error) {
	t.Helper()
	switch {
	case x.State == life.Unknown:
		return "unknown exports resumed", a.Engine.Resume(t.Context(), x.Tenant, x.ID)
	case x.State == life.Failed && s.r.IntN(3) == 0:
		return "failed exports resumed", a.Engine.Resume(t.Context(), x.Tenant, x.ID)
	case !x.State.Over() && s.r.IntN(40) == 0:
		return "exports cancelled", a.Engine.Cancel(t.Context(), x.Tenant, x.ID, "crashtest")
	case x.State == life.Completed && x.Tenant == harbor && x.Purpose == store.Delivery && s.r.IntN(5) == 0:
		_, err := a.Engine.Replay(t.Context(), harbor, export.Retake{Origin: x.ID, By: "crashtest"})
		return "refused lines taken again", err
	}
	return "", nil
}

// said lists what happened.
func (s *storm) said() string { return fmt.Sprint(s.did) }
