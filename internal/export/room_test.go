package export

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func TestADownloadEndsBeforeTheDiskIsFull(t *testing.T) {
	for least, want := range map[config.Size]bool{1: true, 1 << 60: false} {
		s := &Steps{Config: &config.Config{Folder: t.TempDir(), Limits: config.Limits{FreeBytes: least}}}
		text, err := io.ReadAll(s.spare(strings.NewReader("line")))
		if ok := string(text) == "line" && err == nil; ok != want {
			t.Errorf("%d bytes to stay free: %q, %v", least, text, err)
		}
		if p, ok := errors.AsType[*problem.Problem](err); !want && (!ok || p.Code != problem.StorageFull) {
			t.Errorf("error %v", err)
		}
	}
}

func TestTheDiskIsLookedAtAgain(t *testing.T) {
	looks := 0
	s := &spared{r: strings.NewReader(strings.Repeat("x", 1<<20)), room: func() error { looks++; return nil }, unseen: lookAgainAfter - 1}
	for want := range 3 {
		if _, err := s.Read(make([]byte, 1<<10)); err != nil || looks != min(want, 1) {
			t.Errorf("%d looks before read %d, %v", looks, want+1, err)
		}
	}
}
