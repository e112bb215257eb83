package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

// corpusTypes are the types of the healthy practice: the ten that weigh most
// in a practice's export, and its patients.
var corpusTypes = []string{
	"Claim", "Condition", "DiagnosticReport", "DocumentReference", "Encounter", "Immunization",
	"MedicationRequest", "Observation", "Patient", "Procedure", "Provenance",
}

// A corpus is the healthy practice's records, as files: serving them costs the
// sandbox little beside what bulkhead does with them.
type corpus struct {
	dir    string // the bench's own folder
	files  string // <Type>.ndjson
	source sandbox.Source
	lines  int64
	bytes  int64
}

func newCorpus(dir string, patients int) (*corpus, error) {
	c := &corpus{dir: dir, files: filepath.Join(dir, "records")}
	if err := os.Mkdir(c.files, 0o700); err != nil {
		return nil, err
	}
	people := population.New(population.Config{Seed: 11, Practice: "Healthy", Patients: patients})
	for _, t := range corpusTypes {
		if err := c.write(people, t); err != nil {
			return nil, fmt.Errorf("write %s: %w", t, err)
		}
	}
	source, err := sandbox.DirSource(c.files)
	c.source = source
	return c, err
}

func (c *corpus) path(resourceType string) string {
	return filepath.Join(c.files, resourceType+".ndjson")
}

func (c *corpus) write(people *population.Population, resourceType string) (err error) {
	f, err := os.Create(c.path(resourceType))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	for line, err := range people.Resources(resourceType, time.Time{}, people.Config().Epoch) {
		if err != nil {
			return err
		}
		c.lines++
		c.bytes += int64(len(line)) + 1
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return w.Flush()
}
