package smart

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	scopeSyntax = regexp.MustCompile(`^(system|user|patient)/([A-Z][A-Za-z]*|\*)\.([a-z*]+)(\?.+)?$`)
	v2Letters   = regexp.MustCompile(`^c?r?u?d?s?$`)
	v1Letters   = map[string]string{"read": "rs", "write": "cud", "*": "cruds"}
)

// A Scope is one FHIR resource scope, of either version of the syntax.
type Scope struct {
	Context string // system, user or patient
	Type    string // a resource type, or "*"
	Letters string // of cruds; "read" is rs, "write" is cud, "*" is cruds
	Query   string // search constraint without "?", mostly empty
}

// ParseScope reads a resource scope. Letters out of their order, unknown
// words, and scopes of another form (such as launch) are errors.
func ParseScope(text string) (Scope, error) {
	m := scopeSyntax.FindStringSubmatch(text)
	if m == nil {
		return Scope{}, fmt.Errorf("scope %.100q has not the form system/Type.rs", text)
	}
	letters, v1 := v1Letters[m[3]]
	if !v1 {
		letters = m[3]
	}
	if !v2Letters.MatchString(letters) || v1 && m[4] != "" {
		return Scope{}, fmt.Errorf("scope %.100q: want read, write, * or letters of cruds in that order", text)
	}
	return Scope{Context: m[1], Type: m[2], Letters: letters, Query: strings.TrimPrefix(m[4], "?")}, nil
}

// v2 spells the scope in the syntax of release 2.
func (s Scope) v2() string {
	text := s.Context + "/" + s.Type + "." + s.Letters
	if s.Query != "" {
		text += "?" + s.Query
	}
	return text
}

// Covers reports whether the granted scopes, taken together, permit what the
// scope permits: the words of release 1 and the letters of release 2 count
// alike, letters may be split over scopes, and "*" stands for every type.
func Covers(granted []string, scope string) bool {
	return slices.Contains(granted, scope) || covered(scope, granted)
}

// Missing returns those of the requested scopes that the granted ones, taken
// together, do not cover. Scopes of another form count as covered when they
// are granted word for word.
func Missing(requested, granted []string) []string {
	var missing []string
	for _, text := range requested {
		if !Covers(granted, text) {
			missing = append(missing, text)
		}
	}
	return missing
}

func covered(text string, granted []string) bool {
	want, err := ParseScope(text)
	if err != nil {
		return false
	}
	var letters strings.Builder
	for _, other := range granted {
		have, err := ParseScope(other)
		if err != nil || have.Context != want.Context || have.Query != "" && have.Query != want.Query {
			continue
		}
		if have.Type == "*" || have.Type == want.Type {
			letters.WriteString(have.Letters)
		}
	}
	return !strings.ContainsFunc(want.Letters, func(r rune) bool { return !strings.ContainsRune(letters.String(), r) })
}

// checkScopes returns the scopes without repetitions.
func checkScopes(scopes []string, others bool) ([]string, error) {
	var list []string
	for _, text := range scopes {
		switch {
		case text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
			return nil, fmt.Errorf("scope %.100q is empty or holds a space", text)
		case !strings.HasPrefix(text, "system/") && !others:
			return nil, fmt.Errorf("scope %.100q is not a system scope", text)
		}
		if _, err := ParseScope(text); err != nil && strings.Contains(text, ".") && strings.HasPrefix(text, "system/") {
			return nil, err
		}
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no scope is given")
	}
	return list, nil
}
