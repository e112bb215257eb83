package blob

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gocloud.dev/blob/driver"
)

// pathOf writes a key as a slash-separated path under the root. The keys that
// we make are their own paths; in others each byte that no path may hold, or
// that would name something else, is written as %XX.
func pathOf(key string) string {
	if key == "" || plainKey(key) {
		return key
	}
	var p strings.Builder
	for i := range len(key) {
		c := key[i]
		if mustEscape(key, i) {
			p.WriteByte('%')
			p.WriteString(strings.ToUpper(strconv.FormatUint(uint64(c)|0x100, 16)[1:]))
			continue
		}
		p.WriteByte(c)
	}
	return p.String()
}

// keyOf is the inverse of pathOf.
func keyOf(p string) string {
	if !strings.Contains(p, "%") {
		return p
	}
	var key strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) {
			if c, err := strconv.ParseUint(p[i+1:i+3], 16, 8); err == nil {
				key.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		key.WriteByte(p[i])
	}
	return key.String()
}

func plainKey(key string) bool {
	for i := range len(key) {
		if mustEscape(key, i) {
			return false
		}
	}
	return true
}

// mustEscape looks at one byte of a key in its place.
func mustEscape(key string, i int) bool {
	c := key[i]
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		return false
	case c == '.': // a name must not begin with a dot: "..", ".", ".tmp"
		return i == 0 || key[i-1] == '/'
	case c == '/': // no empty segment, and none at either end
		return i == 0 || i == len(key)-1 || key[i-1] == '/'
	case c >= utf8.RuneSelf:
		return false
	}
	return true
}

func sortByKey(found []*driver.ListObject) []*driver.ListObject {
	slices.SortFunc(found, func(a, b *driver.ListObject) int { return cmp.Compare(a.Key, b.Key) })
	return found
}
