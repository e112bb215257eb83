package access

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCodesAreThoseOfTheStandard(t *testing.T) {
	t.Attr("asvs", "2.8.1 2.8.3")
	secret := []byte("12345678901234567890") // RFC 6238, appendix B
	for at, want := range map[int64]string{59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130"} {
		if got := codeOf(secret, at/30, 8); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
		now := time.Unix(at, 0)
		for _, c := range []struct {
			after time.Duration
			want  bool
		}{{0, true}, {30 * time.Second, true}, {-30 * time.Second, true}, {time.Minute, false}, {-time.Minute, false}} {
			if at == 59 && c.after < -30*time.Second {
				continue // before the beginning of time
			}
			step, ok := CheckCode(secret, " "+want[2:5]+" "+want[5:]+" ", now.Add(c.after))
			if ok != c.want || ok && step != at/30 {
				t.Errorf("a code of %d, %v later: %v of step %d", at, c.after, ok, step)
			}
		}
	}
	for _, bad := range []string{"", "0", "94287082", "28708", "abcdef"} {
		if _, ok := CheckCode(secret, bad, time.Unix(59, 0)); ok {
			t.Errorf("%q was taken", bad)
		}
	}
	if CodeAt(secret, time.Unix(59, 0)) != "287082" {
		t.Error("the code of a time is another")
	}
}

func TestASecondFactorIsSealedWithThePassword(t *testing.T) {
	t.Attr("asvs", "2.8.2 2.9.1")
	secret, password := NewFactor(), "a lantern by the harbour"
	one, err := SealFactor(secret, password)
	if err != nil {
		t.Fatal(err)
	}
	if two, _ := SealFactor(secret, password); two == one {
		t.Error("two seals of a secret are the same")
	}
	if strings.Contains(one, FactorText(secret)) || strings.Contains(one, string(secret)) {
		t.Error("the seal shows the secret")
	}
	if got, ok := OpenFactor(one, password); !ok || string(got) != string(secret) {
		t.Error("the password does not open it")
	}
	for _, bad := range [][2]string{{one, password + "!"}, {"", password}, {"aes256gcm$x$y", password}, {one[:len(one)-4], password}, {strings.ToUpper(one), password}} {
		if _, ok := OpenFactor(bad[0], bad[1]); ok {
			t.Errorf("%q was opened", bad)
		}
	}
	if got, ok := ParseFactor(FactorText(secret)); !ok || string(got) != string(secret) {
		t.Error("a secret is not what it was")
	}
	if _, ok := ParseFactor("MFRGG"); ok {
		t.Error("a short secret was taken")
	}
	if want := fmt.Sprintf("otpauth://totp/Bulkhead:anna@x.org?secret=%s&issuer=Bulkhead", FactorText(secret)); FactorURL("anna@x.org", secret) != want {
		t.Error(FactorURL("anna@x.org", secret))
	}
}
