// Package merge decides what a delivery does to the resources that a tenant
// already has: which lines win, which resources are new, changed, deleted or
// absent. It is the one reading of the contract in package sink that every
// table sink built on DuckDB shares; it also opens the DuckDB that does the
// work, within a memory limit and with spilling, and tells its failures
// without a value from a patient's record.
//
// It never writes to a destination: a sink applies the decision in a
// transaction of its own. DuckDB never downloads an extension here.
package merge
