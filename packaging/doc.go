// Package packaging holds what starts bulkhead on a machine, in a container or
// in a cluster, and the tests that compare these files, and every command line
// of the pages, with what the command takes. It holds no code that runs.
package packaging
