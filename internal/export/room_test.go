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
	s := &spared{r: strings.NewReader(strings.Repeat("x", 1<<20)), folder: t.TempDir(), least: 1, unseen: lookAgainAfter - 1}
	if _, err := s.Read(make([]byte, 1<<10)); err != nil {
		t.Fatal(err)
	}
	s.folder += "/gone" // so that a look is an error
	if _, err := s.Read(make([]byte, 1<<10)); err == nil {
		t.Error("the disk was not looked at again")
	}
}
