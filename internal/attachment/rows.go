package attachment

import (
	"cmp"
	"context"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// part is the Parquet part of one output file. It comes to be with the first
// row that is written.
type part struct {
	ctx   context.Context
	o     *Options
	key   blob.Key
	to    *rows.Writer
	file  *blob.Writer
	total int64
}

func newPart(ctx context.Context, o *Options, key blob.Key) *part {
	p := &part{ctx: ctx, o: o, key: key}
	p.to = rows.NewWriter(rows.Options{
		Table: table.Attachment,
		Constant: map[string]string{
			table.TenantID:   o.Scope.Tenant(),
			table.SourceFile: cmp.Or(o.Origin, o.Lease.Export) + "/" + o.Lease.Subject,
		},
		Open: p.open,
	})
	return p
}

func (p *part) open() (_ io.Writer, err error) {
	p.file, err = p.o.Scope.Create(p.ctx, p.key)
	return p.file, err
}

// add writes one row.
func (p *part) add(r *row) error {
	values := p.values(r)
	for i, c := range table.Attachment.Columns {
		put(p.to.Columns()[i], values[c.Name])
	}
	p.total++
	return p.to.Keep(len(r.resource.key))
}

// values gives a row by column; what is missing is null.
func (p *part) values(r *row) map[string]any {
	v := map[string]any{
		"resource_type": r.resource.kind, table.ResourceKey: r.resource.key,
		"path": r.found.Path, "position": int32(r.found.Position), "outcome": string(r.outcome), "reason": text(r.reason),
		"title": text(r.found.Title), "declared_content_type": text(r.found.ContentType), "declared_sha1": text(r.found.SHA1),
		table.SourceLine: r.line,
	}
	if r.found.Size >= 0 {
		v["declared_size"] = r.found.Size
	}
	if !r.outcome.Kept() {
		return v
	}
	v["content_type"], v["size"], v["sha256"] = text(r.content.ContentType), r.content.Size, r.content.SHA256
	v["location"], v["stored_by_export"] = r.content.Location, r.content.Export
	if r.found.SHA1 != "" {
		v["sha1_matches"] = r.found.SHA1 == r.content.SHA1
	}
	return v
}

// text makes no text null.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func put(column columnar.Column, value any) {
	switch c := column.(type) {
	case *columnar.Const:
		c.Append()
		return
	case *columnar.Text:
		if v, ok := value.(string); ok {
			c.Append([]byte(v))
			return
		}
	case *columnar.Int32:
		if v, ok := value.(int32); ok {
			c.Append(v)
			return
		}
	case *columnar.Int64:
		if v, ok := value.(int64); ok {
			c.Append(v)
			return
		}
	case *columnar.Bool:
		if v, ok := value.(bool); ok {
			c.Append(v)
			return
		}
	}
	column.Null()
}

// commit makes the part durable (I3) and gives its rows. Without any rows
// there is no part, nor one of an earlier run.
func (p *part) commit() (int64, error) {
	if p.total == 0 {
		return 0, p.o.Scope.Delete(p.ctx, p.key)
	}
	if err := p.to.Finish(); err != nil {
		return 0, err
	}
	return p.total, p.file.Commit()
}

// close leaves nothing behind unless commit was called.
func (p *part) close() {
	if p.file != nil {
		_ = p.file.Close()
	}
}
