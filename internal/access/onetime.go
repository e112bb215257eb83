package access

import (
	"crypto/rand"
	"strings"
)

// OneTimePassword gives a password of 130 bits of chance that a person types
// once, in order to choose their own.
func OneTimePassword() string {
	text := strings.ToLower(rand.Text())
	var groups []string
	for len(text) > 5 {
		groups, text = append(groups, text[:5]), text[5:]
	}
	return strings.Join(append(groups, text), "-")
}
