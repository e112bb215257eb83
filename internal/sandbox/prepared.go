package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
)

// Prepared is a Source made of a folder of NDJSON files, each of which is one
// output file of every full export, byte for byte. Serving them costs the
// sandbox next to nothing, so that what is measured is the client. A knob that
// changes lines, cuts types into files otherwise or asks for less than
// everything has its effect, at the usual price.
type Prepared struct{ *Dir }

// PreparedSource returns the folder dir as a practice's prepared files, which
// are named as those of DirSource and not compressed.
func PreparedSource(dir string) (Prepared, error) {
	d, err := DirSource(dir)
	if err != nil {
		return Prepared{}, err
	}
	for _, t := range d.types {
		for _, path := range t.paths {
			if filepath.Ext(path) == ".gz" {
				return Prepared{}, fmt.Errorf("prepared file %s is compressed", filepath.Base(path))
			}
		}
	}
	return Prepared{d}, nil
}

// layPrepared makes a file of each of the source's own for type t, and reports
// whether there are such.
func (e *export) layPrepared(t string) bool {
	src, ok := e.p.cfg.Source.(Prepared)
	if !ok || !e.since.IsZero() || e.k.FilesPer > 0 || e.k.FilesPerType > 0 ||
		!e.plain || !e.sized(t) || !reflect.DeepEqual(e.k.ContentKnobs, ContentKnobs{}) {
		return false
	}
	for i, path := range src.types[t].paths {
		e.files = append(e.files, &file{
			kind: t, index: i, count: -1, name: fmt.Sprintf("%s-%d.ndjson", t, i+1), path: path,
			lines: func(ctx context.Context) sequence { return src.linesOf(ctx, t, i) },
		})
	}
	return true
}

// linesOf yields the lines of one file.
func (d Prepared) linesOf(ctx context.Context, t string, number int) sequence {
	return func(yield func([]byte, error) bool) {
		for l, err := range d.types[t].read(mark{file: number}) {
			if !yield(l.text, errors.Join(err, ctx.Err())) || err != nil {
				return
			}
		}
	}
}

// prepared reports whether r's bytes are those of a file.
func (r rendering) prepared() bool { return r.f.path != "" && r.version == 0 && !r.outcome }

// copyTo writes the bytes of r's file to w.
func (r rendering) copyTo(w io.Writer) (err error) {
	f, err := os.Open(r.f.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.Copy(w, f)
	return err
}

// writePrepared answers with the whole file, which the system copies to the
// connection where nothing is to happen to it on the way.
func (b body) writePrepared(x *exchange) {
	size, err := b.size(x.r.Context())
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	x.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	b.get.from = 0
	err = b.copyTo(x)
	if err == nil {
		b.get.whole(part{})
	}
	finish(err)
}

// ReadFrom passes on what r has.
func (a *answer) ReadFrom(r io.Reader) (int64, error) {
	if a.mute || a.fault.Do != "" {
		return io.Copy(struct{ io.Writer }{a}, r)
	}
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := io.Copy(a.ResponseWriter, r)
	a.sent += n
	return n, err
}
