package uscore

import (
	"fmt"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// Rules are the profiles of one resource type, compiled for tapes of one
// shape. They are immutable and safe for concurrent use.
type Rules struct {
	typ      string
	shape    *tape.Shape
	keys     names
	codes    codeTable
	issues   []Issue
	programs []*program // of profiles, the most specific first
	base     *program   // of the R4 type; nil when nothing is known of it
	choose   chooser
}

// Want compiles the rules of a resource type and adds what they read to the
// shape, which may hold the wants of others as well and must not have been
// parsed with. The tapes that a checker of the rules is given are parsed with
// that shape. A type that the guide does not know has no rules: every object
// is NoProfile.
//
// It panics if the rules that are part of this package contradict themselves,
// which a test rules out.
func (g *Guide) Want(resourceType string, shape *tape.Shape) *Rules {
	r, err := g.compile(resourceType, shape)
	if err != nil {
		panic(fmt.Sprintf("uscore: %v", err))
	}
	return r
}

func (g *Guide) compile(typ string, shape *tape.Shape) (*Rules, error) {
	r := &Rules{typ: typ, shape: shape, keys: numberNames(shape)}
	b := &builder{rules: r, elements: g.elements, typ: typ, issues: map[Issue]int32{}}
	b.issue(Issue{Rule: RuleType, Path: typ, Profile: typeURL(typ)}) // number 0: not an object
	profiles := inOrder(g.profiles[typ])
	for _, p := range profiles {
		x, err := b.program(p, g.sets)
		if err != nil {
			return nil, err
		}
		r.programs = append(r.programs, x)
	}
	if p := g.types[typ]; p != nil && g.version != R4 {
		x, err := b.program(p, g.sets)
		if err != nil {
			return nil, err
		}
		r.base = x
	}
	if err := r.choose.compile(b, profiles, g.version); err != nil {
		return nil, err
	}
	r.lay()
	return r, nil
}

// lay adds what the programs and the choice read to the shape.
func (r *Rules) lay() {
	root := r.shape.Root()
	for _, p := range r.programs {
		layObject(p.root, root)
	}
	if r.base != nil {
		layObject(r.base.root, root)
	}
	if len(r.programs) > 0 {
		root.Member("meta").Member("profile")
		layCodes(formConcept, root.Member("code"))
		layCodes(formConcept, root.Member("category"))
	}
}

func layObject(o *object, want *tape.Want) {
	for _, path := range o.reads {
		w := want
		for name := range strings.SplitSeq(path, ".") {
			w = w.Member(name)
		}
	}
	for i := range o.members {
		m := &o.members[i]
		w := want.Member(m.name)
		if m.under {
			w.Member("extension")
		}
		if m.codes != nil {
			layCodes(m.codes.form, w)
			for _, d := range m.codes.demands {
				if d.binding && m.codes.form != formText {
					w.Member("extension").Member("url")
				}
			}
		}
		if m.object != nil {
			layObject(m.object, w)
		}
		for _, s := range m.slices {
			at := w
			if s.where != "" {
				at = w.Member(s.where)
			}
			layCodes(s.form, at)
			if s.object != nil {
				layObject(s.object, w)
			}
		}
	}
}

func layCodes(f form, w *tape.Want) {
	switch f {
	case formConcept:
		w = w.Member("coding")
		w.Member("system")
		w.Member("code")
	case formCoding, formQuantity:
		w.Member("system")
		w.Member("code")
	case formSystem:
		w.Member("system")
	case formURL:
		w.Member("url")
	case formText:
	}
}
