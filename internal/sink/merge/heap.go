//go:build cgo

package merge

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void heap_setup(void) { mallopt(M_MMAP_THRESHOLD, 128 * 1024); mallopt(M_ARENA_MAX, 2); }
static void heap_trim(void) { malloc_trim(0); }
#else
static void heap_setup(void) {}
static void heap_trim(void) {}
#endif
*/
import "C"

// setUpHeap makes the C library give DuckDB's blocks back to the system when
// they are freed. By itself it keeps blocks of 256 KiB for later, and the
// process grows far beyond DuckDB's limit.
func setUpHeap() { C.heap_setup() }

// trimHeap gives back what is free.
func trimHeap() { C.heap_trim() }
