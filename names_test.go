package bulkhead_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// Words that say nothing, or something else than the standard's own word.
var (
	bannedWords = []string{"job", "jobs", "manager", "managers", "helper", "helpers", "util", "utils", "processor", "processors"}
	bannedNames = append([]string{"data", "info"}, bannedWords...) // of packages and files
)

const mostLines = 500

// generated is the mark that tools put at the head of a file.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// goFiles gives every hand-written Go file of the module to yield.
func goFiles(t *testing.T, yield func(path string, text []byte)) {
	t.Helper()
	walk(t, ".go", func(path string, text []byte) {
		if !generated.Match(text) {
			yield(path, text)
		}
	})
}

// walk gives every file of the module with that ending to yield.
func walk(t *testing.T, ending string, yield func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ending {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		yield(path, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoFileIsLongerThanASitting(t *testing.T) {
	t.Parallel()
	goFiles(t, func(path string, text []byte) {
		if n := bytes.Count(text, []byte("\n")); n > mostLines {
			t.Errorf("%s has %d lines, more than %d: split it", path, n, mostLines)
		}
	})
}

func TestNamesAreTheStandardsOwnWords(t *testing.T) {
	t.Parallel()
	goFiles(t, func(path string, text []byte) {
		base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".go"), "_test")
		folder := filepath.Base(filepath.Dir(path))
		for _, word := range slices.Concat(words(base), words(folder)) {
			if slices.Contains(bannedNames, word) {
				t.Errorf("%s is named by the word %q, which says nothing", path, word)
			}
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("parse: %v", err)
			return
		}
		for _, name := range declared(file) {
			if word, ok := banned(name); ok {
				t.Errorf("%s declares %s: the word %q is banned", path, name, word)
			}
		}
	})
}

func TestWordsOfAnIdentifierAreFound(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"exportJob": true, "JobStatus": true, "jobs": true, "URLHelper": true, "Helper": false, "utilPath": true, "queue_manager": true,
		"jobID": false, "JobIDs": false, "job_id": false, "export": false, "jobless": false, "futile": false,
	} {
		if _, got := banned(name); got != want {
			t.Errorf("%s: banned = %v, want %v", name, got, want)
		}
	}
}

// declared lists the identifiers that a file declares: what it only uses is
// somebody else's word.
func declared(file *ast.File) []string {
	var names []string
	add := func(idents ...*ast.Ident) {
		for _, id := range idents {
			if id != nil {
				names = append(names, id.Name)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			add(n.Name)
		case *ast.TypeSpec:
			add(n.Name)
		case *ast.ValueSpec:
			add(n.Names...)
		case *ast.Field:
			add(n.Names...)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					id, _ := e.(*ast.Ident)
					add(id)
				}
			}
		case *ast.ImportSpec:
			add(n.Name)
		}
		return true
	})
	return names
}

// banned reports the first banned word of a name; job_id is eCW's own word, and
// Helper is testing's.
func banned(name string) (string, bool) {
	if name == "Helper" {
		return "", false
	}
	list := words(name)
	for i, word := range list {
		if word == "job" && i+1 < len(list) && (list[i+1] == "id" || list[i+1] == "ids") {
			continue
		}
		if slices.Contains(bannedWords, word) {
			return word, true
		}
	}
	return "", false
}

// words splits a name at underscores, hyphens and changes of case, and gives
// its words in lower case: "JobIDs_x" gives job, ids and x.
func words(name string) []string {
	var list []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			list = append(list, strings.ToLower(string(word)))
		}
		word = nil
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
			continue
		case i > 0 && unicode.IsUpper(r) && unicode.IsLower(runes[i-1]):
			end()
		case i > 0 && unicode.IsLower(r) && len(word) > 1 && unicode.IsUpper(runes[i-1]) && !plural(runes[i:]):
			last := word[len(word)-1]
			word = word[:len(word)-1]
			end()
			word = []rune{last}
		}
		word = append(word, r)
	}
	end()
	return list
}

// plural reports whether rest is the s of an initialism's plural, as in IDs.
func plural(rest []rune) bool {
	return rest[0] == 's' && (len(rest) == 1 || !unicode.IsLower(rest[1]))
}
