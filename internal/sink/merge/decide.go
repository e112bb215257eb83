//go:build cgo

package merge

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// State are the columns of the relation that remembers the winner of each
// resource: what a sink keeps between publications.
var State = []table.Column{
	{Name: table.TenantID, Type: table.Text},
	{Name: "resource_type", Type: table.Text},
	{Name: "id", Type: table.Text},
	{Name: "last_updated_ts", Type: table.Timestamp},
	{Name: "content_hash", Type: table.Int64},
	{Name: "partial", Type: table.Boolean}, // null in the state of former versions, which knew complete ones only
}

// A Decision says what a delivery does. Its details are tables of the engine:
//
//	work.gone  (resource_type, id)   whose old rows and old state go
//	work.fresh (resource_type, id, last_updated_ts, content_hash, partial)   new state
//	work.file (no, name), work.pick (no, line), work.skip (no, line)
//	                                 the delivered lines, by whether their rows go in
type Decision struct {
	Types   []sink.TypeCount
	Picked  int64 // lines in work.pick
	Skipped int64 // lines in work.skip
	Emptied map[string]bool
	// Emptied has the types of which no old resource stays.

	delivery sink.Delivery
	judged   int64 // resources that were there, and lines that were delivered
}

// Decide judges every line of d against the tenant's old state, a relation
// with the columns of State. It changes nothing outside the engine.
func (e *Engine) Decide(ctx context.Context, d sink.Delivery, old string) (*Decision, error) {
	before, err := e.countByType(ctx, old)
	if err != nil {
		return nil, fmt.Errorf("count the resources there: %w", err)
	}
	total := int64(0)
	for _, n := range before {
		total += n
	}
	for _, f := range slices.Concat(d.Index, d.Deleted, d.Withheld, d.Later, d.LaterDeleted, d.LaterWithheld) {
		total += f.Rows
	}
	chunks := total/e.chunk + 1
	if err := e.prepare(ctx, d, chunks > 1); err != nil {
		return nil, fmt.Errorf("prepare the decision: %w", err)
	}
	counts := tally{}
	for k := range chunks {
		err := e.judge(ctx, d, old, part(k, chunks))
		if err == nil {
			err = e.count(ctx, counts)
		}
		if err != nil {
			return nil, fmt.Errorf("judge the delivered lines: %w", err)
		}
	}
	return sum(d, counts, before, total), nil
}

// part is the condition that a resource belongs to chunk k of n.
func part(k, n int64) string { return partOf("resource_type", "id", k, n) }

// partOf is part where type and id are columns of other names.
func partOf(typ, id string, k, n int64) string {
	if n == 1 {
		return "true"
	}
	return fmt.Sprintf("hash(%s, %s) %% %d = %d", typ, id, n, k)
}

