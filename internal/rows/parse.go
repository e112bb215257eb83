package rows

import "strconv"

// ParseDate reads the date of a FHIR date or dateTime as days since
// 1970-01-01. A partial date is none.
// https://hl7.org/fhir/R4/datatypes.html#date
func ParseDate(s []byte) (int32, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' || len(s) > 10 && s[10] != 'T' {
		return 0, false
	}
	year, ok1 := number(s[:4])
	month, ok2 := number(s[5:7])
	day, ok3 := number(s[8:10])
	if !ok1 || !ok2 || !ok3 || year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return int32(daysSinceEpoch(year, month, day)), true
}

// ParseTime reads a FHIR dateTime or instant as microseconds since
// 1970-01-01T00:00:00Z. Without a time and a zone it is none; digits beyond
// the microsecond are cut off.
// https://hl7.org/fhir/R4/datatypes.html#dateTime
func ParseTime(s []byte) (int64, bool) {
	days, ok := ParseDate(s)
	if !ok || len(s) < len("2006-01-02T15:04:05Z") || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	hour, ok1 := number(s[11:13])
	minute, ok2 := number(s[14:16])
	second, ok3 := number(s[17:19])
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	micros, rest, ok := fraction(s[19:])
	if !ok {
		return 0, false
	}
	offset, ok := zone(rest)
	seconds := int64(days)*86400 + int64(hour*3600+minute*60+second-offset)
	return seconds*1e6 + micros, ok
}

func fraction(s []byte) (micros int64, rest []byte, ok bool) {
	if s[0] != '.' {
		return 0, s, true
	}
	i, unit := 1, int64(100_000)
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		micros += int64(s[i]-'0') * unit
		unit /= 10
	}
	return micros, s[i:], i > 1
}

// zone reads "Z", "+hh:mm" or "-hh:mm" as seconds east of Greenwich.
func zone(s []byte) (int, bool) {
	if len(s) == 1 && s[0] == 'Z' {
		return 0, true
	}
	if len(s) != 6 || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hour, ok1 := number(s[1:3])
	minute, ok2 := number(s[4:6])
	offset := hour*3600 + minute*60
	if s[0] == '-' {
		offset = -offset
	}
	return offset, ok1 && ok2 && hour <= 14 && minute <= 59
}

// number reads a few digits.
func number(s []byte) (n int, ok bool) {
	for _, c := range s {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSinceEpoch counts in years that begin in March, so that the leap day is
// a year's last.
func daysSinceEpoch(year, month, day int) int {
	if month <= 2 {
		year--
		month += 12
	}
	const toEpoch = 719468 // from 0000-03-01 to 1970-01-01
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - toEpoch
}

var powersOfTen = [...]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// parseDouble reads a JSON number as the nearest double. With at most 15
// digits and none but a small scale one division is exact; the rest is
// strconv's. A number that is too large is none.
func parseDouble(s []byte) (float64, bool) {
	mantissa, digits, scale := int64(0), 0, 0
	i, negative := 0, false
	if len(s) > 0 && s[0] == '-' {
		i, negative = 1, true
	}
	for point := false; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.' && !point:
			point = true
		case c-'0' <= 9:
			mantissa = mantissa*10 + int64(c-'0')
			if digits++; digits > 15 {
				return slowDouble(s)
			}
			if point {
				scale++
			}
		default:
			return slowDouble(s)
		}
	}
	if digits == 0 {
		return 0, false
	}
	f := float64(mantissa) / powersOfTen[scale]
	if negative {
		f = -f
	}
	return f, true
}

func slowDouble(s []byte) (float64, bool) {
	f, err := strconv.ParseFloat(string(s), 64)
	return f, err == nil
}

// parseInt reads a JSON number without fraction and exponent.
func parseInt(s []byte, bits int) (int64, bool) {
	digits := s
	if len(s) > 0 && s[0] == '-' {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		n, err := strconv.ParseInt(string(s), 10, bits)
		return n, err == nil
	}
	n := int64(0)
	for _, c := range digits {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(s) {
		n = -n
	}
	return n, bits == 64 || n == int64(int32(n))
}
