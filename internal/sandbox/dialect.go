package sandbox

import "slices"

// A Dialect is a release of the Bulk Data standard.
type Dialect string

// The releases.
const (
	STU1 Dialect = "stu1"
	STU2 Dialect = "stu2"
	STU3 Dialect = "stu3"
	STU4 Dialect = "stu4" // the ballot of 2026
)

// dialects are all of them, in order.
var dialects = []Dialect{STU1, STU2, STU3, STU4}

// before reports whether d is an earlier release than other.
func (d Dialect) before(other Dialect) bool {
	return slices.Index(dialects, d) < slices.Index(dialects, other)
}
