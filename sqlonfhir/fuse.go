package sqlonfhir

import "slices"

// fuse returns an expression that gives the same with less: a criterion that
// cannot fail is tested while its path is walked, and a walk ends as soon as
// nothing more can come of it.
func fuse(x expr) expr {
	switch x := x.(type) {
	case *whereExpr:
		if totalTest(x.criterion) {
			return withTest(x.src, nodeTestOf(x.criterion), x)
		}
	case *extensionExpr:
		if url, ok := x.url.(literal); ok && url.item.kind == kindString {
			return withTest(x.src, &hasURL{x.key, url.item.text}, x)
		}
	case *scalarExpr:
		if x.s.name == "trim" || x.s.name == "toString" {
			return &textExpr{x.src, x.s.name == "trim"}
		}
	case *existsExpr:
		if p, ok := fuse(x.src).(*path); ok && total(p) {
			return &existsExpr{pick(p, false), x.want}
		}
	}
	return x
}

// withTest returns a path whose last step keeps only what passes a test;
// otherwise when src is not such a path.
func withTest(src expr, t nodeTest, otherwise expr) expr {
	p, ok := src.(*path)
	if !ok {
		return otherwise
	}
	last := len(p.steps) - 1
	if p.steps[last].first || p.steps[last].test != nil {
		return otherwise
	}
	steps := slices.Clone(p.steps)
	steps[last].test = t
	return &path{p.src, steps}
}

// total reports whether x gives a collection for every focus, never an error.
func total(x expr) bool {
	switch x := x.(type) {
	case *path:
		return x.src == nil || total(x.src)
	case *memberEqualsExpr, literal, this, *plainPath, *plainExists, *plainEquals: // what the tape has can be parsed again
		return true
	case *existsExpr:
		return total(x.src)
	case *notExpr:
		return totalTest(x.src)
	case *logicExpr:
		return totalTest(x.left) && totalTest(x.right)
	case *equalExpr:
		return total(x.left) && total(x.right)
	}
	return false
}

// totalTest reports whether x has a truth for every focus, never an error.
func totalTest(x expr) bool {
	_, ok := x.(tester)
	return ok && total(x)
}

// criterionOf returns the criterion of where() on the focus itself, when it
// cannot fail; else nil.
func criterionOf(x expr) expr {
	w, ok := x.(*whereExpr)
	if !ok || w.src != (this{}) || !total(w.criterion) {
		return nil
	}
	return w.criterion
}

// textExpr is src.toString() or src.trim().
type textExpr struct {
	src  expr
	trim bool
}

func (x *textExpr) eval(m *machine, in item) error { return m.pushTextOf(x, in) }

func (x *textExpr) textOf(m *machine, in *item) ([]byte, itemKind, error) {
	text, kind, err := m.textOf(x.src, in)
	switch {
	case err != nil || kind == kindNone || !x.trim && kind == kindObject:
		return nil, kindNone, err
	case !x.trim:
		return text, kindString, nil
	case kind != kindString:
		return nil, kindNone, errIncomparable
	}
	return trimmed(text), kindString, nil
}
