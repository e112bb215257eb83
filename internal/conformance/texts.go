package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// unread stands for a part of a text that only running the test would tell.
const unread = "…"

// A source is a file of tests whose texts are read.
type source struct {
	root, module string
	pkg          string // the file's folder below root
	files        *token.FileSet
	file         *ast.File
	rooms        map[string]*room // by folder, as far as they were needed
}

// A room is what is known of a package by name: texts of constants, and types.
type room struct {
	texts map[string]ast.Expr
	types map[string]ast.Expr
}

// A row binds the variables of loops to one case of their tables.
type row map[string]bound

// bound is an expression with the type that its literal leaves out.
type bound struct{ value, of ast.Expr }

// texts gives what an expression says, once for each case of the tables over
// which the loops above it range.
func (s *source) texts(f *ast.FuncDecl, e ast.Expr, above []ast.Node) []string {
	rows := []row{{}}
	for _, n := range above {
		loop, ok := n.(*ast.RangeStmt)
		if !ok || !mentions(s.widened(f, e), loop) {
			continue
		}
		var wider []row
		for _, r := range rows {
			for _, one := range s.cases(f, loop) {
				wider = append(wider, merged(r, one))
			}
		}
		if len(wider) > 0 {
			rows = wider
		}
	}
	var all []string
	for _, r := range rows {
		if text := s.text(f, e, r); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

func merged(a, b row) row {
	m := row{}
	for _, r := range []row{a, b} {
		maps.Copy(m, r)
	}
	return m
}

// widened gives an expression and those of the variables in it.
func (s *source) widened(f *ast.FuncDecl, e ast.Expr) []ast.Expr {
	all := []ast.Expr{e}
	ast.Inspect(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if v := local(f, id.Name); v != nil {
				all = append(all, v)
			}
		}
		return true
	})
	return all
}

func mentions(all []ast.Expr, loop *ast.RangeStmt) (found bool) {
	for _, e := range all {
		ast.Inspect(e, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			found = found || ok && (isIdent(loop.Key, id.Name) || isIdent(loop.Value, id.Name))
			return true
		})
	}
	return found
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name && name != "_"
}

// cases gives the rows of the table over which a loop ranges; none when it is
// no literal.
func (s *source) cases(f *ast.FuncDecl, loop *ast.RangeStmt) (rows []row) {
	table, ok := loop.X.(*ast.CompositeLit)
	if id, isName := loop.X.(*ast.Ident); isName {
		table, ok = local(f, id.Name).(*ast.CompositeLit)
	}
	if !ok {
		return nil
	}
	var keyType, valueType ast.Expr
	switch t := table.Type.(type) {
	case *ast.ArrayType:
		valueType = t.Elt
	case *ast.MapType:
		keyType, valueType = t.Key, t.Value
	}
	for _, e := range table.Elts {
		r := row{}
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			bind(r, loop.Key, bound{pair.Key, keyType})
			e = pair.Value
		}
		bind(r, loop.Value, bound{e, valueType})
		rows = append(rows, r)
	}
	return rows
}

func bind(r row, to ast.Expr, b bound) {
	if id, ok := to.(*ast.Ident); ok && id.Name != "_" {
		r[id.Name] = b
	}
}

// local gives what a variable of a function is first set to; nil when it is none.
func local(f *ast.FuncDecl, name string) (value ast.Expr) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if ok && a.Tok == token.DEFINE && len(a.Lhs) == len(a.Rhs) && value == nil {
			for i := range a.Lhs {
				if isIdent(a.Lhs[i], name) {
					value = a.Rhs[i]
				}
			}
		}
		return true
	})
	return value
}

// text gives what an expression says in a row.
func (s *source) text(f *ast.FuncDecl, e ast.Expr, r row) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, ok := literalOf(e); ok {
			return text
		}
		return e.Value
	case *ast.ParenExpr:
		return s.text(f, e.X, r)
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return s.text(f, e.X, r) + s.text(f, e.Y, r)
		}
	case *ast.Ident:
		if b, ok := r[e.Name]; ok {
			return s.text(f, b.value, row{})
		}
		if v := local(f, e.Name); v != nil {
			return s.text(f, v, r)
		}
		return s.constant(s.pkg, e.Name)
	case *ast.SelectorExpr:
		return s.selected(f, e, r)
	case *ast.IndexExpr:
		return s.indexed(f, e, r)
	case *ast.CallExpr:
		return s.called(f, e, r)
	}
	return unread
}

