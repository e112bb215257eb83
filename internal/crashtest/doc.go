// Package crashtest kills bulkhead and looks what the next process makes of
// it: the export must complete with one kick-off, and the tables must equal
// those of a calm run, row for row. Everything is in its tests; they run the
// test binary again as the bulkhead that dies.
package crashtest
