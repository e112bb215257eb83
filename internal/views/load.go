package views

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

//go:embed r4/*.json
var builtin embed.FS

// Files returns the built-in view files, "<name>.json" each, to be read or
// copied as the start of a user's own.
func Files() fs.FS {
	sub, err := fs.Sub(builtin, "r4")
	if err != nil {
		panic(err) // the folder is part of this program
	}
	return sub
}

// Load reads the built-in views and then those of the folders, in order: each
// "*.json" directly in a folder is one view. A view replaces the one of the
// same name that was read before it from elsewhere; a new name adds a table.
// Every error is a *problem.Problem that names the file: ConfigMissing when a
// folder is not there, otherwise ViewInvalid.
func Load(dirs ...string) (*Set, error) {
	byName := make(map[string]View)
	if err := loadFolder(Files(), "r4", byName); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if err := checkFolder(dir); err != nil {
			return nil, err
		}
		if err := loadFolder(os.DirFS(dir), dir, byName); err != nil {
			return nil, err
		}
	}
	return newSet(byName)
}

// checkFolder returns a problem unless dir is a folder.
func checkFolder(dir string) error {
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return problem.New(problem.ConfigMissing, fmt.Sprintf("the folder of views %s is not there", dir),
			"Create the folder, or take it out of the configuration.")
	case err != nil:
		return unreadable(dir, err)
	case !info.IsDir():
		return problem.New(problem.ViewInvalid, fmt.Sprintf("%s is a file, not a folder of views", dir),
			"Name the folder that holds the view files.")
	}
	return nil
}

// loadFolder adds the views of one folder to byName. label is the folder's
// name in messages.
func loadFolder(folder fs.FS, label string, byName map[string]View) error {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return unreadable(label, err)
	}
	here := make(map[string]string) // view name to file, of this folder
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) != ".json" {
			continue
		}
		file := filepath.Join(label, e.Name())
		text, err := fs.ReadFile(folder, e.Name())
		if err != nil {
			return unreadable(file, err)
		}
		v, err := newView(text, file)
		if err != nil {
			return invalid(file, err)
		}
		if other, twice := here[v.Name]; twice {
			return invalid(file, fmt.Errorf("name: %s in the same folder is called %q too", other, v.Name))
		}
		here[v.Name] = e.Name()
		byName[v.Name] = v
	}
	return nil
}

// newView parses and checks one view file.
func newView(text []byte, file string) (View, error) {
	def, err := sqlonfhir.Parse(text)
	if err != nil {
		return View{}, err
	}
	if err := checkView(def); err != nil {
		return View{}, err
	}
	f, err := fills(def.Columns())
	if err != nil {
		return View{}, err
	}
	t := table.Table{Name: def.Name, ResourceType: def.Resource, Columns: make([]table.Column, len(f))}
	for i := range f {
		t.Columns[i] = f[i].Column
	}
	columns, where, err := origins(text, def.Resource)
	if err != nil {
		return View{}, err
	}
	return View{View: def, File: file, Table: t, Fills: f, digest: xxhash.Sum64(text), origins: columns, where: where}, nil
}

// checkView refuses a view whose name or resource cannot make a table.
func checkView(def *sqlonfhir.View) error {
	if !columnName.MatchString(def.Name) {
		return fmt.Errorf("name: %q cannot be a table's name: lower-case letters, digits and underscores, letter first, at most 63", def.Name)
	}
	switch def.Name {
	case table.Resource.Name:
		return fmt.Errorf("name: %q is the table of types without a view", def.Name)
	case table.Attachment.Name:
		return fmt.Errorf("name: %q is the table of the documents that resources carry or point to", def.Name)
	case table.Coding.Name, table.Reference.Name:
		return fmt.Errorf("name: %q is the table of all %ss of all types", def.Name, def.Name)
	}
	if !slices.Contains(resourceTypes, def.Resource) {
		return fmt.Errorf("resource: %q is no resource type of FHIR R4", def.Resource)
	}
	for _, t := range resourceTypes {
		if def.Name == fhir.SnakeCase(t) && t != def.Resource {
			return fmt.Errorf("name: %q is the main table of %s, and this view is of %s", def.Name, t, def.Resource)
		}
	}
	return nil
}

// newSet groups the views by type.
func newSet(byName map[string]View) (*Set, error) {
	s := &Set{byType: make(map[string][]View)}
	for _, v := range byName {
		s.byType[v.Resource] = append(s.byType[v.Resource], v)
	}
	for _, resourceType := range s.Types() {
		vs := s.byType[resourceType]
		slices.SortFunc(vs, func(a, b View) int {
			if a.Main() != b.Main() {
				if a.Main() {
					return -1
				}
				return 1
			}
			return strings.Compare(a.Name, b.Name)
		})
		if !vs[0].Main() {
			return nil, invalid(vs[0].File, fmt.Errorf("resource: %s has no main view: add one named %q that gives one row for each resource",
				resourceType, fhir.SnakeCase(resourceType)))
		}
	}
	return s, nil
}

// invalid is the problem of a view file that cannot be used. A definition
// error brings its place.
func invalid(file string, err error) error {
	if d, ok := errors.AsType[*sqlonfhir.DefinitionError](err); ok {
		err = fmt.Errorf("%s: %s", cmp.Or(d.Place, "view"), d.Reason)
	}
	return problem.Wrap(err, problem.ViewInvalid, fmt.Sprintf("the view in %s cannot be used", file),
		"Correct the file, or take it out of the folder of views.")
}

// unreadable is the problem of a view file or folder that cannot be read.
func unreadable(file string, err error) error {
	return problem.Wrap(err, problem.ViewInvalid, fmt.Sprintf("%s cannot be read", file),
		"Give the account that runs bulkhead the right to read it.")
}
