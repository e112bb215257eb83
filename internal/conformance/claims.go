package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A test is a top-level test function.
type test struct {
	pkg  string // folder below the module's root, with slashes; "." for the root
	name string
}

func (t test) String() string { return t.pkg + " " + t.name }

// A claim is one call of Attr in a test, or in a subtest of it.
type claim struct {
	test test
	ids  []string
}

// attribute is the key of the attribute that claims rules.
const attribute = "shows"

// scan finds the claims of all tests below root, in the order of their files.
func scan(root string) ([]claim, error) {
	var claims []claim
	err := eachTestFile(root, func(file, pkg string) error {
		found, err := scanFile(file, pkg, attribute)
		claims = append(claims, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the claims: %w", err)
	}
	return claims, nil
}

// eachTestFile gives the test files below root in order, each with the folder of
// its package as a test names it. Hidden folders and test data are left out.
func eachTestFile(root string, do func(file, pkg string) error) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return nil
		}
		below, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		return do(file, filepath.ToSlash(below))
	})
}

func scanFile(file, pkg, key string) ([]claim, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var claims []claim
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isAttribute(call, key) {
				return true
			}
			c := claim{test: test{pkg, f.Name.Name}}
			text, literal := literalOf(call.Args[1])
			c.ids = strings.Fields(text)
			switch {
			case !literal || len(c.ids) == 0:
				err = fmt.Errorf("%s: a claim must be a literal", fset.Position(call.Pos()))
			case f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz"):
				err = fmt.Errorf("%s: a claim must stand in the test itself", fset.Position(call.Pos()))
			}
			claims = append(claims, c)
			return true
		})
	}
	return claims, err
}

// isAttribute reports whether a call is x.Attr(key, y).
func isAttribute(call *ast.CallExpr, want string) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != "Attr" || len(call.Args) != 2 {
		return false
	}
	key, ok := literalOf(call.Args[0])
	return ok && key == want
}

func literalOf(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// testsOf lists the tests that make claims, without doubles, in order.
func testsOf(claims []claim) []test {
	var tests []test
	for _, c := range claims {
		tests = append(tests, c.test)
	}
	slices.SortFunc(tests, compareTests)
	return slices.Compact(tests)
}

func compareTests(a, b test) int {
	if n := strings.Compare(a.pkg, b.pkg); n != 0 {
		return n
	}
	return strings.Compare(a.name, b.name)
}
