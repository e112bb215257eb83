package main

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"

	"github.com/bulkhead-fhir/bulkhead/bench/lines"
)

// A contest is one file through one view, by bulkhead flatten and by DuckDB's
// COPY, both to Parquet.
type contest struct {
	input   input
	view    string // the name of a pair in the folder views
	workers int    // and threads of DuckDB
	target  float64
	goal    float64 // 0: none is set
}

// An input is a file of lines of one type.
type input struct {
	kind  string
	mega  int64 // its size; 0: the file of the healthy practice
	story string
}

var (
	plainObservations    = input{"Observation", 250, "Observation"}
	plainEncounters      = input{"Encounter", 80, "Encounter"}
	plainClaims          = input{"Claim", 80, "Claim.item (forEach)"}
	practiceObservations = input{"Observation", 0, "Observation of the practice"}
)

var contests = []contest{
	{plainObservations, "observation22", 1, 0.60, 0.40},
	{plainEncounters, "encounter21", 1, 0.70, 0.45},
	{plainObservations, "observation22", 2, 0.50, 0.30},
	{plainEncounters, "encounter21", 2, 0.50, 0.30},
	{plainClaims, "claim_item20", 1, 0, 0.45},
	{practiceObservations, "observation22", 1, 0, 0},
}

// path gives the file, which is made when it is not there in that size. scale
// multiplies its size.
func (in input) path(c *corpus, scale float64) (path string, err error) {
	if in.mega == 0 {
		return c.path(in.kind), nil
	}
	size := int64(float64(in.mega) * 1e6 * scale)
	path = c.linesPath(in.kind)
	if fi, err := os.Stat(path); err == nil && fi.Size() >= size && fi.Size() < size+1<<20 {
		return path, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err := lines.Write(w, in.kind, size); err != nil {
		return "", err
	}
	return path, w.Flush()
}

// linesPath is where invented lines of a type are kept.
func (c *corpus) linesPath(kind string) string { return filepath.Join(c.dir, kind+".lines.ndjson") }
