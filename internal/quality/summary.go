// Package quality says what the resources of a complete export are worth: how
// many came and how many were refused and why, which broke rules of their
// profiles, which columns are filled, which links lead nowhere, and what
// changed since the export before. It adds up what ingest and the sinks have
// counted; it never looks at a resource, and holds no content of one.
package quality

import (
	"cmp"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/judge"
)

// A Summary is what one export's resources are worth.
type Summary struct {
	Tenant          string           `json:"tenant"`
	Export          string           `json:"export"`
	Mode            string           `json:"mode"`
	TransactionTime string           `json:"transaction_time,omitempty"` // as the server gave it
	Guide           string           `json:"us_core,omitempty"`          // the version by which resources were judged; empty when they were not
	Lines           int64            `json:"lines"`                      // of output files; always Delivered + Quarantined + Blank
	Blank           int64            `json:"blank"`
	Delivered       int64            `json:"delivered"`
	Quarantined     int64            `json:"quarantined"`
	ByReason        map[string]int64 `json:"by_reason,omitempty"`
	Types           []Type           `json:"types,omitempty"`     // in alphabetical order
	Findings        []judge.Finding  `json:"findings,omitempty"`  // rules that resources broke, the most frequent first
	Links           []Link           `json:"links,omitempty"`     // references between resources of the server
	Compared        string           `json:"compared,omitempty"`  // the export before, of the same kind
	Questions       []Question       `json:"questions,omitempty"` // what a person should look at, the worst first
}

// A Type is what came of one resource type.
type Type struct {
	ResourceType string               `json:"resource_type"`
	Resources    int64                `json:"resources"`        // delivered lines
	Before       *int64               `json:"before,omitempty"` // in the export before; absent when there was none
	New          int64                `json:"new"`
	Changed      int64                `json:"changed"`
	Unchanged    int64                `json:"unchanged"`
	Double       int64                `json:"double"` // further lines of a resource that another line won, or that may not be held
	Deleted      int64                `json:"deleted"`
	Withheld     int64                `json:"withheld,omitempty"` // of them, those of resources that may not be held any more
	Verdicts     judge.Verdicts       `json:"verdicts,omitzero"`
	Profiles     []judge.ProfileLines `json:"profiles,omitempty"`
	Columns      []Column             `json:"columns,omitempty"` // of the main table, in its order
}

// A Column is how well one column of a type's main table is filled.
type Column struct {
	Name        string  `json:"name"`
	Filled      int64   `json:"filled"` // rows with a value
	Share       float64 `json:"share"`  // of all rows, from 0 to 1
	MustSupport bool    `json:"must_support,omitempty"`
}

// A Link counts the references from one type to another.
type Link struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Links   int64  `json:"links"`
	Missing int64  `json:"missing"` // of them, those to a resource that never came
}

// byType finds or adds the type of a name.
func (s *Summary) byType(name string) *Type {
	i, found := slices.BinarySearchFunc(s.Types, name, func(t Type, name string) int { return cmp.Compare(t.ResourceType, name) })
	if !found {
		s.Types = slices.Insert(s.Types, i, Type{ResourceType: name})
	}
	return &s.Types[i]
}
