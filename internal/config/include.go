package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// include reads the files that Include names, one tenant each, and returns
// where the tenants stand.
func (r *reader) include(root place, base string, c *Config) []place {
	var places []place
	for i, pattern := range c.Include {
		at := root.at("include").index(i)
		for _, name := range r.matches(at, base, pattern) {
			text, err := os.ReadFile(name)
			if err != nil {
				r.miss(at, fmt.Sprintf("names a file that cannot be read: %v", err))
				continue
			}
			var t Tenant
			places = append(places, place{src: r.read(below(base, name), text, &t)})
			c.Tenants = append(c.Tenants, t)
		}
	}
	return places
}

// matches gives the files of a pattern, as a shell does: hidden ones, such as
// the locks of editors, only where the pattern says so. That there is none is a
// mistake: a folder that is away must not look as if all practices had gone.
func (r *reader) matches(at place, base, pattern string) []string {
	whole := absolute(base, pattern)
	names, err := filepath.Glob(whole)
	if err != nil {
		r.miss(at, "is not a pattern of file names")
		return nil
	}
	if !strings.HasPrefix(filepath.Base(pattern), ".") {
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(filepath.Base(name), ".") })
	}
	folder := filepath.Dir(whole)
	_, absent := os.Stat(folder)
	switch {
	case len(names) > 0:
	case !strings.ContainsAny(pattern, "*?["):
		r.miss(at, "names a file that does not exist")
	case errors.Is(absent, fs.ErrNotExist) && !strings.ContainsAny(folder, "*?["):
		r.miss(at, "finds no file; the folder "+below(base, folder)+" is not there: a disk that is not mounted, or a misspelt name")
	default:
		r.miss(at, "finds no file: a disk that is not mounted, or a misspelt name; leave it out while there is no practice")
	}
	slices.Sort(names)
	return names
}

// below is a path as the files of the configuration call it.
func below(base, path string) string {
	if rel, err := filepath.Rel(base, path); err == nil {
		return rel
	}
	return path
}
