package population

import "math/bits"

// mix spreads x over all 64 bits, one to one (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

const golden = 0x9e3779b97f4a7c15

// fold mixes v into h; the order of folds counts.
func fold(h, v uint64) uint64 { return mix(h*3 + v*golden + 1) }

// hashName folds a text into a seed.
func hashName(seed uint64, s string) uint64 {
	h := fold(seed, uint64(len(s)))
	for i := range len(s) {
		h = fold(h, uint64(s[i]))
	}
	return h
}

// A dice is a stream of numbers that its seed fixes. Two draws in the same
// order give the same numbers, so writers never draw inside a condition that
// another version of the resource may not meet.
type dice uint64

func (d *dice) next() uint64 {
	*d += golden
	return mix(uint64(*d))
}

// below draws from 0 to n-1; n is positive.
func (d *dice) below(n int) int {
	hi, _ := bits.Mul64(d.next(), uint64(n))
	return int(hi)
}

// chance is true in percent of 100 draws.
func (d *dice) chance(percent int) bool { return d.below(100) < percent }

// unit draws from [0, 1).
func (d *dice) unit() float64 { return unit(d.next()) }

func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

func pick[T any](d *dice, from []T) *T { return &from[d.below(len(from))] }
