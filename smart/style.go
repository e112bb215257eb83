package smart

import (
	"slices"
	"strings"
)

// A Style is a syntax of resource scopes.
type Style string

// The two syntaxes.
const (
	ScopesV1 Style = "v1" // system/Patient.read
	ScopesV2 Style = "v2" // system/Patient.rs
)

// Read spells the scope to read and search a type, or all types: "*".
func (s Style) Read(resourceType string) string {
	if s == ScopesV2 {
		return "system/" + resourceType + ".rs"
	}
	return "system/" + resourceType + ".read"
}

// ScopeStyle says which syntax the server takes: by its capabilities
// permission-v2 and permission-v1, or else by the syntax that most of its
// scopes_supported have. It is empty when nothing tells. Where both are equal
// it is v2, which servers of release 2 must take.
func (c *Configuration) ScopeStyle() Style {
	switch {
	case slices.Contains(c.Capabilities, "permission-v2"):
		return ScopesV2
	case slices.Contains(c.Capabilities, "permission-v1"):
		return ScopesV1
	}
	count := map[Style]int{}
	for _, text := range c.Scopes {
		if style, ok := styleOf(text); ok {
			count[style]++
		}
	}
	switch {
	case count[ScopesV1] > count[ScopesV2]:
		return ScopesV1
	case count[ScopesV2] > 0:
		return ScopesV2
	}
	return ""
}

// styleOf tells the syntax of one system scope.
func styleOf(text string) (Style, bool) {
	scope, err := ParseScope(text)
	if err != nil || scope.Context != "system" {
		return "", false
	}
	_, suffix, _ := strings.Cut(strings.TrimPrefix(text, "system/"), ".")
	if _, v1 := v1Letters[suffix]; v1 {
		return ScopesV1, true
	}
	return ScopesV2, true
}

// An Access is what an export needs to read.
type Access struct {
	// Types are the resource types of the export, with those that come along
	// (Provenance, context types). None means all types.
	Types []string
	// Group says that the members of a group are exported, for which servers
	// want that the client may read the group.
	Group bool
}

// ExportScopes spells the fewest scopes for an export in the style, without
// any letter to write. An empty style is v1.
func ExportScopes(style Style, a Access) []string {
	types := slices.Clone(a.Types)
	if len(types) == 0 {
		types = []string{"*"}
	}
	if a.Group {
		types = append(types, "Group")
	}
	scopes := make([]string, len(types))
	for i, t := range types {
		scopes[i] = style.Read(t)
	}
	return FactorScopes(scopes)
}

// FactorScopes gives the same permissions in fewer scopes, each at the place of
// the first that it stands for: repetitions and scopes within others are left
// out, and letters of one type in the syntax of release 2 are joined. Scopes of
// another form stay as they are.
func FactorScopes(scopes []string) []string {
	list := joinLetters(scopes)
	var kept []string
	for i, text := range list {
		within := func(j int) bool {
			// Of two that say the same, the first stays.
			return i != j && covered(text, list[j:j+1]) && (j < i || !covered(list[j], list[i:i+1]))
		}
		if slices.Contains(kept, text) || slices.ContainsFunc(indexes(list), within) {
			continue
		}
		kept = append(kept, text)
	}
	return kept
}

func indexes(list []string) []int {
	all := make([]int, len(list))
	for i := range all {
		all[i] = i
	}
	return all
}

// joinLetters makes one scope of all in v2 syntax that differ in letters only.
func joinLetters(scopes []string) []string {
	type place struct{ context, resourceType, query string }
	letters, at := map[place]string{}, map[place]int{}
	var list []string
	for _, text := range scopes {
		scope, err := ParseScope(text)
		if _, v1 := v1Letters[suffixOf(text)]; err != nil || v1 {
			list = append(list, text)
			continue
		}
		p := place{scope.Context, scope.Type, scope.Query}
		if _, seen := at[p]; !seen {
			at[p] = len(list)
			list = append(list, text)
		}
		letters[p] += scope.Letters
		scope.Letters = inOrder(letters[p])
		list[at[p]] = scope.v2()
	}
	return list
}

func suffixOf(text string) string {
	_, suffix, _ := strings.Cut(text, ".")
	return suffix
}

// inOrder gives the letters without repetition, in the order of cruds.
func inOrder(letters string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(letters, r) {
			return r
		}
		return -1
	}, "cruds")
}
