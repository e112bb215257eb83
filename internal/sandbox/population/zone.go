package population

import "time"

// A zone is a US time zone by the daylight saving rule of 2007, applied to all
// years. It needs no zone files, so every machine gives the same bytes.
type zone struct {
	standard int64 // offset from UTC in milliseconds outside summer
	first    int   // year of summers[0]
	summers  [200][2]int64
}

// newZone makes the zone that is hours from UTC in winter, for 1900 to 2099.
func newZone(hours int) *zone {
	z := &zone{standard: int64(hours) * hour, first: 1900}
	for i := range z.summers {
		y := z.first + i
		z.summers[i] = [2]int64{
			sunday(y, time.March, 2).UnixMilli() + 2*hour - z.standard,
			sunday(y, time.November, 1).UnixMilli() + hour - z.standard,
		}
	}
	return z
}

// sunday is midnight of the n-th Sunday of a month.
func sunday(y int, m time.Month, n int) time.Time {
	first := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	return first.AddDate(0, 0, (7-int(first.Weekday()))%7+7*(n-1))
}

// offset is the zone's offset at ms, in milliseconds.
func (z *zone) offset(ms int64) int64 {
	i := time.UnixMilli(ms).UTC().Year() - z.first
	if i < 0 || i >= len(z.summers) || ms < z.summers[i][0] || ms >= z.summers[i][1] {
		return z.standard
	}
	return z.standard + hour
}
