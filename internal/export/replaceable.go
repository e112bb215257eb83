package export

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Replaceable gives the types of which this export's delivery is the whole
// truth, so that what it does not deliver may be removed from the sinks. It
// errs on the side of keeping rows: nothing is removed by an incremental
// export or one with a _since; by one that is narrowed; when the server
// reported errors; of a type of which no file came, or none with anything in it,
// because a lost scope or an emptied group looks the same, and a line of it that
// strayed into a file of another type is not all of it; of a type with refused
// lines, whose resources may be among them, unless it is the agreement that does
// not permit them; or of a type that another group or level of the tenant also
// delivers, which may still have it.
func Replaceable(x store.Export, files []store.File, otherStreams []string) ([]string, error) {
	if x.Mode != Full || x.Since != "" || x.ServerErrors > 0 || !x.Plain() {
		return nil, nil
	}
	keep, listed := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		types, came := outputTypes(f), ingested(f)
		refused, err := unread(f)
		if err != nil {
			return nil, err
		}
		for _, t := range types {
			if f.Lines > f.Blank && (f.ResourceType == organized || f.ResourceType == t) {
				listed[t] = true
			}
			if refused {
				keep[t] = true
			}
		}
		if len(came) > 0 && !slices.Contains(came, f.ResourceType) {
			keep[f.ResourceType] = true // the file is of other types than it is said to be
		}
		if refused && (f.ResourceType == organized || len(types) > 1) {
			return nil, nil // a refused line may be of any type
		}
	}
	for _, text := range otherStreams {
		var types []string
		if err := json.Unmarshal([]byte(text), &types); err != nil {
			return nil, fmt.Errorf("read the types of another stream: %w", err)
		}
		for _, t := range types {
			keep[t] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(x.Types), func(t string) bool { return keep[t] || !listed[t] }), nil
}

// unread reports whether a file has lines that were refused for a fault: nobody
// knows which resources they are. Those that may not be held are no such lines.
func unread(f store.File) (bool, error) {
	if f.Quarantined == 0 || len(f.Summary) == 0 {
		return f.Quarantined > 0, nil
	}
	var s ingest.Summary
	if err := json.Unmarshal(f.Summary, &s); err != nil {
		return false, fmt.Errorf("read the summary of %s: %w", f.Name, err)
	}
	faulty := f.Quarantined
	for reason, n := range s.ByReason {
		if quarantine.Withheld(reason) {
			faulty -= n
		}
	}
	return faulty > 0, nil
}
