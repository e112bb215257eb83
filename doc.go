// Package bulkhead is the root of the module and holds no code. The public
// packages are tape, smart, bulkdata and sqlonfhir; the command is
// cmd/bulkhead; ARCHITECTURE.md is the map.
package bulkhead
