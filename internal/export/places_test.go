package export

import (
	"fmt"
	"testing"
)

func TestAPlaceIsRememberedUntilItsFileIsDone(t *testing.T) {
	var p places
	first := p.of("elm", "x1", "f")
	if p.of("elm", "x1", "f") != first || p.of("oak", "x1", "f") == first || p.of("elm", "x2", "f") == first {
		t.Error("a place is not its file's own")
	}
	p.forget("elm", "x1", "f")
	if p.of("elm", "x1", "f") == first {
		t.Error("a file that is done is remembered")
	}
	for i := range 3 * placesAtMost {
		p.of("elm", fmt.Sprint(i), "f")
	}
	if len(p.by) > placesAtMost {
		t.Errorf("%d files are remembered", len(p.by))
	}
}
