//go:build cgo

package merge

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
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
	counts := map[sink.LinkCount]sink.LinkCount{} // by From and To
	chunks := (rows/4+x.judged)/e.chunk + 1       // a link is counted, not kept
	for k := range chunks {
		q := linksTo(files, old, func(typ, id string) string { return partOf(typ, id, k, chunks) })
		if err := e.countLinks(ctx, q, counts); err != nil {
			return nil, fmt.Errorf("count the links: %w", err)
		}
	}
	return slices.SortedFunc(maps.Values(counts), func(a, b sink.LinkCount) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	}), nil
}

// linksTo is the query that counts the links to the targets of one chunk.
func linksTo(files []sink.File, old string, chunk func(typ, id string) string) string {
	return `SELECT source, target, CAST(sum(links) AS BIGINT), CAST(coalesce(sum(links) FILTER (k.id IS NULL), 0) AS BIGINT) FROM (
			SELECT resource_type AS source, to_type AS target, to_id, count(*) AS links FROM ` + Parquet(files, table.Reference.Columns) + `
			WHERE kind IN ('relative', 'absolute') AND ` + chunk("to_type", "to_id") + ` GROUP BY ALL) l
		LEFT JOIN (
			SELECT resource_type, id FROM work.fresh WHERE ` + chunk("resource_type", "id") + `
			UNION SELECT resource_type, id FROM ` + old + ` o WHERE ` + chunk("resource_type", "id") + `
				AND NOT EXISTS (SELECT 1 FROM work.gone g WHERE g.resource_type = o.resource_type AND g.id = o.id)) k
		ON k.resource_type = l.target AND k.id = l.to_id
		GROUP BY ALL`
}

// countLinks adds what a query of linksTo counts.
func (e *Engine) countLinks(ctx context.Context, query string, counts map[sink.LinkCount]sink.LinkCount) error {
	return e.Each(ctx, query, func(rows *sql.Rows) error {
		var c sink.LinkCount
		if err := rows.Scan(&c.From, &c.To, &c.Links, &c.Missing); err != nil {
			return err
		}
		key := sink.LinkCount{From: c.From, To: c.To}
		c.Links, c.Missing = c.Links+counts[key].Links, c.Missing+counts[key].Missing
		counts[key] = c
		return nil
	})
}

func referenceFiles(d sink.Delivery) []sink.File {
	i := slices.IndexFunc(d.Tables, func(t sink.Table) bool { return t.Name == table.Reference.Name })
	if i < 0 {
		return nil
	}
	return d.Tables[i].Files
}
