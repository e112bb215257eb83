package blob

import (
	"errors"
	"testing"
)

func TestAnAttachmentHasAPlaceOfItsOwnBesideRaw(t *testing.T) {
	for name, s := range scopes(t) {
		t.Run(name, func(t *testing.T) {
			k, err := s.AttachmentKey("e1", "0-output-0-DocumentReference", 7, 1)
			if want := Key("attachments/north/e1/0-output-0-DocumentReference/7-1"); err != nil || k != want {
				t.Fatalf("AttachmentKey = %q, %v, want %q", k, err, want)
			}
			if err := write(t.Context(), s, k, "%PDF-1.7"); err != nil {
				t.Fatal(err)
			}
			if got := read(t, s, k); got != "%PDF-1.7" {
				t.Errorf("read back %q", got)
			}
		})
	}
	s := scopes(t)["local"]
	for _, bad := range []struct {
		export, file string
		line         int64
		number       int
	}{
		{"../e1", "0-output-0-Media", 1, 0}, {"e1", "../x", 1, 0}, {"e1", "0-output-0-Media", 0, 0}, {"e1", "0-output-0-Media", 1, -1},
	} {
		if k, err := s.AttachmentKey(bad.export, bad.file, bad.line, bad.number); !errors.Is(err, ErrName) {
			t.Errorf("AttachmentKey(%v) = %q, %v", bad, k, err)
		}
	}
}
