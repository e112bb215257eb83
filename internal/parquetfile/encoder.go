// Package parquetfile writes columns as a Parquet file: flat, every column
// optional, zstd. It has one contract and two writers of it: the plain form
// leans on the Arrow project's library and is the specification of the other.
//
// It never reads a file, closes what it writes to, or keeps more than one row
// group in memory.
//
// The format is https://github.com/apache/parquet-format.
package parquetfile

import "github.com/bulkhead-fhir/bulkhead/internal/columnar"

// An Encoder writes one Parquet file. It belongs to one goroutine. After an
// error the file is of no use.
type Encoder interface {
	// WriteRowGroup writes the rows of the columns as one row group. There is a
	// column for each of the table's, all with equally many rows. They are only
	// borrowed: afterwards the caller resets them.
	WriteRowGroup(columns []columnar.Column) error
	// Close writes the end of the file, also of one without any rows. It does
	// not close what the file is written to.
	Close() error
}
