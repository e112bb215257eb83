package sandbox

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
)

// dress returns a resource of type t as the client shall see it, according to
// the knobs of content: the same bytes for every request. The result may be
// line itself.
func (e *export) dress(t string, line []byte) []byte {
	if e.plain {
		return line
	}
	k := e.k.ContentKnobs
	id := stringOf(line, "id")
	odd := k.odd(t)
	if odd && e.ordinal > 0 && drawn("silentEdit", t, id, k.SilentEdit) {
		line = with(line, "language", fmt.Sprintf(`"x-edit-%d"`, e.ordinal))
	}
	if odd && k.Attach != AttachAsIs {
		line = e.attach(t, id, line)
	}
	if len(e.wish.elements) > 0 {
		line = subset(t, line, e.wish.elements)
	}
	if odd && drawn("noMeta", t, id, k.NoMeta) {
		line = without(line, "meta")
	}
	line = e.refer(line)
	if k.LongID > len(id) && id != "" {
		line = with(line, "id", `"`+longer(id, k.LongID)+`"`)
	}
	return line
}

// isPlain reports whether k leaves resources as they are.
func (e *export) isPlain() bool {
	k := e.k.ContentKnobs
	return k.SilentEdit == 0 && k.Attach == AttachAsIs && k.NoMeta == 0 && k.LongID == 0 &&
		(k.Refs == RefsAsIs || k.Refs == RefsRelative) && len(e.wish.elements) == 0
}

// drawn reports whether a resource is among the share of those that something
// happens to.
func drawn(what, t, id string, share int) bool {
	return share > 0 && lot(what, t, id) < share
}

// lot is a number from 0 to 99 that a resource always draws.
func lot(what, t, id string) int {
	h := fnv.New64a()
	h.Write([]byte(what + "/" + t + "/" + id)) // a hash takes every write
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return int(x % 100)
}

// longer returns an id of n characters that no other id gives.
func longer(id string, n int) string {
	if len(id) >= n {
		return id
	}
	return id + "." + strings.Repeat("x", n-len(id)-1)
}

var reference = regexp.MustCompile(`("reference"\s*:\s*")([A-Z][A-Za-z]+)/([A-Za-z0-9.-]+)"`)

// refer gives a resource's references the form that the knobs ask for.
func (e *export) refer(line []byte) []byte {
	k := e.k.ContentKnobs
	if k.LongID == 0 && (k.Refs == RefsAsIs || k.Refs == RefsRelative) {
		return line
	}
	return reference.ReplaceAllFunc(line, func(found []byte) []byte {
		m := reference.FindSubmatch(found)
		t, id := string(m[2]), longer(string(m[3]), k.LongID)
		if k.Refs == RefsDangling && slices.Contains([]string{"Practitioner", "Organization", "Location"}, t) {
			id = "gone-" + id
		}
		base := ""
		if k.Refs == RefsAbsolute {
			base = e.p.base + "/"
		}
		return fmt.Appendf(nil, `%s%s%s/%s"`, m[1], base, t, id)
	})
}

// mandatory are the elements that a resource keeps whatever _elements names.
var mandatory = []string{"resourceType", "id", "meta", "status", "intent", "code", "subject", "patient"}

const subsetted = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

// subset leaves in a resource what elements names, and tags it.
// https://hl7.org/fhir/search.html#_elements
func subset(t string, line []byte, elements []string) []byte {
	var wanted []string
	for _, el := range elements {
		of, name, ok := strings.Cut(el, ".")
		switch {
		case !ok:
			wanted = append(wanted, el)
		case of == t:
			wanted = append(wanted, name)
		}
	}
	if len(wanted) == 0 {
		return line
	}
	made := []byte("{")
	for m := range eachMember(line) {
		if name := string(m.name); slices.Contains(mandatory, name) || slices.Contains(wanted, name) {
			if len(made) > 1 {
				made = append(made, ',')
			}
			made = append(made, line[m.from:m.to]...)
		}
	}
	made = append(made, '}')
	meta := valueOf(made, "meta")
	if meta == nil {
		meta = []byte("{}")
	}
	tags := subsetted
	if old := bytes.Trim(valueOf(meta, "tag"), "[]"); len(old) > 0 {
		tags = string(old) + "," + subsetted
	}
	return with(made, "meta", string(with(meta, "tag", "["+tags+"]")))
}
