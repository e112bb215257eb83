package export

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// The modes of an export.
const (
	Full        = "full"
	Incremental = "incremental"
)

// A Wish is what somebody asks for beyond the tenant's configuration. Its zero
// value asks for the next export as configured.
type Wish struct {
	Full  bool     // without _since, and remove what is absent
	Since string   // an instant or a date instead of the watermark
	Until string   // an instant or a date: only what changed before
	Types []string // instead of the tenant's types
	Group string   // instead of the tenant's group
	By    string   // who asks

	// Answers, when set, is called in the transaction that writes the export,
	// with its id; its error takes the export back.
	Answers func(tx *store.Tx, export string) error
}

// An Order is a tenant's wish, to be made an intent of.
type Order struct {
	Config *config.Config
	Tenant *config.Tenant
	Wish   Wish
}

// Types gives the resource types that the tenant's exports ask for: its own,
// or else its agreement's. `_type` is always sent.
func Types(t *config.Tenant) []string {
	if len(t.Types) > 0 {
		return fhir.TypeSet(t.Types)
	}
	if t.Agreement != nil && !slices.Contains(t.Agreement.Types, agreement.Any) {
		return fhir.TypeSet(t.Agreement.Types)
	}
	return nil
}

// Next plans the order by the watermark that the ledger has for its stream.
func (o Order) Next(ctx context.Context, s *store.Scope) (store.Intent, error) {
	mark, ok, err := s.Watermark(ctx, o.Stream())
	if err != nil {
		return store.Intent{}, err
	}
	return o.Plan(mark, ok)
}

// Plan makes the intent that the order amounts to. mark is the watermark of
// Stream; ok is false when it has none.
func (o Order) Plan(mark store.Watermark, ok bool) (store.Intent, error) {
	since, err := o.instant("--since", o.Wish.Since)
	if err != nil {
		return store.Intent{}, err
	}
	i, err := o.wanted()
	if err != nil {
		return i, err
	}
	if p := o.refused(i); p != nil {
		return i, p.For(o.Tenant.ID)
	}
	incremental := o.Config.Profile(o.Tenant).Takes(config.ParamSince)
	switch {
	case since != "":
		i.Mode, i.Since = Incremental, since
	case o.Wish.Full || !ok || !incremental || o.Config.NewMembers(o.Tenant) == config.MembersFull:
		i.Mode = Full
		if incremental {
			i.Since = o.floor()
		}
	default:
		i.Mode, i.Since = Incremental, mark.Since
	}
	return i, nil
}

// Stream names what the order's exports are of: endpoint, level or group, type
// set, and what narrows it. A watermark belongs to one stream.
func (o Order) Stream() string {
	i, err := o.wanted()
	if err != nil {
		return "" // Plan says why
	}
	return i.Stream
}

func (o Order) wanted() (store.Intent, error) {
	t, w := o.Tenant, o.Wish
	i := store.Intent{
		Registration: t.Registration, Endpoint: t.FHIRBaseURL, Level: t.Level, Group: t.Group,
		Types: Types(t), Sinks: t.Sinks, RequestedBy: w.By, Purpose: store.Delivery,
	}
	if len(w.Types) > 0 {
		i.Types = fhir.TypeSet(w.Types)
	}
	if w.Group != "" {
		i.Group, i.Level = w.Group, config.LevelGroup
	}
	until, err := o.instant("--until", w.Until)
	if err != nil {
		return i, err
	}
	profile := o.Config.Profile(t)
	i.Parameters = store.Parameters{
		Until: until, Elements: t.Elements, AssociatedData: t.AssociatedData, OrganizeBy: t.OrganizeOutputBy,
		AllowPartial: profile.PartialManifests, SeparateStatus: profile.SeparateStatus,
	}
	for _, filter := range t.TypeFilters {
		if of, _, _ := strings.Cut(filter, "?"); slices.Contains(i.Types, of) {
			i.Parameters.TypeFilters = append(i.Parameters.TypeFilters, filter)
		}
	}
	i.Stream = stream(i)
	return i, nil
}

