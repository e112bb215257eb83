// Package lines invents NDJSON of the shape that machine-made exports have:
// the same members in the same order from line to line, few codes, and ids,
// references, times and measures that are new in each. No two lines share an
// id, so that what compresses them finds no copies.
//
// It never uses a real person's record, and gives the same lines for the same
// numbers on every machine. The resources are those of
// https://hl7.org/fhir/R4/.
package lines

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// kinds are the types there are, and what appends a line of each.
var kinds = map[string]func(*line){"Observation": observation, "Encounter": encounter, "Claim": claim}

// Types returns the resource types that Append knows, in order.
func Types() []string { return []string{"Claim", "Encounter", "Observation"} }

// Append appends the resource with that number, from 0, without a newline. The
// same number gives the same bytes. It returns dst as it was when it knows no
// such type.
func Append(dst []byte, resourceType string, number int) []byte {
	write := kinds[resourceType]
	if write == nil {
		return dst
	}
	l := line{b: dst, number: uint64(number)}
	l.chance = mix(l.number ^ mix(uint64(len(resourceType))))
	write(&l)
	return l.b
}

// Write writes lines, from number 0 on, until they have at least so many bytes
// with their newlines, and returns how many they are.
func Write(w io.Writer, resourceType string, size int64) (count int, err error) {
	if kinds[resourceType] == nil {
		return 0, fmt.Errorf("no lines of type %q are invented", resourceType)
	}
	const block = 1 << 20
	b := make([]byte, 0, block+1<<14)
	for left := size; left > 0; {
		b = b[:0]
		for len(b) < block && int64(len(b)) < left {
			b = append(Append(b, resourceType, count), '\n')
			count++
		}
		if _, err := w.Write(b); err != nil {
			return count, err
		}
		left -= int64(len(b))
	}
	return count, nil
}

// A line is one resource under construction.
type line struct {
	b      []byte
	number uint64
	chance uint64 // state of this line's own draws
}

// mix spreads a number over 64 bits (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// draw gives the line's next number below n.
func (l *line) draw(n int) int {
	l.chance = mix(l.chance)
	return int(l.chance % uint64(n))
}

func (l *line) lit(s string) { l.b = append(l.b, s...) }
func (l *line) int(n int)    { l.b = strconv.AppendInt(l.b, int64(n), 10) }

// The things that lines refer to.
const (
	ownID = iota + 1
	thePatient
	theEncounter
	thePractitioner
	theOrganization
	theClaim
)

const hex = "0123456789abcdef"

// uuid appends the id of the thing with that number.
func (l *line) uuid(thing, number uint64) {
	high, low := mix(number^thing<<56), mix(number^thing<<56^0x5851f42d4c957f2d)
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			l.b = append(l.b, '-')
		}
		if i == 16 {
			high = low
		}
		l.b = append(l.b, hex[high>>60])
		high <<= 4
	}
}

// at gives a time of the year 2010 or one of the 15 after it, in milliseconds
// since 1970, which is the same for all that has the same seed.
func at(seed uint64) int64 {
	const first, span = 1262304000000, 16 * 365 * 86400000
	return first + int64(mix(seed^0xa5a5)%span)
}

var eastern = time.FixedZone("", -5*3600)

// clock appends a time in the form given, inside of quotes.
func (l *line) clock(ms int64, layout string) {
	l.b = append(l.b, '"')
	l.b = time.UnixMilli(ms).In(eastern).AppendFormat(l.b, layout)
	l.b = append(l.b, '"')
}

const (
	toSecond = "2006-01-02T15:04:05-07:00"
	toMilli  = "2006-01-02T15:04:05.000-07:00"
)

// decimal appends a number between low and high with so many digits behind the
// point, trailing zeros too.
func (l *line) decimal(low, high, digits int) {
	unit := 1
	for range digits {
		unit *= 10
	}
	n := low*unit + l.draw((high-low)*unit+1)
	l.int(n / unit)
	if digits > 0 {
		l.b = append(l.b, '.')
		from := len(l.b)
		l.int(n%unit + unit)
		l.b = slices.Delete(l.b, from, from+1) // the 1 that kept leading zeros
	}
}
