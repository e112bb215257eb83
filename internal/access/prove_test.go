package access

import (
	"testing"

	"golang.org/x/crypto/argon2"
)

func TestAGuessCostsTheSameWhateverIsWrong(t *testing.T) {
	t.Attr("asvs", "2.2.1 7.4.1")
	const right = "a lantern by the harbour"
	factor := NewFactor()
	sealed, err := SealFactor(factor, right)
	if err != nil {
		t.Fatal(err)
	}
	hash := HashPassword(right)
	for name, c := range map[string]struct {
		hash, sealed, password string
		right, opened          bool
	}{
		"nobody":                           {"", "", right, false, false},
		"a wrong password":                 {hash, "", "another one", false, false},
		"a wrong password beside a factor": {hash, sealed, "another one", false, false},
		"the right one without a factor":   {hash, "", right, true, false},
		"the right one beside a factor":    {hash, sealed, right, true, true},
		"a factor that is broken":          {hash, "aes256gcm$!$!", right, true, false},
	} {
		keys, memory := 0, uint32(0)
		key := func(password, salt []byte, passes, kib uint32, lanes uint8, size uint32) []byte {
			keys, memory = keys+1, memory+passes*kib
			return argon2.IDKey(password, salt, passes, kib, lanes, size)
		}
		got, secret := prove(key, c.hash, c.sealed, c.password)
		if got != c.right || (string(secret) == string(factor)) != c.opened {
			t.Errorf("%s: %v, opened %v", name, got, secret != nil)
		}
		if keys != 2 || memory != 2*argonPasses*argonKiB {
			t.Errorf("%s costs %d keys and %d", name, keys, memory)
		}
	}
}
