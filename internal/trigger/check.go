package trigger

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var (
	callerShape    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}$`)
	referenceShape = regexp.MustCompile(`^[A-Za-z0-9._:/@+=-]{0,128}$`)
	groupShape     = regexp.MustCompile(`^[A-Za-z0-9.-]{0,64}$`) // FHIR's id
)

// check says what of a request cannot be taken; nil when all can. What the
// agreement or the vendor has to say is asked when the export begins.
func check(c *config.Config, r store.ExportRequest) *problem.Problem {
	if _, err := c.Tenant(r.Tenant); err != nil {
		return problem.New(problem.TenantUnknown, fmt.Sprintf("no practice has the id %q", clipped(r.Tenant)), "Ask for one that is configured; its id stands in the configuration under tenants.")
	}
	wrong := func(summary, remedy string) *problem.Problem {
		return problem.New(problem.RequestInvalid, summary, remedy).For(r.Tenant)
	}
	switch {
	case r.Kind != export.Full && r.Kind != export.Incremental:
		return wrong(fmt.Sprintf("the kind is %q", clipped(r.Kind)), "Ask for full or incremental.")
	case r.Source != store.FromAPI && !callerShape.MatchString(r.By): // the API knows who asks
		return wrong("who asks is not named as it must be", "Name the program: 1 to 64 of letters, digits, spaces and ._@-.")
	case !referenceShape.MatchString(r.Reference):
		return wrong("the reference cannot be kept", "Give at most 128 of letters, digits and ._:/@+=-, such as a message's id; nothing of a patient.")
	case !groupShape.MatchString(r.Group):
		return wrong("the group is no FHIR id", "Give the group's id, or none for the practice's.")
	case !instant(r.Since):
		return wrong(fmt.Sprintf("since is %q, which is no FHIR instant", clipped(r.Since)), "Give a date, or a time with seconds and zone, such as 2026-01-31T00:00:00Z.")
	}
	for _, name := range typesOf(r) {
		if !fhir.IsTypeName(name) {
			return wrong(fmt.Sprintf("%q is no resource type", clipped(name)), "Name resource types as FHIR does, with commas between: Patient,Condition.")
		}
	}
	if _, _, ok := c.Callback(r.Tenant, r.Callback); r.Callback != "" && !ok {
		return wrong("the call-back is not one that the configuration allows for this practice",
			"Give the name of an entry of callbacks in the configuration, or a URL at or below its own, without a query.")
	}
	return nil
}

// clipped is the beginning of a caller's word, as it may be shown.
func clipped(word string) string {
	word = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, word)
	return word[:min(len(word), 40)]
}

func instant(text string) bool {
	if text == "" {
		return true
	}
	_, err := fhir.ParseInstant(text)
	_, noDay := time.Parse(time.DateOnly, text)
	return err == nil || noDay == nil
}

// typesOf gives the resource types that a request names.
func typesOf(r store.ExportRequest) (names []string) {
	for name := range strings.SplitSeq(r.Types, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// actor is the name under which a request's caller is on record.
func actor(r store.ExportRequest) string {
	if r.Source == store.FromAPI {
		return r.By
	}
	return r.Source + ":" + clipped(r.By)
}

// wish is what a request asks of the engine.
func wish(r store.ExportRequest) export.Wish {
	return export.Wish{Full: r.Kind == export.Full, Since: r.Since, Types: typesOf(r), Group: r.Group, By: actor(r)}
}

// otherwise says that a reference was used for another request.
func otherwise(r, known store.ExportRequest) *problem.Problem {
	return problem.New(problem.Usage, fmt.Sprintf("the reference stands for another request of this caller already, number %d", known.ID),
		"Give each request a reference of its own; repeat one only to ask for the same again.").For(r.Tenant)
}