// prepare makes the tables of the decision, of a large one on disk.
func (e *Engine) prepare(ctx context.Context, d sink.Delivery, large bool) error {
	where := ":memory:"
	if large {
		where = filepath.Join(e.tempDir, "work.duckdb")
	}
	if err := e.Exec(ctx, "DETACH DATABASE IF EXISTS work"); err != nil { // of the publication before
		return err
	}
	for _, old := range []string{"work.duckdb", "work.duckdb.wal"} {
		if err := os.Remove(filepath.Join(e.tempDir, old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Fault("empty the spill folder", err)
		}
	}
	err := e.Exec(ctx,
		"ATTACH "+Literal(where)+" AS work",
		"CREATE TABLE work.file (no INTEGER, name VARCHAR)",
		"CREATE TABLE work.pick (no INTEGER, line BIGINT)",
		"CREATE TABLE work.skip (no INTEGER, line BIGINT)",
		"CREATE TABLE work.gone (resource_type VARCHAR, id VARCHAR)",
		"CREATE TABLE work.fresh (resource_type VARCHAR, id VARCHAR, last_updated_ts TIMESTAMP WITH TIME ZONE, content_hash BIGINT, partial BOOLEAN)",
	)
	if err != nil {
		return err
	}
	no := 0
	for names := range slices.Chunk(d.Files, 500) {
		rows := make([]string, len(names))
		for i, name := range names {
			rows[i] = fmt.Sprintf("(%d, %s)", no, Literal(name))
			no++
		}
		if err := e.Exec(ctx, "INSERT INTO work.file VALUES "+strings.Join(rows, ", ")); err != nil {
			return err
		}
	}
	return e.checkRows(ctx, d)
}

// checkRows refuses an index that does not belong to this delivery.
func (e *Engine) checkRows(ctx context.Context, d sink.Delivery) error {
	withheld := Parquet(d.Withheld, table.Withheld.Columns) // of a replay, also of files that are not its own
	for _, r := range []string{Parquet(d.Index, table.Index.Columns), Parquet(d.Deleted, table.Deleted.Columns), withheld} {
		var foreign, nameless, homeless int64
		// I7: rows of another tenant stop the publication.
		err := e.Scan(ctx, fmt.Sprintf(`SELECT count(*) FILTER (i.tenant_id IS DISTINCT FROM %s),
			count(*) FILTER (i.resource_type IS NULL OR i.id IS NULL OR i.source_line IS NULL), count(*) FILTER (f.no IS NULL)
			FROM %s i LEFT JOIN work.file f ON f.name = i.source_file`, Literal(d.Tenant), r), &foreign, &nameless, &homeless)
		switch {
		case err != nil:
			return err
		case foreign > 0:
			return fmt.Errorf("%d index rows belong to another tenant", foreign)
		case nameless > 0:
			return fmt.Errorf("%d index rows lack a type, an id or a line", nameless)
		case homeless > 0 && r != withheld:
			return fmt.Errorf("%d index rows name a source file that is not part of the delivery", homeless)
		}
	}
	return nil
}

func (e *Engine) countByType(ctx context.Context, old string) (map[string]int64, error) {
	counts := map[string]int64{}
	err := e.Each(ctx, "SELECT resource_type, count(*) FROM "+old+" o GROUP BY 1", func(rows *sql.Rows) error {
		var name string
		var n int64
		err := rows.Scan(&name, &n)
		counts[name] = n
		return err
	})
	return counts, err
}

// judge decides about the resources of one chunk.
func (e *Engine) judge(ctx context.Context, d sink.Delivery, old, chunk string) error {
	old = "(SELECT * FROM " + old + " WHERE " + chunk + ")"
	partial, replace := "coalesce(partial, false)", d.Replace
	if d.Partial {
		partial, replace = "true", nil // what is absent may only have been left out
	}
	return e.Exec(ctx,
		"CREATE TABLE work.later AS "+later(d)+" AND "+chunk,
		"CREATE TABLE work.withheld AS "+withheld(d, chunk),
		// Among a resource's lines the first by this order wins; null is oldest. One
		// that is no later than a line that is withheld does not count.
		`CREATE TABLE work.line AS
		SELECT resource_type, id, last_updated_ts, content_hash, partial, f.no, i.source_line AS line, withheld,
			row_number() OVER (PARTITION BY resource_type, id
				ORDER BY withheld, partial, last_updated_ts DESC NULLS LAST, f.no DESC, i.source_line DESC) AS place
		FROM (SELECT l.resource_type, l.id, l.last_updated_ts, content_hash, `+partial+` AS partial, source_file, source_line,
				w.id IS NOT NULL AND coalesce(l.last_updated_ts <= w.last_updated_ts, true) AS withheld
			FROM (SELECT * FROM `+OlderParquet(d.Index, table.Index.Columns)+` WHERE `+chunk+`) l
			LEFT JOIN work.withheld w ON w.resource_type = l.resource_type AND w.id = l.id) i JOIN work.file f ON f.name = i.source_file`,
		// A complete resource stays against a partial one, and replaces one. Otherwise the
		// later last_updated_ts stays; where one of them is unknown, the delivery is later.
		`CREATE TABLE work.judged AS
		SELECT l.*, CASE WHEN l.place > 1 OR l.withheld THEN 'double' WHEN s.id IS NOT NULL THEN 'unchanged' WHEN o.id IS NULL THEN 'new'
			WHEN l.partial AND NOT coalesce(o.partial, false) THEN 'unchanged'
			WHEN o.partial AND NOT l.partial THEN 'changed'
			WHEN o.content_hash = l.content_hash OR o.last_updated_ts > l.last_updated_ts THEN 'unchanged'
			ELSE 'changed' END AS verdict
		FROM work.line l LEFT JOIN `+old+` o ON o.resource_type = l.resource_type AND o.id = l.id
			LEFT JOIN work.later s ON s.resource_type = l.resource_type AND s.id = l.id`,
		`CREATE TABLE work.lost AS
		SELECT o.resource_type, o.id, w.id IS NOT NULL AS withheld
		FROM `+old+` o LEFT JOIN work.withheld w ON w.resource_type = o.resource_type AND w.id = o.id
			AND NOT (`+strconv.FormatBool(d.Again)+` AND coalesce(o.last_updated_ts > w.last_updated_ts, false))
		WHERE (o.resource_type IN (`+Literals(replace)+`) OR w.id IS NOT NULL
				OR (o.resource_type, o.id) IN (SELECT (resource_type, id) FROM `+Parquet(d.Deleted, table.Deleted.Columns)+`))
			AND NOT EXISTS (SELECT 1 FROM work.line l WHERE l.resource_type = o.resource_type AND l.id = o.id AND NOT l.withheld)
			AND NOT EXISTS (SELECT 1 FROM work.later s WHERE s.resource_type = o.resource_type AND s.id = o.id)`,
		"INSERT INTO work.pick SELECT no, line FROM work.judged WHERE verdict IN ('new', 'changed')",
		"INSERT INTO work.skip SELECT no, line FROM work.judged WHERE verdict NOT IN ('new', 'changed')",
		"INSERT INTO work.fresh SELECT resource_type, id, last_updated_ts, content_hash, partial FROM work.judged WHERE verdict IN ('new', 'changed')",
		"INSERT INTO work.gone SELECT resource_type, id FROM work.judged WHERE verdict = 'changed'",
		"INSERT INTO work.gone SELECT resource_type, id FROM work.lost",
	)
}

// later is the query for the resources of which later deliveries have spoken,
// each once.
func later(d sink.Delivery) string {
	return `SELECT DISTINCT resource_type, id FROM
		(SELECT tenant_id, resource_type, id FROM ` + OlderParquet(d.Later, table.Index.Columns) + `
		UNION ALL SELECT tenant_id, resource_type, id FROM ` + Parquet(d.LaterDeleted, table.Deleted.Columns) + `
		UNION ALL SELECT tenant_id, resource_type, id FROM ` + Parquet(d.LaterWithheld, table.Withheld.Columns) + `)
		WHERE tenant_id = ` + Literal(d.Tenant) // I7
}

// withheld is the query for the resources of one chunk of which a line is
// withheld and not delivered after all, with the time of the latest such line:
// null where one of them has none.
func withheld(d sink.Delivery, chunk string) string {
	q := "SELECT resource_type, id, CASE WHEN count(*) = count(last_updated_ts) THEN max(last_updated_ts) END AS last_updated_ts FROM " +
		Parquet(d.Withheld, table.Withheld.Columns) + " w WHERE " + chunk
	if len(d.Withheld) > 0 {
		q += " AND NOT EXISTS (SELECT 1 FROM " + Parquet(d.Index, table.Index.Columns) + " i WHERE i.source_file = w.source_file AND i.source_line = w.source_line)"
	}
	return q + " GROUP BY ALL"
}

// A tally counts verdicts, by resource type.
type tally map[string]*sink.TypeCount

// count adds the verdicts of the chunk that is judged, and forgets the chunk.
func (e *Engine) count(ctx context.Context, counts tally) error {
	q := `SELECT resource_type, verdict, count(*) FROM work.judged GROUP BY ALL
		UNION ALL SELECT resource_type, 'deleted', count(*) FROM work.lost GROUP BY ALL
		UNION ALL SELECT resource_type, 'withheld', count(*) FROM work.lost WHERE withheld GROUP BY ALL`
	err := e.Each(ctx, q, func(rows *sql.Rows) error {
		var name, verdict string
		var n int64
		if err := rows.Scan(&name, &verdict, &n); err != nil {
			return err
		}
		if counts[name] == nil {
			counts[name] = &sink.TypeCount{ResourceType: name}
		}
		*of(counts[name], verdict) += n
		return nil
	})
	if err != nil {
		return err
	}
	return e.Exec(ctx, "DROP TABLE work.later", "DROP TABLE work.withheld", "DROP TABLE work.line", "DROP TABLE work.judged", "DROP TABLE work.lost")
}

// sum makes the decision of the counts; before has how many resources of each
// type were there.
func sum(d sink.Delivery, counts tally, before map[string]int64, judged int64) *Decision {
	x := &Decision{Emptied: map[string]bool{}, delivery: d, judged: judged}
	for _, t := range slices.SortedFunc(maps.Values(counts), byType) {
		x.Types = append(x.Types, *t)
		x.Picked += t.New + t.Changed
		x.Skipped += t.Unchanged + t.Double
		x.Emptied[t.ResourceType] = before[t.ResourceType] == t.Changed+t.Deleted
	}
	return x
}

func byType(a, b *sink.TypeCount) int { return cmp.Compare(a.ResourceType, b.ResourceType) }

func of(t *sink.TypeCount, verdict string) *int64 {
	switch verdict {
	case "new":
		return &t.New
	case "changed":
		return &t.Changed
	case "unchanged":
		return &t.Unchanged
	case "double":
		return &t.Double
	case "withheld":
		return &t.Withheld
	}
	return &t.Deleted
}
