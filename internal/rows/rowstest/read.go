// Package rowstest reads Parquet files back, for tests.
package rowstest

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// ReadFile returns the header and the rows of a Parquet file as text; a null
// is NULL.
func ReadFile(t testing.TB, path string) [][]string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Read(t, content)
}

// Read is ReadFile for a file that is in memory.
func Read(t testing.TB, content []byte) [][]string {
	t.Helper()
	pf, err := file.NewParquetReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	defer pf.Close()
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.ReadTable(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	defer all.Release()
	rows := make([][]string, all.NumRows()+1)
	for c := range int(all.NumCols()) {
		column := all.Column(c)
		rows[0] = append(rows[0], column.Name())
		n := 1
		for _, chunk := range column.Data().Chunks() {
			for i := range chunk.Len() {
				text := "NULL"
				if chunk.IsValid(i) {
					text = chunk.ValueStr(i)
				}
				rows[n] = append(rows[n], text)
				n++
			}
		}
	}
	return rows
}
