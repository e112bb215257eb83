package uscore

import (
	"bytes"
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// A chooser finds the profiles that a resource is checked against. Profiles
// are bits: bit n is the n-th of Rules.programs, in the order of preference.
type chooser struct {
	claims    map[string]int // by canonical URL
	version   string         // of the guide, as a claim may name it
	codes     []uint64       // by number of a coding of code: the profiles that it fits
	category  []uint64       // by number of a coding of category
	anyCode   uint64         // profiles that ask nothing of code
	anyCateg  uint64         // profiles that ask nothing of category
	byContent bool           // a profile asks something
}

// A selector is how a profile is known without meta.profile.
type selector struct {
	codes      [][2]string // one of these is needed
	few        [][2]string // the same, of a short value set
	categories map[string]*categorySlice
}

type categorySlice struct {
	min   int
	codes [][2]string
}

func (p *profile) selector() selector {
	s := selector{categories: map[string]*categorySlice{}}
	for _, r := range p.rules {
		switch r.kind {
		case "code":
			s.codes = append(s.codes, [2]string(strings.Fields(r.args)))
		case "anycode":
			s.few = append(s.few, [2]string(strings.Fields(r.args)))
		case "category":
			words := strings.Fields(r.args)
			c := s.categories[words[0]]
			if c == nil {
				c = &categorySlice{min: int(words[1][0] - '0')}
				s.categories[words[0]] = c
			}
			c.codes = append(c.codes, [2]string(words[2:]))
		}
	}
	return s
}

// rank is 4 for a profile known by its code, 3 by a short list of codes, 2 by
// a category that it requires, 1 by one that it allows, 0 by nothing.
func (s selector) rank() int {
	switch {
	case s.codes != nil:
		return 4
	case s.few != nil:
		return 3
	case len(s.categories) == 0:
		return 0
	case s.requires() != nil:
		return 2
	}
	return 1
}

func (s selector) requires() *categorySlice {
	for _, c := range s.categories {
		if c.min > 0 {
			return c
		}
	}
	return nil
}

// narrowness is the number of codes of the smallest category.
func (s selector) narrowness() int {
	n := 1 << 30
	for _, c := range s.categories {
		n = min(n, len(c.codes))
	}
	return n
}

// inOrder sorts profiles by preference: what is known by more comes first,
// then the narrower category, then the derived one before its parent.
func inOrder(profiles []*profile) []*profile {
	return slices.SortedStableFunc(slices.Values(profiles), func(p, q *profile) int {
		s, t := p.selector(), q.selector()
		return cmp.Or(cmp.Compare(t.rank(), s.rank()), cmp.Compare(s.narrowness(), t.narrowness()),
			cmp.Compare(q.depth(), p.depth()), strings.Compare(p.url, q.url))
	})
}

func (c *chooser) compile(b *builder, profiles []*profile, v Version) error {
	if len(profiles) > 64 {
		return fmt.Errorf("%s: more than 64 profiles", b.typ)
	}
	c.claims, c.version = map[string]int{}, string(v)
	for i, p := range profiles {
		bit := uint64(1) << i
		c.claims[p.url] = i
		s := p.selector()
		switch {
		case s.codes != nil:
			c.fit(b, &c.codes, s.codes, bit)
		case s.few != nil:
			c.fit(b, &c.codes, s.few, bit)
		default:
			c.anyCode |= bit
		}
		required := s.requires()
		switch {
		case required != nil:
			c.fit(b, &c.category, required.codes, bit)
		case s.rank() != 1:
			c.anyCateg |= bit
		default:
			for _, a := range s.categories {
				c.fit(b, &c.category, a.codes, bit)
			}
		}
	}
	c.byContent = c.codes != nil || c.category != nil
	return nil
}

func (c *chooser) fit(b *builder, table *[]uint64, codings [][2]string, bit uint64) {
	for _, x := range codings {
		id := b.rules.codes.id(x[0], x[1])
		for int(id) >= len(*table) {
			*table = append(*table, 0)
		}
		(*table)[id] |= bit
	}
}

// A front is the nodes of a resource that its profiles are known by; -1 is none.
type front struct{ meta, code, category int32 }

func (c *Checker) front() front {
	f, t, k := front{-1, -1, -1}, c.tape, &c.rules.keys
	for n, end := int32(1), t.Node(0).Next; n < end; n = t.Node(n).Next {
		switch t.Node(n).Key {
		case k.meta:
			f.meta = n
		case k.code:
			f.code = n
		case k.category:
			f.category = n
		}
	}
	return f
}

// claimed returns the known profiles that meta.profile names, and the first.
func (c *Checker) claimed(meta int32) (mask uint64, first int) {
	if meta < 0 {
		return 0, 0
	}
	n := c.tape.Member(meta, c.rules.keys.profile)
	if n < 0 {
		return 0, 0
	}
	end := n + 1
	if c.tape.Node(n).Kind == tape.Array {
		n, end = n+1, c.tape.Node(n).Next
	}
	for ; n < end; n = c.tape.Node(n).Next {
		i := c.rules.choose.claim(c.text(n))
		if i < 0 {
			continue
		}
		if mask == 0 {
			first = i
		}
		mask |= 1 << i
	}
	return mask, first
}

// claim returns the profile that a canonical names, or -1. A canonical with a
// version names it only in that version.
func (c *chooser) claim(canonical []byte) int {
	url, version, versioned := bytes.Cut(canonical, []byte("|"))
	i, known := c.claims[string(url)]
	if !known || versioned && string(version) != c.version && !(string(version) == fhirVersion && bytes.HasPrefix(url, []byte(fhirURL))) {
		return -1
	}
	return i
}

// fitting returns the profile that fits the codes and categories of the
// resource, or -1.
func (c *Checker) fitting(f front) int {
	choose := &c.rules.choose
	fit := ^uint64(0)
	if choose.byContent {
		fit = (choose.anyCode | c.profilesOf(f.code, choose.codes)) & (choose.anyCateg | c.profilesOf(f.category, choose.category))
	}
	if n := bits.TrailingZeros64(fit); n < len(c.rules.programs) {
		return n
	}
	return -1
}

// profilesOf returns the profiles in table that a coding of the node n fits.
func (c *Checker) profilesOf(n int32, table []uint64) uint64 {
	if n < 0 {
		return 0
	}
	var fit uint64
	c.findCodes(formConcept, n, false)
	for _, id := range c.ids {
		if int(id) < len(table) {
			fit |= table[id]
		}
	}
	return fit
}
