package ingest

import (
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// Views says which tables the resources of a type fill. It is safe for
// concurrent use.
type Views interface {
	// Program returns the compiled views of a type; nil when none covers it.
	Program(resourceType string) *sqlonfhir.Program
	// Tables returns the table of each view of the program, in its order.
	Tables(resourceType string) []table.Table
}
