package access

import (
	"regexp"
	"slices"
)

var validID = regexp.MustCompile(`^[a-z][a-z0-9._@-]{1,63}$`)

// How the record and the log name those who are nobody of ours: who has not
// signed in, and who gave a name that is nobody's.
const (
	Nobody  = "nobody"
	Unknown = "unknown"
)

// reserved are names that the record has for others than people.
var reserved = []string{"bulkhead", Nobody, Unknown, "schedule", "command", "doctor", "engine"}

// ValidID reports whether somebody may sign in under a name: 2 to 64 lower-case
// letters, digits and . _ @ -, a letter first, and none that the record has for
// others than people.
func ValidID(id string) bool { return validID.MatchString(id) && !slices.Contains(reserved, id) }
