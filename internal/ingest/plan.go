package ingest

import (
	"sync"

	"github.com/bulkhead-fhir/bulkhead/internal/generic"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// Plans remember what the lines of a type are put through: the views, the rules
// of the guide and the tables of all types, all of which read one parse of the
// line. They are compiled once. A Plans is safe for concurrent use.
type Plans struct {
	mu       sync.Mutex
	elements *generic.Elements
	made     map[planKey]*plan
}

// NewPlans remembers nothing yet.
func NewPlans() *Plans { return &Plans{made: map[planKey]*plan{}} }

type planKey struct {
	resourceType string
	views        *views.Set
	guide        *uscore.Guide
	generic      Generic
	dated        bool
	labelled     bool
}

// A plan is what the lines of one type are put through. It is immutable.
type plan struct {
	program *sqlonfhir.Program
	rules   *uscore.Rules   // nil when nothing is judged
	places  *generic.Places // nil when no table of all types is filled
	dates   *datePlaces     // nil when dates of service are not looked at

	contained *labelNumbers // nil when labels are not looked at
}

// of returns the plan of a type.
func (p *Plans) of(o *Options, resourceType string) (*plan, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := planKey{resourceType, o.Views, o.Guide, o.Generic, o.Limits.dated(resourceType), o.Limits.Withheld != nil}
	if known := p.made[key]; known != nil {
		return known, nil
	}
	made, err := p.compile(o, resourceType)
	if err == nil && len(p.made) < 4*maxTypes { // names from outside must not fill the memory
		p.made[key] = made
	}
	return made, err
}

func (p *Plans) compile(o *Options, resourceType string) (*plan, error) {
	made := &plan{}
	var err error
	made.program, err = sqlonfhir.CompileWith(sqlonfhir.Options{Views: o.Views.Definitions(resourceType), Also: func(s *tape.Shape) {
		if o.Guide != nil {
			made.rules = o.Guide.Want(resourceType, s)
		}
		if o.Generic != (Generic{}) {
			if p.elements == nil {
				p.elements = generic.NewElements()
			}
			made.places = p.elements.Want(resourceType, s)
		}
		if o.Limits.dated(resourceType) {
			made.dates = wantDates(resourceType, s)
		}
		if o.Limits.Withheld != nil {
			made.contained = wantContained(s)
		}
	}})
	return made, err
}