// instant reads a time that a person gave. A date is midnight at the practice.
func (o Order) instant(flag, text string) (string, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, o.Tenant.Location()); err == nil {
		return fhir.FormatInstant(day), nil
	}
	if text == "" {
		return "", nil
	}
	if _, err := fhir.ParseInstant(text); err != nil {
		return "", problem.Wrap(err, problem.Usage, fmt.Sprintf("%s %q is no FHIR instant", flag, text),
			"Give a date, or a time with seconds and zone, such as 2026-01-31T00:00:00Z.").For(o.Tenant.ID)
	}
	return text, nil
}

// refused says what the vendor is known to refuse, before it is asked.
func (o Order) refused(i store.Intent) *problem.Problem {
	profile := o.Config.Profile(o.Tenant)
	if len(i.Types) == 0 {
		return problem.New(problem.ConfigInvalid, "no resource types are configured",
			"List them under types: in the tenant's configuration; _type is always sent, never \"everything\".")
	}
	if profile.ClinicalTypeNeeded && !slices.ContainsFunc(i.Types, func(name string) bool { return !fhir.IsAdministrative(name) }) {
		return problem.New(problem.ConfigInvalid, profile.Title+" refuses an export of administrative types alone: "+strings.Join(i.Types, ", "),
			"Ask for at least one clinical type beside them, such as Patient or Condition.")
	}
	if profile.PatientAlone == config.Refused && slices.Equal(i.Types, []string{"Patient"}) {
		return problem.New(problem.ConfigInvalid, profile.Title+" refuses an export of Patient alone",
			"Ask for at least one clinical type beside it, such as Condition.")
	}
	if o.Wish.Since != "" && !profile.Takes(config.ParamSince) {
		return problem.New(problem.Usage, profile.Title+" takes no _since: every export is a full one", "Leave --since out.")
	}
	return nil
}

func stream(i store.Intent) string {
	scope := i.Level
	if i.Level == config.LevelGroup {
		scope += "/" + i.Group
	}
	name := i.Endpoint + " " + scope + " " + strings.Join(i.Types, ",")
	if i.Plain() {
		return name
	}
	narrowed := store.Parameters{Until: i.Parameters.Until, Elements: i.Parameters.Elements, TypeFilters: i.Parameters.TypeFilters}
	text, err := json.Marshal(narrowed)
	if err != nil {
		panic(err) // texts only
	}
	digest := sha256.Sum256(text)
	return name + " narrowed:" + hex.EncodeToString(digest[:8])
}

// floor is the _since of an export without a watermark: the tenant's own, or
// the earliest that the vendor takes.
func (o Order) floor() string {
	since, earliest := o.Tenant.Since.Time, o.Config.Profile(o.Tenant).SinceFloor.Time
	if since.IsZero() {
		return "" // the first export is of everything
	}
	if since.Before(earliest) {
		since = earliest
	}
	return fhir.FormatInstant(since)
}

// soonest bounds how far ahead of an export's start its agreement must hold.
const soonest = 7 * 24 * time.Hour

// Decide asks the tenant's agreement whether the intent may be carried out at
// a stage. A kick-off is permitted only when the agreement still holds when
// the export has ended: after as long as the profile gives a server, but a
// week at most. One that takes longer is stopped by the stages that follow.
func Decide(c *config.Config, t *config.Tenant, stage agreement.Stage, i store.Intent, at time.Time) agreement.Verdict {
	ask := agreement.Ask{
		Stage: stage, Tenant: t.ID, At: at, Level: i.Level, Group: i.Group, Types: i.Types,
		Purposes: t.Purposes, Sinks: i.Sinks, Places: c.Sinks, Encrypted: c.Encryption.On(),
	}
	if stage == agreement.AtKickoff && i.Purpose != store.Replay { // which is over in minutes
		ask.Until = at.Add(cmp.Or(min(c.Profile(t).MaxAge.Std(), soonest), soonest))
	}
	return agreement.Decide(t.Agreement, ask)
}

// Permit is Decide for an export that is about to start; nil when it may.
func Permit(c *config.Config, t *config.Tenant, i store.Intent, at time.Time) *problem.Problem {
	return Decide(c, t, agreement.AtKickoff, i, at).Problem
}
