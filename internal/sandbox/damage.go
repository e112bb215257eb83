package sandbox

import (
	"bytes"
	"slices"
	"strings"
)

// A damage is how many lines of a file are still to be spoilt, in each way.
type damage struct {
	broken, foreign, wrongType, noID int
	bytes                            []string
}

// damageOf returns what is to be spoilt in f.
func (e *export) damageOf(f *file) damage {
	var d damage
	for _, b := range e.k.Bad {
		if b.Type == f.kind && b.File == f.index {
			d.broken, d.foreign, d.noID = b.Broken, b.WrongType, b.NoID
		}
	}
	if k := e.k.ContentKnobs; k.odd(f.kind) {
		d.wrongType, d.noID = k.WrongType, d.noID+k.NoID
		d.bytes = k.BadBytes
	}
	return d
}

// apply spoils line if any damage is left, one way after the other.
func (d *damage) apply(line []byte) []byte {
	switch {
	case d.broken > 0:
		d.broken--
		return append(slices.Clone(line[:len(line)/2]), ` <cut`...)
	case d.foreign > 0:
		d.foreign--
		return bytes.Replace(line, []byte(`"resourceType":"`), []byte(`"resourceType":"Not`), 1)
	case d.wrongType > 0:
		d.wrongType--
		return with(line, "resourceType", `"Basic"`)
	case d.noID > 0:
		d.noID--
		return without(line, "id")
	case len(d.bytes) > 0:
		what := d.bytes[0]
		d.bytes = d.bytes[1:]
		return spoil(line, what)
	}
	return line
}

// spoil puts before a resource's members one that hardly any reader takes.
func spoil(line []byte, what string) []byte {
	first := map[string]string{
		BadNUL:       "\"language\":\"x-nul-\x00\",",
		BadUTF8:      "\"language\":\"x-\xff\xfe\",",
		BadSurrogate: `"language":"x-\ud800",`,
		BadDuplicate: `"language":"en","language":"de",`,
		BadHugeNumber: `"contained":[{"resourceType":"Basic","id":"n","extension":[{"url":"urn:bulkhead:number","valueDecimal":` +
			strings.Repeat("9", 60) + `e4000}]}],`,
	}[what]
	open := bytes.IndexByte(line, '{')
	return append(append(slices.Clone(line[:open+1]), first...), line[open+1:]...)
}
