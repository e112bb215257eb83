package access

import (
	"strings"
	"testing"
)

func TestARoleInOnePracticeIsNothingInAnother(t *testing.T) {
	of := func(grants ...string) Actor {
		var a Actor
		for _, text := range grants {
			g, err := ParseGrant(text)
			if err != nil {
				t.Fatal(err)
			}
			a.Grants = append(a.Grants, g)
		}
		return a
	}
	for _, c := range []struct {
		who    Actor
		act    Act
		tenant string
		want   bool
	}{
		{Actor{}, See, "lakeside", false},
		{of("viewer@lakeside"), See, "lakeside", true},
		{of("viewer@lakeside"), See, "hillcrest", false},
		{of("viewer@lakeside"), See, "", false},
		{of("viewer"), See, "hillcrest", true},
		{of("viewer"), See, "", true},
		{of("viewer"), Operate, "lakeside", false},
		{of("operator@lakeside"), Operate, "lakeside", true},
		{of("operator@lakeside"), Operate, "hillcrest", false},
		{of("operator"), Reveal, "lakeside", false},
		{of("admin"), Reveal, "lakeside", false},
		{of("admin"), Operate, "lakeside", false},
		{of("admin"), Administer, "", true},
		{of("privacy_officer@lakeside"), Reveal, "lakeside", true},
		{of("privacy_officer@lakeside"), Reveal, "hillcrest", false},
		{of("privacy_officer"), Administer, "", false},
		{of("operator", "break_glass@lakeside"), Reveal, "lakeside", true},
		{of("operator", "break_glass@lakeside"), Reveal, "hillcrest", false},
		{of("break_glass"), Operate, "lakeside", false},
		{of("break_glass"), Examine, "", false},
		{of("operator@lakeside", "viewer@hillcrest"), Operate, "hillcrest", false},
		{of("operator@lakeside", "viewer@hillcrest"), See, "hillcrest", true},
	} {
		if got := c.who.May(c.act, c.tenant); got != c.want {
			t.Errorf("%v may %s in %q: %v, want %v", c.who.Grants, c.act, c.tenant, got, c.want)
		}
	}
	if a := of("operator@lakeside"); !a.Somewhere(Operate) || a.Somewhere(Reveal) {
		t.Error("somewhere is not what the grants say")
	}
}

func TestAGrantIsReadStrictly(t *testing.T) {
	for _, bad := range []string{"", "root", "viewer@", "admin@lakeside", "Viewer", "viewer @lakeside"} {
		if g, err := ParseGrant(bad); err == nil {
			t.Errorf("%q was read as %v", bad, g)
		}
	}
	for _, good := range []string{"viewer", "operator@lakeside", "admin"} {
		g, err := ParseGrant(good)
		if err != nil || g.String() != good {
			t.Errorf("%q was read as %q, %v", good, g, err)
		}
	}
}

func TestAPasswordIsKeptAsAHashOfItsOwn(t *testing.T) {
	t.Attr("asvs", "2.4.1 2.4.2")
	const password = "a lantern by the harbour"
	one, two := HashPassword(password), HashPassword(password)
	if one == two {
		t.Error("two hashes of a password are the same")
	}
	if strings.Contains(one, password) {
		t.Error("the hash shows the password")
	}
	if !VerifyPassword(one, password) || !VerifyPassword(two, password) {
		t.Error("a password is not its own")
	}
	for _, hash := range []string{one, "", "argon2id$2$19456$1$x$y", "plain"} {
		if VerifyPassword(hash, password+"!") || VerifyPassword(hash, "") {
			t.Errorf("%q takes another password", hash)
		}
	}
	if VerifyPassword("", "") {
		t.Error("nobody's password was taken")
	}
}

func TestWeakPasswordsAreRefused(t *testing.T) {
	t.Attr("asvs", "2.1.1 2.1.2 2.1.4 2.1.7 2.1.9")
	for _, bad := range []string{
		"", "short", "fourteen chars", strings.Repeat("ab", 10), strings.Repeat("xyzuvw", 30), "\xff\xfe not text at all", "aaaaaaaaaaaaaaaaaaaa",
		"Password12345678!", "P@ssw0rd P@ssw0rd", "passwordpassword2026", "qwertyuiopasdfghjkl", "1qaz2wsx3edc4rfv5tgb", "abcdefghijklmnop", "welcome to bulkhead", "AnnaMillerAnnaMiller",
		"anna-miller-2026!", "summer2026summer2026", "letmeinletmein99", "98765432109876543210", "hospital admin pass 1", "!!!!!!!!!!!!!!!!!!!a2c4",
	} {
		if CheckPassword(bad, "anna", "Anna Miller") == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, good := range []string{"a lantern by the harbour", "correct horse battery staple", "Ein Ofen steht im Keller", "x7#kQ2!vT9@mZ4$w", "éclairs et thé à midi", strings.Repeat("ox4 tree blue ", 10)[:128]} {
		if err := CheckPassword(good, "anna", "Anna Miller"); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestATokenIsKnownByItsHash(t *testing.T) {
	token, id, hash := NewToken()
	gotID, gotHash, ok := SplitToken(token)
	if !ok || gotID != id || !SameHash(gotHash, hash) {
		t.Errorf("the token %d characters long is not its own", len(token))
	}
	if strings.Contains(token, hash) || strings.Contains(hash, strings.TrimPrefix(token, tokenMark)) {
		t.Error("the hash shows the token")
	}
	for _, bad := range []string{"", "bhk_", "bhk_abc", "bhk__x", "xyz_abc_def", tokenMark + strings.Repeat("a", 300)} {
		if _, _, ok := SplitToken(bad); ok {
			t.Errorf("%q was taken for a token", bad)
		}
	}
	if other, _, otherHash := NewToken(); other == token || SameHash(otherHash, hash) {
		t.Error("two tokens are the same")
	}
}
