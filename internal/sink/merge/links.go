//go:build cgo

package merge

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// Links counts the references of d's lines to resources of the same server,
// and those of them whose target is neither among the resources that stay in
// the old state nor among the new ones. x is the decision about d.
func (e *Engine) Links(ctx context.Context, x *Decision, old string) ([]sink.LinkCount, error) {
	files := referenceFiles(x.delivery)
	if len(files) == 0 {
		return nil, nil
	}
	rows := int64(0)
	for _, f := range files {
		rows += f.Rows
	}
	if err := e.Exec(ctx, "CREATE TABLE work.link (source VARCHAR, target VARCHAR, links BIGINT, missing BIGINT)"); err != nil {
		return nil, err
	}
	chunks := (rows/4+x.judged)/e.chunk + 1 // a link is counted, not kept
	for k := range chunks {
		if err := e.countLinks(ctx, files, old, func(typ, id string) string {
			return fmt.Sprintf("hash(%s, %s) %% %d = %d", typ, id, chunks, k)
		}); err != nil {
			return nil, fmt.Errorf("count the links: %w", err)
		}
	}
	var links []sink.LinkCount
	q := "SELECT source, target, CAST(sum(links) AS BIGINT), CAST(sum(missing) AS BIGINT) FROM work.link GROUP BY ALL ORDER BY 1, 2"
	err := e.Each(ctx, q, func(rows *sql.Rows) error {
		var c sink.LinkCount
		err := rows.Scan(&c.From, &c.To, &c.Links, &c.Missing)
		links = append(links, c)
		return err
	})
	return links, err
}

// countLinks counts those whose targets are in one chunk.
func (e *Engine) countLinks(ctx context.Context, files []sink.File, old string, chunk func(typ, id string) string) error {
	return e.Exec(ctx, `INSERT INTO work.link
		SELECT source, target, sum(links), coalesce(sum(links) FILTER (k.id IS NULL), 0) FROM (
			SELECT resource_type AS source, to_type AS target, to_id, count(*) AS links FROM `+Parquet(files, table.Reference.Columns)+`
			WHERE kind IN ('relative', 'absolute') AND `+chunk("to_type", "to_id")+` GROUP BY ALL) l
		LEFT JOIN (
			SELECT resource_type, id FROM work.fresh WHERE `+chunk("resource_type", "id")+`
			UNION SELECT resource_type, id FROM `+old+` o WHERE `+chunk("resource_type", "id")+`
				AND NOT EXISTS (SELECT 1 FROM work.gone g WHERE g.resource_type = o.resource_type AND g.id = o.id)) k
		ON k.resource_type = l.target AND k.id = l.to_id
		GROUP BY ALL`)
}

func referenceFiles(d sink.Delivery) []sink.File {
	i := slices.IndexFunc(d.Tables, func(t sink.Table) bool { return t.Name == table.Reference.Name })
	if i < 0 {
		return nil
	}
	return d.Tables[i].Files
}
