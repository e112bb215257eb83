// Package machinetest breaks the machine under bulkhead: disks that are full,
// read-only or gone, ledgers that are damaged or in other hands, clocks that
// are set, signals, and descriptors that run out. What is promised is in
// docs/reliability.md: each time a person is told what happened and what to do
// next, and when the cause is gone the export goes on and comes to what a calm
// one comes to, row for row.
//
// Everything is in its tests. They run the test binary again as the command
// bulkhead, and have it halt at a named moment of its work; what happens to
// the machine then is real: mounts of a mount namespace of the tests' own,
// bytes in files, signals, limits of the kernel. Clocks are played in simulated
// time, with a ledger that a wrong clock has written.
package machinetest
