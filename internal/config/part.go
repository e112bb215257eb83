package config

import (
	"cmp"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A Part is what a configuration says of one tenant, or of all of them: the
// unit in which the ledger records what is in force.
type Part struct {
	Tenant string // empty: what all tenants share
	// Text has a line "field: value" for each field that says something,
	// defaults included, in the order of the manual; values are JSON. The same
	// configuration always gives the same text. It holds no secret.
	Text string
	// Frozen says of a recorded part that the tenant is no longer configured.
	Frozen bool
}

// Digest is the SHA-256 of the text, as hexadecimal digits.
func (p Part) Digest() string {
	sum := sha256.Sum256([]byte(p.Text))
	return hex.EncodeToString(sum[:])
}

// Parts gives all of the configuration: what tenants share, and then each
// tenant, by id. Of the vendor profiles it has those of the configuration's
// own folder, without what is merely known of the vendors: the built-in ones
// come with the program. Of views it has only the names of the folders.
func (c *Config) Parts() []Part {
	var w writer
	shared := *c
	shared.Tenants, shared.Include, shared.Profiles = nil, nil, ""
	if shared.Limits.IngestWorkers == runtime.GOMAXPROCS(0) {
		shared.Limits.IngestWorkers = 0 // the default, which differs from machine to machine
	}
	w.value("", reflect.ValueOf(shared))
	for _, name := range c.own {
		p := *c.profiles[name]
		p.Name, p.Extends, p.RecognisedBy, p.Facts, p.Sources = "", "", nil, nil, nil
		w.value("profiles."+name, reflect.ValueOf(p))
	}
	parts := []Part{{Text: w.text()}}
	for i := range c.Tenants {
		w.value("", reflect.ValueOf(c.Tenants[i]))
		parts = append(parts, Part{Tenant: c.Tenants[i].ID, Text: w.text()})
	}
	slices.SortFunc(parts[1:], func(a, b Part) int { return cmp.Compare(a.Tenant, b.Tenant) })
	return parts
}

// Digest is the SHA-256 of all parts of a configuration, as hexadecimal digits.
func Digest(parts []Part) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p.Tenant + " " + p.Digest() + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A writer writes values as the lines of a part.
type writer struct{ b strings.Builder }

// text gives what was written, and begins anew.
func (w *writer) text() string {
	s := w.b.String()
	w.b.Reset()
	return s
}

func (w *writer) line(path string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("a field of a configuration is no JSON: " + err.Error()) // a test writes every field
	}
	w.b.WriteString(path + ": ")
	w.b.Write(text)
	w.b.WriteByte('\n')
}

// value writes v, unless it says nothing.
func (w *writer) value(path string, v reflect.Value) {
	if v.IsZero() {
		return
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		w.line(path, m)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		w.value(path, v.Elem())
	case reflect.Struct:
		w.fields(path, v)
	case reflect.Map:
		w.entries(path, v)
	case reflect.Slice:
		w.items(path, v)
	default:
		w.line(path, v.Interface())
	}
}

func (w *writer) fields(path string, v reflect.Value) {
	if path != "" {
		path += "."
	}
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "" {
			w.value(path+name, v.Field(i))
		}
	}
}

func (w *writer) entries(path string, v reflect.Value) {
	for _, key := range slices.Sorted(maps.Keys(keys(v))) {
		entry := v.MapIndex(reflect.ValueOf(key))
		if entry.Kind() == reflect.String {
			w.line(path+"."+key, entry.Interface()) // also when it is empty: the key says something
			continue
		}
		w.value(path+"."+key, entry)
	}
}

func keys(v reflect.Value) map[string]bool {
	set := map[string]bool{}
	for _, key := range v.MapKeys() {
		set[key.String()] = true
	}
	return set
}

// items writes a list of words as one line, and one of structs item by item.
func (w *writer) items(path string, v reflect.Value) {
	if v.Type().Elem().Kind() != reflect.Struct {
		w.line(path, v.Interface())
		return
	}
	for i := range v.Len() {
		w.value(path+"["+strconv.Itoa(i)+"]", v.Index(i))
	}
}
