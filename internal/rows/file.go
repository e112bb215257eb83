package rows

import (
	"io"
	"sync"

	"github.com/bulkhead-fhir/bulkhead/internal/parquetfile"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// A File is one Parquet file that several Writers fill. Its row groups stand
// in the order in which they were full. It is safe for concurrent use.
type File struct {
	mu   sync.Mutex
	file *parquetfile.File
}

// NewFile begins the file of a table.
func NewFile(to io.Writer, t table.Table) *File { return &File{file: parquetfile.New(to, t, nil)} }

// write writes a row group that is encoded already.
func (f *File) write(g *parquetfile.Group) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.WriteGroup(g)
}

// Close writes the end of the file, also of one without rows. It does not
// close what the file is written to.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}
