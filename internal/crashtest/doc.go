// Package crashtest kills bulkhead and looks what the next process makes of
// it. A world is two practices with their servers, and a life of three stages:
// full exports, incremental ones with deletions, and replays of what was
// refused. However often a process dies on the way, in the end tables, raw
// files, quarantine, ledger and watermark must equal those of a calm life, each
// export must have been asked for once, and nothing may be left behind.
//
// A process dies by SIGKILL, or is told to end by SIGTERM and perhaps killed
// before it has.
//
// A ward is a world whose files are encrypted. The agreement of one of its
// practices ends, or its keys change, by processes that die at every named
// moment: all that must go is gone, told once in one certificate, what must stay
// opens, and the other practice is the same byte for byte.
//
// A soak is bulkhead run itself, with four practices that are due every few
// seconds, in a storm of faults and deaths: when it is over, the process holds
// no more than before, doctor finds nothing, and the tables equal those of a
// first export. SOAK is how long it takes, such as 10m, and SOAK_SEED draws it.
//
// Everything is in its tests; they run the test binary again as the bulkhead
// that dies. CRASH_KILLS is how many random deaths there are, and, when it is
// set, has each named moment die in a world of its own; CRASH_SEED draws the
// random ones, and CRASH_WORLD lives one life of them alone. A failure says
// which.
//
// It never looks into the code that it kills: what dies is known by the names
// of moments, by bytes and by time.
package crashtest
