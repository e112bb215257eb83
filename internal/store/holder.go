package store

import (
	"os"
	"strings"
)

// Holder gives the id of the process that holds the ledger at path; held is
// false when nobody does.
func Holder(path string) (process string, held bool) {
	if !Held(path) {
		return "", false
	}
	text, err := os.ReadFile(path + ".lock")
	if err != nil {
		return "", false // it went away meanwhile
	}
	return strings.TrimSpace(string(text)), true
}
