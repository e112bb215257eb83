package config

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

//go:embed profiles/*.yaml
var builtin embed.FS

// Profiles returns the built-in vendor profiles by name, in new copies.
func Profiles() map[string]*Profile {
	r := &reader{}
	all := map[string]*Profile{}
	r.readProfiles(builtin, "profiles", all)
	if len(r.mistakes) > 0 {
		panic("built-in vendor profile: " + r.mistakes.Error()) // a test reads them all
	}
	return all
}

// userProfiles adds the profiles of the configuration's own folder.
func (r *reader) userProfiles(at place, folder string, all map[string]*Profile) {
	if folder == "" {
		return
	}
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		r.miss(at, "names a folder that does not exist")
		return
	}
	r.readProfiles(os.DirFS(folder), ".", all)
}

// readProfiles adds the profiles of a folder to all, those that others extend
// first.
func (r *reader) readProfiles(fsys fs.FS, folder string, all map[string]*Profile) {
	names, err := fs.Glob(fsys, path.Join(folder, "*.yaml"))
	if err != nil {
		r.miss(place{}, err.Error())
		return
	}
	l := layers{reader: r, known: all, files: map[string]*profileFile{}}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			r.miss(place{}, "read vendor profile: "+err.Error())
			continue
		}
		l.list(name, text)
	}
	for _, name := range slices.Sorted(maps.Keys(l.files)) {
		l.lay(l.files[name])
	}
}

// layers lays profiles of one folder over each other.
type layers struct {
	*reader
	known map[string]*Profile     // of the folders before, and those that are done
	files map[string]*profileFile // by the profile's name
}

type profileFile struct {
	src     *source
	body    ast.Node
	head    Profile // only Name and Extends are of use
	begun   bool
	profile *Profile // nil until it is laid
}

// list finds out what a file calls its profile, and what it extends.
func (l *layers) list(path string, text []byte) {
	f := &profileFile{}
	f.src, f.body = l.parse(path, text)
	(&reader{}).fill(f.src, f.body, &f.head) // its mistakes are told when it is laid
	key := f.head.Name
	if other, taken := l.files[key]; taken || key == "" {
		key = path // no name can hold its dot
		if taken {
			l.miss(place{src: f.src}.at("name"), fmt.Sprintf("is %q, which %s has already", f.head.Name, other.src.name))
		}
	}
	l.files[key] = f
}

// lay reads a file over what it extends, and returns the profile.
func (l *layers) lay(f *profileFile) *Profile {
	if f.profile != nil {
		return f.profile
	}
	f.begun = true
	p, wrong := l.base(f)
	l.fill(f.src, f.body, p)
	at := place{src: f.src}
	if wrong != "" {
		l.miss(at.at("extends"), wrong)
	} else {
		l.checkProfile(at, p)
	}
	p.SinceFloor.in(time.UTC)
	f.profile = p
	l.known[p.Name] = p
	return p
}

// base gives a copy of the profile that f extends, or says what is wrong with
// its name.
func (l *layers) base(f *profileFile) (p *Profile, wrong string) {
	name := f.head.Extends
	if name == "" {
		return &Profile{}, ""
	}
	file, here := l.files[name]
	switch {
	case here && file == f || !here: // a file may extend the built-in profile of its own name
		if known, ok := l.known[name]; ok {
			return known.copy(), ""
		}
		return &Profile{}, fmt.Sprintf("is %q, but the profiles are %s", name,
			strings.Join(slices.Sorted(maps.Keys(l.known)), ", "))
	case file.begun && file.profile == nil:
		return &Profile{}, "goes round in a circle"
	}
	return l.lay(file).copy(), ""
}
