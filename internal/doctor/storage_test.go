package doctor

import (
	"slices"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestWhatMustBeMadeAgainOfAUnitOfFiles(t *testing.T) {
	t.Attr("fault", "machine: of files that were read together one has lost its raw file and another its refused lines -> the one is fetched again, all are read again")
	file := func(name, unit string) store.File {
		return store.File{Name: name, Unit: unit, State: store.FileIngested}
	}
	files := []store.File{file("a", "a"), file("b", "a"), file("c", "c")}
	for name, c := range map[string]struct {
		lost        map[string]loss
		stage       life.State
		raw, staged []string
	}{
		"raw gone, rows whole, about to be published": {map[string]loss{"a": {raw: true}}, life.Publishing, nil, nil},
		"raw gone, and another of the unit must be read again": {
			map[string]loss{"a": {raw: true}, "b": {quarantine: true}}, life.Publishing, []string{"a"}, []string{"b"},
		},
		"raw gone, and one of another unit must be read again": {
			map[string]loss{"a": {rawBytes: true}, "c": {footer: true}}, life.Publishing, nil, []string{"c"},
		},
		"raw gone while others are read": {map[string]loss{"b": {raw: true}}, life.Ingesting, []string{"b"}, nil},
		"the export is complete":         {map[string]loss{"b": {raw: true, staged: true}}, life.Completed, nil, nil},
	} {
		for _, state := range []life.State{c.stage, life.Failed, life.Waiting} {
			x := &store.Export{State: state, FailedIn: c.stage}
			if c.stage == life.Completed {
				x.State = life.Completed
			}
			l := losses{patient: &patient{}, x: x, files: files, by: c.lost}
			if again := l.toMake(); !slices.Equal(again.Raw, c.raw) || !slices.Equal(again.Staged, c.staged) {
				t.Errorf("%s (%s): again from the server %v, from raw %v; want %v and %v", name, state, again.Raw, again.Staged, c.raw, c.staged)
			}
		}
	}
}
