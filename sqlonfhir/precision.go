package sqlonfhir

import "strconv"

// The precision that lowBoundary and highBoundary may be given is a number of
// digits: behind the point of a decimal, or in all of a date or time.
// https://hl7.org/fhirpath/2025Jan/#lowboundaryprecision-integer-decimal--date--datetime--time

// greatest says that no precision is given.
const greatest = -1

// lengthOf is how long a date or a time is that has so many digits.
var (
	lengthOfDate = map[int]int{4: 4, 6: 7, 8: 10, 10: 13, 12: 16, 14: 19, 17: 23}
	lengthOfTime = map[int]int{2: 2, 4: 5, 6: 8, 9: 12}
)

// digits evaluates the precision. It is not ok when it is empty, or such as no
// value has.
func (x *boundaryExpr) digits(m *machine, in item) (digits int, ok bool, err error) {
	if x.precision == nil {
		return greatest, true, nil
	}
	it, err := m.single(x.precision, in)
	if err != nil || it.kind == kindNone {
		return 0, false, err
	}
	text := m.text(&it)
	if it.kind != kindNumber || !isIntegerText(text) {
		return 0, false, errIncomparable
	}
	n, err := strconv.Atoi(string(text))
	return n, err == nil && n >= 0 && n <= quotientDigits, nil
}

// cutEdge cuts the date, dateTime or time that dst has from an index on to
// some digits. It is not ok when it cannot have so many. A date has no zone
// then.
func cutEdge(dst []byte, from int, typ typeID, digits int) (_ []byte, ok bool) {
	if digits == greatest {
		return dst, true
	}
	text := dst[from:]
	if text[2] == ':' {
		n, ok := lengthOfTime[digits]
		return dst[:from+n], ok
	}
	n, ok := lengthOfDate[digits]
	if !ok || n > len(text) || typ == typeDate && digits > 8 {
		return dst[:from], false
	}
	if digits <= 8 {
		return dst[:from+n], true
	}
	return append(dst[:from+n], zoneText(text)...), true
}
