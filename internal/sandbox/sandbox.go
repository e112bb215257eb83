// Package sandbox is an EHR to practise on: FHIR Bulk Data servers that behave
// like a vendor's, for the sandbox and demo commands and for tests. Vendor
// behaviour and faults are values (Knobs), so a practice is a preset plus what
// a test wants to go wrong. Output files are made while they are served;
// nothing the size of an export is ever held.
//
// It is never a server for real records, never shows a token or a query in
// what it remembers, and never shares code with our own clients: it is a
// second reading of the standards, so that one mistake cannot hide on both
// sides.
//
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html and
// https://hl7.org/fhir/smart-app-launch/STU2/backend-services.html
package sandbox
