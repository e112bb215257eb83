package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/klauspost/compress/gzip"
)

// A Dir is a Source made of a folder of NDJSON files, which must not change
// while it is used. Lines are served as they are, in the order of the files'
// names. The folder is the practice's present state: Query.Until is ignored and
// nothing is ever deleted. With Query.Since a resource counts as changed when
// its meta.lastUpdated says so, or when it has none.
type Dir struct {
	types map[string]*dirType
}

// dirType is the lines of one resource type.
type dirType struct {
	paths []string
	index func() (*lineIndex, error) // made once, when first asked for
}

// A lineIndex knows where the lines of a type are.
type lineIndex struct {
	lines int
	marks []mark // every markEvery-th line, from the first
}

// A mark is the place of a line: a file and a byte of its decoded content.
type mark struct {
	file   int
	offset int64
}

const markEvery = 1000

var ndjsonName = regexp.MustCompile(`^([A-Z][A-Za-z]+)([._-][A-Za-z0-9._-]+)?\.ndjson(\.gz)?$`)

// DirSource returns the folder dir as a practice's records. A file's name
// starts with the resource type of its lines: Patient.ndjson, Patient.ndjson.gz,
// Patient.000.ndjson, Patient-1.ndjson. Other files are ignored; a folder
// without any is an error.
func DirSource(dir string) (*Dir, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("read folder of records: %w", err)
	}
	d := &Dir{types: map[string]*dirType{}}
	for _, entry := range entries {
		m := ndjsonName.FindStringSubmatch(entry.Name())
		if m == nil || entry.IsDir() {
			continue
		}
		t := d.types[m[1]]
		if t == nil {
			t = &dirType{}
			t.index = sync.OnceValues(t.makeIndex)
			d.types[m[1]] = t
		}
		t.paths = append(t.paths, filepath.Join(dir, entry.Name()))
	}
	if len(d.types) == 0 {
		return nil, errors.New("read folder of records: no file is named like Patient.ndjson or Patient.ndjson.gz")
	}
	return d, nil
}

// Types returns the resource types that the folder has files for.
func (d *Dir) Types() []string { return slices.Sorted(maps.Keys(d.types)) }

// Size counts q's resources; the count is exact. With Since it reads them.
func (d *Dir) Size(ctx context.Context, q Query) (n int, exact bool, err error) {
	t := d.types[q.Type]
	if t == nil {
		return 0, true, nil
	}
	if q.Since.IsZero() {
		x, err := t.index()
		if err != nil {
			return 0, false, err
		}
		from, to := x.bounds(q)
		return to - from, true, nil
	}
	for _, err := range d.Open(ctx, q) {
		if err != nil {
			return 0, false, err
		}
		n++
	}
	return n, true, nil
}

// Open yields q's resources.
func (d *Dir) Open(ctx context.Context, q Query) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		t := d.types[q.Type]
		if t == nil {
			return
		}
		x, err := t.index()
		if err != nil {
			yield(nil, err)
			return
		}
		from, to := x.bounds(q)
		for line, err := range t.between(x, from, to) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !q.Since.IsZero() && !changedAfter(line, q.Since) {
				continue
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// Deleted yields nothing: a folder does not know what is gone.
func (d *Dir) Deleted(context.Context, Query) iter.Seq2[Ref, error] {
	return func(func(Ref, error) bool) {}
}

// bounds are the first line of q's shard and the one after its last.
func (x *lineIndex) bounds(q Query) (from, to int) {
	shards := max(q.Shards, 1)
	return x.lines * q.Shard / shards, x.lines * (q.Shard + 1) / shards
}

var lastUpdated = regexp.MustCompile(`"meta"\s*:\s*\{[^{}]*"lastUpdated"\s*:\s*"([^"]*)"`)

// changedAfter reports whether a resource changed after since, as far as it
// tells.
func changedAfter(line []byte, since time.Time) bool {
	m := lastUpdated.FindSubmatch(line)
	if m == nil {
		return true
	}
	t, err := fhir.ParseInstant(string(m[1]))
	return err != nil || t.After(since)
}

func (t *dirType) makeIndex() (*lineIndex, error) {
	x := &lineIndex{}
	for file := range t.paths {
		for l, err := range t.read(mark{file: file}) {
			if err != nil {
				return nil, err
			}
			if x.lines%markEvery == 0 {
				x.marks = append(x.marks, mark{file, l.offset})
			}
			x.lines++
		}
	}
	return x, nil
}

// between yields the lines from <= number < to.
func (t *dirType) between(x *lineIndex, from, to int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if from >= to {
			return
		}
		at := x.marks[from/markEvery]
		n := from / markEvery * markEvery
		for ; at.file < len(t.paths); at = (mark{file: at.file + 1}) {
			for l, err := range t.read(at) {
				if err != nil {
					yield(nil, err)
					return
				}
				if n >= from && !yield(l.text, nil) {
					return
				}
				if n++; n == to {
					return
				}
			}
		}
	}
}

// A line is one line of a file that is not blank.
type line struct {
	text   []byte
	offset int64
}

// read yields the lines of one file from a mark on.
func (t *dirType) read(from mark) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		r, closeFile, err := openNDJSON(t.paths[from.file], from.offset)
		if err != nil {
			yield(line{}, err)
			return
		}
		defer closeFile()
		buffered := bufio.NewReaderSize(r, 256<<10)
		offset := from.offset
		var long []byte
		for {
			b, err := buffered.ReadSlice('\n')
			if errors.Is(err, bufio.ErrBufferFull) {
				long = append(long, b...)
				continue
			}
			if err != nil && err != io.EOF {
				yield(line{}, fmt.Errorf("read %s: %w", filepath.Base(t.paths[from.file]), err))
				return
			}
			if len(long) > 0 {
				long = append(long, b...)
				b = long
			}
			text := bytes.TrimSuffix(b, []byte("\n"))
			if len(bytes.TrimSpace(text)) > 0 && !yield(line{text, offset}, nil) {
				return
			}
			if err == io.EOF {
				return
			}
			offset += int64(len(b))
			long = long[:0]
		}
	}
}

// openNDJSON opens a file so that reading begins at offset of its decoded
// content.
func openNDJSON(path string, offset int64) (io.Reader, func(), error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open records: %w", err)
	}
	var r io.Reader = f
	if filepath.Ext(path) == ".gz" {
		var zip *gzip.Reader
		if zip, err = gzip.NewReader(f); err == nil {
			r = zip
			_, err = io.CopyN(io.Discard, zip, offset)
		}
	} else {
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	return r, func() { f.Close() }, nil
}
