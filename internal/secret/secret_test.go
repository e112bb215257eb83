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
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "s", s, "in", struct{ S String }{s})
	encoded, err := json.Marshal(map[string]any{"s": s, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(encoded)
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%d", "%t"} {
		shown += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, []String{s})
	}
	if strings.Contains(shown, text) || strings.Contains(shown, fmt.Sprintf("%x", text)) {
		t.Errorf("the secret is shown in %s", shown)
	}
	if s.Reveal() != text || s.IsZero() || !New("").IsZero() {
		t.Error("the secret is not kept")
	}
}
