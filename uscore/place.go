package uscore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A place is one element of a profile, a slice of one, or one type of a choice
// element, with the rules that stand there. The places of a profile form a
// tree, from which its program is compiled.
type place struct {
	id       string   // the element id
	name     string   // of the element, without the slice; "" for the resource
	step     string   // the name, with the slice
	children []*place // of other names
	slices   []*place // of a list
	typed    []*place // of a choice element, each with typ
	typ      string
	how      *discriminator // of a slice
	allowed  []string       // types of a choice element; nil means all
	limits   Issue          // when it has another type
	texts    []textRule
	codes    []codeRule
	clauses  []clauseRule
}

// A textRule demands something of the string at a place.
type textRule struct {
	want  string // the exact text, unless there is a test
	test  func([]byte) bool
	issue Issue
}

// A codeRule demands a coding of a value set, or of one system when set is nil.
type codeRule struct {
	set    valueSet
	system string
	issue  Issue
}

// A clauseRule forbids a situation of the object at a place. A clause with
// min demands that many items of an element, or of a slice.
type clauseRule struct {
	situation
	step  string
	min   int
	issue Issue
}

// A discriminator tells which items of a list belong to a slice.
type discriminator struct {
	where  string   // the element of the item that tells; "" is the item
	codes  valueSet // it has a coding of these
	system string   // or it is an Identifier of this system
	url    string   // or an extension of this URL
}

// child returns the place of that name below p.
func (p *place) child(name string) *place {
	for _, c := range p.children {
		if c.name == name {
			return c
		}
	}
	c := &place{id: p.id + "." + name, name: name, step: name}
	p.children = append(p.children, c)
	return c
}

// below returns the place of an element or slice of p.
func (p *place) below(step string) *place {
	name, slice, sliced := strings.Cut(step, ":")
	c := p.child(name)
	if !sliced {
		return c
	}
	list := &c.slices
	if strings.HasSuffix(name, "[x]") {
		list = &c.typed
	}
	id := p.id + "." + step
	for _, s := range *list {
		if s.step == step {
			return s
		}
	}
	s := &place{id: id, name: name, step: step}
	if list == &c.typed {
		s.typ = slice[len(name)-len("[x]"):]
	}
	*list = append(*list, s)
	return s
}

// at returns the place of a path below p; "." is p.
func (p *place) at(path string) *place {
	if path != "." {
		for step := range strings.SplitSeq(path, ".") {
			p = p.below(step)
		}
	}
	return p
}

// above splits a path into its parent's and its last step.
func above(path string) (parent, step string) {
	if i := strings.LastIndexByte(path, '.'); i > 0 {
		return path[:i], path[i+1:]
	}
	return ".", path
}

// A planner builds the places of one profile.
type planner struct {
	profile *profile
	sets    map[string]valueSet
	root    *place
}

// plan returns the tree of places of a profile.
func plan(p *profile, sets map[string]valueSet) (*place, error) {
	pl := planner{profile: p, sets: sets, root: &place{id: p.typ}}
	for _, r := range p.rules {
		if r.kind == "slice" {
			if err := pl.slice(r); err != nil {
				return nil, err
			}
		}
	}
	for _, r := range slices.Concat(p.rules, datatypeRules(p.typ)) {
		if err := pl.add(r); err != nil {
			return nil, fmt.Errorf("profile %s: %w", p.url, err)
		}
	}
	return pl.root, nil
}

// datatypeRules are what R4 demands inside the datatypes that every resource
// has. The snapshots of profiles do not go into datatypes.
func datatypeRules(typ string) []rule {
	var rules []rule
	for _, path := range []string{"extension.url", "text.status", "text.div"} {
		rules = append(rules, rule{kind: "need", path: path, args: "1", origin: typeURL(typ)})
	}
	return rules
}

func (pl *planner) slice(r rule) error {
	words := strings.Fields(r.args)
	how := &discriminator{where: strings.TrimPrefix(words[0], ".")}
	switch words[1] {
	case "type":
		return nil // the slice's name says it
	case "coding":
		how.codes = valueSet{words[2]: words[3:4]}
	case "in":
		how.codes = pl.sets[words[2]]
	case "system":
		how.system = words[2]
	case "url":
		how.url = words[2]
	default:
		return fmt.Errorf("slice %s: unknown discriminator %q", r.path, words[1])
	}
	pl.root.at(r.path).how = how
	return nil
}

func (pl *planner) issue(r rule, name string) Issue {
	path := pl.profile.typ
	if r.path != "." {
		path += "." + r.path
	}
	return Issue{Rule: name, Path: path, Profile: pl.profile.demands(r)}
}

func (pl *planner) add(r rule) error {
	words := strings.Fields(r.args)
	switch r.kind {
	case "need":
		parent, step := above(r.path)
		n, err := strconv.Atoi(words[0])
		if err != nil {
			return fmt.Errorf("need %s: %w", r.path, err)
		}
		name := RuleRequired
		if strings.Contains(step, ":") {
			name = RuleSlice
		}
		at := pl.root.at(parent)
		at.clauses = append(at.clauses, clauseRule{step: step, min: n, issue: pl.issue(r, name)})
	case "bind":
		pl.code(r, codeRule{set: pl.sets[words[0]], issue: pl.issue(r, RuleBinding)})
	case "pattern":
		rule := codeRule{issue: pl.issue(r, RuleFixed)}
		if words[0] == "system" {
			rule.system = words[1]
		} else {
			rule.set = valueSet{words[1]: words[2:3]}
		}
		pl.code(r, rule)
	case "fixed":
		at := pl.root.at(r.path)
		at.texts = append(at.texts, textRule{want: words[0], issue: pl.issue(r, RuleFixed)})
	case "choice":
		at := pl.root.at(r.path)
		at.allowed, at.limits = words, pl.issue(r, RuleType)
	case "invariant":
		return pl.invariant(r, words[0], words[1])
	}
	return nil
}

// code adds a code rule, unless every item of the slice satisfies it.
func (pl *planner) code(r rule, c codeRule) {
	at := pl.root.at(r.path)
	if h := at.how; h != nil && h.where == "" && (c.system != "" && h.system == c.system || h.codes.within(c.set)) {
		return
	}
	at.codes = append(at.codes, c)
}

// invariant adds what is written natively for a line "invariant PATH KEY
// SEVERITY" of the rule files.
func (pl *planner) invariant(r rule, key, severity string) error {
	issue := pl.issue(r, key)
	if severity == "warning" {
		issue.Severity = SeverityWarning
	}
	if list, ok := cutSlice(r.path); ok && pl.profile.has("invariant", list, r.args) {
		return nil // every item of the list is judged, so the slice's are
	}
	found := nativeOf(key, issue.Path)
	if found == nil {
		return fmt.Errorf("no invariant %s is written for %s", key, issue.Path)
	}
	path := r.path
	if strings.HasSuffix(path, "[x]") {
		path, _ = above(path) // its terms and texts name the types
	}
	at := pl.root.at(path)
	for _, i := range found {
		for _, s := range i.broken {
			at.clauses = append(at.clauses, clauseRule{situation: s, issue: issue})
		}
		if i.text != nil {
			x := at.at(i.textAt)
			x.texts = append(x.texts, textRule{test: i.text, issue: issue})
		}
	}
	return nil
}

// cutSlice returns the path of the list when path ends in a slice of it.
func cutSlice(path string) (string, bool) {
	parent, step := above(path)
	name, _, ok := strings.Cut(step, ":")
	return join(strings.TrimPrefix(parent, "."), name), ok
}
