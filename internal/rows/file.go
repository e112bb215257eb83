package rows

import (
	"io"
	"sync"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/parquetfile"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// A File is one Parquet file that several Writers fill. Its row groups stand
// in the order in which they were full. It is safe for concurrent use.
type File struct {
	mu   sync.Mutex
	file parquetfile.Encoder
}

// NewFile begins the file of a table.
func NewFile(to io.Writer, t table.Table) *File { return &File{file: parquetfile.NewPlain(to, t)} }

// WriteRowGroup writes the rows of the columns as one row group.
func (f *File) WriteRowGroup(columns []columnar.Column) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.WriteRowGroup(columns)
}

// Close writes the end of the file, also of one without rows. It does not
// close what the file is written to.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}
