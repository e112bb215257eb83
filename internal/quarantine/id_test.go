package quarantine

import (
	"testing"
	"unicode/utf8"
)

func TestAnIDIsOneThatAReferenceCanHold(t *testing.T) {
	legal := []string{"1", "a.b-C", "x_y", "with:colon", "ä", string(make65())}
	for _, id := range legal {
		if !legalID([]byte(id)) {
			t.Errorf("legalID(%q) = false", id)
		}
	}
	for _, id := range []string{"", "a/b", "a b", "a\tb", "a\x00", "\x7f", "a\u00a0b", "ä/b", "a\u2028"} {
		if legalID([]byte(id)) {
			t.Errorf("legalID(%q) = true", id)
		}
	}
}

func make65() []byte {
	id := make([]byte, 65)
	for i := range id {
		id[i] = 'x'
	}
	return id
}

func TestEachCharacterOfASCIIIsTakenAsAllAre(t *testing.T) {
	for c := range rune(utf8.RuneSelf) {
		if id := string(c); legalID([]byte(id)) == cannotBeInID(c) || legalID([]byte(id+"ä")) == cannotBeInID(c) {
			t.Errorf("legalID(%q) = %v", id, legalID([]byte(id)))
		}
	}
}
