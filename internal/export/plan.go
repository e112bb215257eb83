package export

import (
	"context"
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
	Since string   // an instant instead of the watermark
	Types []string // instead of the tenant's types
	Group string   // instead of the tenant's group
	By    string   // who asks
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

// Next plans a wish by the watermark that the ledger has for its stream.
func Next(ctx context.Context, s *store.Scope, t *config.Tenant, w Wish) (store.Intent, error) {
	mark, ok, err := s.Watermark(ctx, StreamOf(t, w))
	if err != nil {
		return store.Intent{}, err
	}
	return Plan(t, w, mark, ok)
}

// Plan makes the intent that a wish amounts to. mark is the stream's watermark
// as read by StreamOf; ok is false when the stream has none.
func Plan(t *config.Tenant, w Wish, mark store.Watermark, ok bool) (store.Intent, error) {
	if day, err := time.ParseInLocation(time.DateOnly, w.Since, t.Location()); err == nil {
		w.Since = fhir.FormatInstant(day)
	}
	if w.Since != "" {
		if _, err := fhir.ParseInstant(w.Since); err != nil {
			return store.Intent{}, problem.Wrap(err, problem.Usage, fmt.Sprintf("--since %q is no FHIR instant", w.Since),
				"Give a date, or a time with seconds and zone, such as 2026-01-31T00:00:00Z.").For(t.ID)
		}
	}
	i := wanted(t, w)
	if len(i.Types) == 0 {
		return i, problem.New(problem.ConfigInvalid, "no resource types are configured",
			"List them under types: in the tenant's configuration; _type is always sent, never \"everything\".").For(t.ID)
	}
	i.Stream = stream(i)
	switch {
	case w.Since != "":
		i.Mode, i.Since = Incremental, w.Since
	case w.Full || !ok:
		i.Mode, i.Since = Full, floor(t)
	default:
		i.Mode, i.Since = Incremental, mark.Since
	}
	return i, nil
}

// StreamOf names the stream that a wish belongs to: endpoint, level or group,
// and type set. A watermark belongs to one stream.
func StreamOf(t *config.Tenant, w Wish) string { return stream(wanted(t, w)) }

func wanted(t *config.Tenant, w Wish) store.Intent {
	i := store.Intent{
		Registration: t.Registration, Endpoint: t.FHIRBaseURL, Level: t.Level, Group: t.Group,
		Types: Types(t), Sinks: t.Sinks, RequestedBy: w.By,
	}
	if len(w.Types) > 0 {
		i.Types = fhir.TypeSet(w.Types)
	}
	if w.Group != "" {
		i.Group, i.Level = w.Group, config.LevelGroup
	}
	return i
}

func stream(i store.Intent) string {
	scope := i.Level
	if i.Level == config.LevelGroup {
		scope += "/" + i.Group
	}
	return i.Endpoint + " " + scope + " " + strings.Join(i.Types, ",")
}

func floor(t *config.Tenant) string {
	if t.Since.IsZero() {
		return ""
	}
	return fhir.FormatInstant(t.Since.Time)
}

// Permit asks the tenant's agreement whether the intent may be carried out now.
func Permit(t *config.Tenant, i store.Intent, at time.Time) *problem.Problem {
	return agreement.Check(t.Agreement, agreement.Ask{
		Tenant: t.ID, At: at, Level: i.Level, Group: i.Group, Types: i.Types, Sinks: i.Sinks,
	})
}

// Replaceable gives the types of which this export's delivery is the whole
// truth, so that what it does not deliver may be removed from the sinks. It
// errs on the side of keeping rows: nothing is removed by an incremental
// export or one with a _since; when the server reported errors; of a type of
// which no file came, because a lost scope or an emptied group looks the same;
// of a type with refused lines, whose resources may be among them; or of a type
// that another group or level of the tenant also delivers, which may still have it.
func Replaceable(x store.Export, files []store.File, otherStreams []string) ([]string, error) {
	if x.Mode != Full || x.Since != "" || x.ServerErrors > 0 {
		return nil, nil
	}
	keep, listed := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		listed[f.ResourceType] = true
		if f.Quarantined > 0 {
			keep[f.ResourceType] = true
		}
		if strings.Contains(string(f.Summary), `"type_mismatch"`) {
			return nil, nil // the refused line is of some other type: it may be any
		}
	}
	for _, text := range otherStreams {
		var types []string
		if err := json.Unmarshal([]byte(text), &types); err != nil {
			return nil, fmt.Errorf("read the types of another stream: %w", err)
		}
		for _, t := range types {
			keep[t] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(x.Types), func(t string) bool { return keep[t] || !listed[t] }), nil
}
