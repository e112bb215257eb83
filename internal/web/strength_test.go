package web

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
)

// What is said as one types must be what is said of the form.
func TestAPasswordIsJudgedAsItIsTyped(t *testing.T) {
	t.Attr("asvs", "2.1.8")
	h := newHouse(t, func(o *Options) { o.Code = "ABCDEFGH" })
	b := h.browser()
	b.open("/first", "input[name=password]")
	typed := func(id, name, password string) (level string) {
		t.Helper()
		fields, err := json.Marshal(map[string]string{"id": id, "name": name, "password": password})
		if err != nil {
			t.Fatal(err)
		}
		level, err = chromedp.Run(b.ctx, chromedp.Evaluate[string](`(() => {
			for (const [name, value] of Object.entries(`+string(fields)+`)) {
				const field = document.querySelector("form[action='/first'] input[name=" + name + "]");
				field.value = value;
				field.dispatchEvent(new Event("input", { bubbles: true }));
			}
			return document.getElementById("strength").dataset.level;
		})()`))
		if err != nil {
			t.Fatal(err)
		}
		return level
	}
	for _, password := range []string{
		"short", "fourteen chars", strings.Repeat("ab", 10), strings.Repeat("xyzuvw", 30), "aaaaaaaaaaaaaaaaaaaa", "Password12345678!", "P@ssw0rd P@ssw0rd", "passwordpassword2026",
		"qwertyuiopasdfghjkl", "1qaz2wsx3edc4rfv5tgb", "abcdefghijklmnop", "welcome to bulkhead", "AnnaMillerAnnaMiller", "anna-miller-2026!", "summer2026summer2026",
		"letmeinletmein99", "98765432109876543210", "hospital admin pass 1", "!!!!!!!!!!!!!!!!!!!a2c4",
		"a lantern by the harbour", "correct horse battery staple", "Ein Ofen steht im Keller", "x7#kQ2!vT9@mZ4$w", "éclairs et thé à midi", "ox4 tree blue ox4 tree blue", "12 99 45 67 89 tin cup",
	} {
		level := typed("anna", "Anna Miller", password)
		if taken := access.CheckPassword(password, "anna", "Anna Miller") == nil; taken != (level == "good" || level == "strong") {
			t.Errorf("%q: the page says %q, and it is taken: %v", password, level, taken)
		}
	}
	if level := typed("anna", "Anna Miller", ""); level != "" {
		t.Errorf("of nothing the page says %q", level)
	}
	if level := typed("lantern", "By The Harbour", "a lantern by the harbour"); level != "weak" {
		t.Errorf("of a password that is made of the name the page says %q", level)
	}
	typed("anna", "Anna", "tin cups sing")
	if says := b.text("#strength"); says != "2 more characters." {
		t.Errorf("of one that is short: %q", says)
	}
}