// selected gives a field of a case, or a constant of another package.
func (s *source) selected(f *ast.FuncDecl, e *ast.SelectorExpr, r row) string {
	of, ok := e.X.(*ast.Ident)
	if !ok {
		return unread
	}
	if b, ok := r[of.Name]; ok {
		if v := s.field(b, e.Sel.Name); v != nil {
			return s.text(f, v, row{})
		}
		return ""
	}
	for _, i := range s.file.Imports {
		at, err := strconv.Unquote(i.Path.Value)
		if err == nil && (i.Name != nil && i.Name.Name == of.Name || i.Name == nil && path.Base(at) == of.Name) && strings.HasPrefix(at, s.module+"/") {
			return s.constant(pkgOf(s.module, at), e.Sel.Name)
		}
	}
	return unread
}

// field gives a field of a struct literal; nil when it is left out.
func (s *source) field(b bound, name string) ast.Expr {
	lit, ok := b.value.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	of := b.of
	if lit.Type != nil {
		of = lit.Type
	}
	if id, ok := of.(*ast.Ident); ok {
		of = s.room(s.pkg).types[id.Name]
	}
	var names []string
	if t, ok := of.(*ast.StructType); ok {
		for _, field := range t.Fields.List {
			for _, n := range field.Names {
				names = append(names, n.Name)
			}
		}
	}
	for i, e := range lit.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok && isIdent(pair.Key, name) {
			return pair.Value
		} else if !ok && i < len(names) && names[i] == name {
			return e
		}
	}
	return nil
}

// indexed gives an entry of a literal map.
func (s *source) indexed(f *ast.FuncDecl, e *ast.IndexExpr, r row) string {
	table, ok := e.X.(*ast.CompositeLit)
	if !ok {
		return unread
	}
	key := s.text(f, e.Index, r)
	for _, entry := range table.Elts {
		if pair, ok := entry.(*ast.KeyValueExpr); ok && s.text(f, pair.Key, r) == key {
			return s.text(f, pair.Value, r)
		}
	}
	return unread
}

// called gives what string(x) and fmt.Sprintf of plain verbs say.
func (s *source) called(f *ast.FuncDecl, e *ast.CallExpr, r row) string {
	if isIdent(e.Fun, "string") && len(e.Args) == 1 {
		return s.text(f, e.Args[0], r)
	}
	of, ok := e.Fun.(*ast.SelectorExpr)
	if !ok || !isIdent(of.X, "fmt") || of.Sel.Name != "Sprintf" || len(e.Args) == 0 {
		return unread
	}
	text := s.text(f, e.Args[0], r)
	for _, a := range e.Args[1:] {
		i := strings.IndexByte(text, '%')
		if i < 0 || i+1 == len(text) {
			break
		}
		text = text[:i] + s.text(f, a, r) + text[i+2:]
	}
	return text
}

// constant gives the text of a constant of a package.
func (s *source) constant(pkg, name string) string {
	if text, ok := literalOf(s.room(pkg).texts[name]); ok {
		return text
	}
	return unread
}

// room reads the package in a folder, once. What cannot be read is not known.
func (s *source) room(pkg string) *room {
	if have, ok := s.rooms[pkg]; ok {
		return have
	}
	k := &room{texts: map[string]ast.Expr{}, types: map[string]ast.Expr{}}
	s.rooms[pkg] = k
	files, err := filepath.Glob(filepath.Join(s.root, filepath.FromSlash(pkg), "*.go"))
	if err != nil {
		return k
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		for _, d := range parsed.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				k.declare(g)
			}
		}
	}
	return k
}

func (k *room) declare(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		switch d := spec.(type) {
		case *ast.TypeSpec:
			k.types[d.Name.Name] = d.Type
		case *ast.ValueSpec:
			for i, n := range d.Names {
				if g.Tok == token.CONST && i < len(d.Values) {
					k.texts[n.Name] = d.Values[i]
				}
			}
		}
	}
}
