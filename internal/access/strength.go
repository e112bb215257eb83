package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a password, in characters (ASVS 2.1): long ones are welcome, and
// none is long enough to cost more than it should.
const (
	MinPassword = 15
	MaxPassword = 128
)

// minUnlikely is how many characters must be left of a password when everything
// is taken away that is tried first.
const minUnlikely = 9

// minDifferent is how many different characters a password has at least.
const minDifferent = 5

// CheckPassword returns what a person must be told about a password that
// cannot be taken; nil for a good one. about are words that a password must not
// be made of: the person's id and name.
func CheckPassword(password string, about ...string) error {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return errors.New("the password is not text")
	case n < MinPassword:
		return fmt.Errorf("the password needs at least %d characters: some words that do not belong together are easiest", MinPassword)
	case n > MaxPassword:
		return fmt.Errorf("the password may have at most %d characters", MaxPassword)
	case few(password):
		return errors.New("the password must not repeat a few characters")
	case unlikely(password, about) < minUnlikely:
		return errors.New("the password is made of what is tried first: common words, names, dates, rows of keys, the name to sign in with; choose some words that do not belong together")
	}
	return nil
}

// few reports whether a text has too few different characters.
func few(text string) bool {
	seen := map[rune]bool{}
	for _, r := range text {
		seen[r] = true
	}
	return len(seen) < minDifferent
}

// common are words of which passwords are made that are tried first: those
// about passwords and greetings, and those about this program and its trade.
var common = []string{
	"administrator", "qwertyuiop", "bulkhead", "password", "passwort", "passcode", "passphrase", "whatever", "princess", "sunshine", "football", "baseball", "superman", "computer", "internet",
	"trustno", "changeme", "temporary", "starwars", "michelle", "jennifer", "software", "hospital", "medicine", "practice", "practise", "patient", "clinic", "doctor", "health", "nurse",
	"welcome", "letmein", "default", "guest", "hello", "login", "signin", "secret", "access", "master", "dragon", "monkey", "shadow", "qwerty", "azerty", "qwertz", "asdfgh", "zxcvbn", "iloveyou",
	"charlie", "jordan", "george", "thomas", "michael", "robert", "daniel", "andrew", "summer", "winter", "autumn", "spring", "january", "february", "march", "april", "june", "july", "august",
	"september", "october", "november", "december", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "company", "please", "again", "server", "system", "admin", "root", "test", "user", "pass", "love", "king", "fhir", "bulk", "data",
}

// rows are rows of keys and of the alphabet, of which runs are tried first.
var rows = []string{"abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm"}

// lookalikes are characters that stand for letters, each before its letter.
var lookalikes = []string{"@", "a", "4", "a", "3", "e", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t", "8", "b"}

var lookalike = strings.NewReplacer(lookalikes...)

// Rules are those by which CheckPassword judges, for a page that says the same
// as one types.
type Rules struct {
	Min       int               `json:"min"`
	Max       int               `json:"max"`
	Different int               `json:"different"` // characters at least
	Unlikely  int               `json:"unlikely"`  // characters that must be left
	Words     []string          `json:"words"`
	Rows      []string          `json:"rows"`
	Lookalike map[string]string `json:"lookalike"`
}

// PasswordRules gives the rules.
func PasswordRules() Rules {
	r := Rules{MinPassword, MaxPassword, minDifferent, minUnlikely, slices.Clone(common), slices.Clone(rows), map[string]string{}}
	for i := 0; i < len(lookalikes); i += 2 {
		r.Lookalike[lookalikes[i]] = lookalikes[i+1]
	}
	return r
}

// unlikely counts the characters of a password that are in none of the common
// words, words about the person, runs of keys, years and repetitions.
func unlikely(password string, about []string) int {
	text := strings.ToLower(password)
	words := slices.Clone(common)
	for _, a := range about {
		words = append(words, strings.FieldsFunc(strings.ToLower(a), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	best := plain(text, words)
	return min(best, plain(lookalike.Replace(text), words))
}

// plain counts what is left of a text without the words, runs, repetitions and
// what stands between words.
func plain(text string, words []string) int {
	for _, w := range words {
		if len(w) > 2 {
			text = strings.ReplaceAll(text, w, " ")
		}
	}
	var left []rune
	for part := range strings.FieldsSeq(text) {
		left = append(left, withoutRuns([]rune(part))...)
	}
	n := 0
	for i, r := range left {
		if unicode.IsLetter(r) || unicode.IsDigit(r) && (i == 0 || !unicode.IsDigit(left[i-1])) { // a number counts as one
			n++
		}
	}
	return n
}

// withoutRuns leaves out characters that go on as a row of keys does, in either
// direction, or repeat the one before, or what stood just before.
func withoutRuns(text []rune) []rune {
	var left []rune
	for i, r := range text {
		if i >= 2 && follows(text[i-2], text[i-1]) && follows(text[i-1], r) || i >= 1 && r == text[i-1] {
			continue
		}
		left = append(left, r)
	}
	for n := len(left) / 2; n >= 3; n-- { // the second half of "abcabc"
		if slices.Equal(left[:n], left[n:min(2*n, len(left))]) {
			return left[:n]
		}
	}
	return left
}

// follows reports whether b stands beside a in a row.
func follows(a, b rune) bool {
	return slices.ContainsFunc(rows, func(row string) bool {
		i, j := strings.IndexRune(row, a), strings.IndexRune(row, b)
		return i >= 0 && j >= 0 && (i-j == 1 || j-i == 1)
	})
}
