package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNoWayOfPrintingShowsTheText(t *testing.T) {
	const text = "canary-value"
	s := New(text)
	var shown bytes.Buffer
	slog.New(slog.NewTextHandler(&shown, nil)).Info("m", "s", s, "in", struct{ S String }{s})
	encoded, err := json.Marshal(map[string]any{"s": s, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(encoded)
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%d", "%t"} {
		fmt.Fprintf(&shown, verb, s)
		fmt.Fprintf(&shown, verb, []String{s})
	}
	if strings.Contains(shown.String(), text) || strings.Contains(shown.String(), fmt.Sprintf("%x", text)) {
		t.Errorf("the secret is shown in %s", shown.String())
	}
	if s.Reveal() != text || s.IsZero() || !New("").IsZero() {
		t.Error("the secret is not kept")
	}
}
