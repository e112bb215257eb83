//go:build cgo

package duckdbsink

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// Tables of the sink's own, beside the tenants' tables.
const (
	resources    = database + "._bulkhead_resource"    // the winner of each resource
	publications = database + "._bulkhead_publication" // what was published, once
	catalogue    = database + "._bulkhead_table"       // which types' rows are in which table
)

// A publication is one export's way into an attached file.
type publication struct {
	*merge.Engine
	d     sink.Delivery
	reach func(moment string) error // tells a test
}

func (p publication) run(ctx context.Context) (sink.Receipt, error) {
	if err := p.makeOwnTables(ctx); err != nil {
		return sink.Receipt{}, err
	}
	first, found, err := p.receiptOf(ctx, p.d.Export)
	if err != nil || found {
		return first, err
	}
	if err := p.follows(ctx); err != nil {
		return sink.Receipt{}, err
	}
	if err := p.CheckFiles(ctx, p.d); err != nil {
		return sink.Receipt{}, err
	}
	x, err := p.Decide(ctx, p.d, p.state())
	if err != nil {
		return sink.Receipt{}, err
	}
	links, err := p.Links(ctx, x, p.state())
	if err != nil {
		return sink.Receipt{}, err
	}
	receipt := sink.Receipt{Export: p.d.Export, PublishedAt: time.Now().UTC().Truncate(time.Microsecond), Types: x.Types, Links: links}
	return receipt, p.commit(ctx, x, receipt)
}

// makeOwnTables is a transaction of its own: it changes nothing that a reader
// of the tenants' tables can see.
func (p publication) makeOwnTables(ctx context.Context) error {
	return p.Exec(ctx,
		"CREATE TABLE IF NOT EXISTS "+resources+" ("+merge.Definitions(merge.State)+")",
		"ALTER TABLE "+resources+" ADD COLUMN IF NOT EXISTS partial BOOLEAN", // a file of a version that did not know it
		"CREATE TABLE IF NOT EXISTS "+publications+" (tenant_id VARCHAR, export VARCHAR, published_at TIMESTAMP WITH TIME ZONE, receipt VARCHAR)",
		"CREATE TABLE IF NOT EXISTS "+catalogue+" (table_name VARCHAR, resource_type VARCHAR)",
	)
}

func (p publication) state() string {
	return "(SELECT * FROM " + resources + " WHERE tenant_id = " + merge.Literal(p.d.Tenant) + ")" // I7
}

// follows demands the export on which the delivery builds.
func (p publication) follows(ctx context.Context) error {
	if p.d.After == "" {
		return nil
	}
	_, found, err := p.receiptOf(ctx, p.d.After)
	if err == nil && !found {
		return sink.ErrLost
	}
	return err
}

func (p publication) receiptOf(ctx context.Context, export string) (r sink.Receipt, found bool, err error) {
	var text string
	err = p.Scan(ctx, fmt.Sprintf("SELECT receipt FROM %s WHERE tenant_id = %s AND export = %s",
		publications, merge.Literal(p.d.Tenant), merge.Literal(export)), &text)
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &r)
	}
	if err != nil {
		return r, false, fmt.Errorf("read a receipt: %w", err)
	}
	return r, true, nil
}

// commit applies the decision in one transaction.
func (p publication) commit(ctx context.Context, x *merge.Decision, r sink.Receipt) error {
	if err := p.Exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	err := p.apply(ctx, x, r)
	if err == nil {
		err = p.reach("applied")
	}
	if err == nil {
		err = p.Exec(ctx, "COMMIT") // I5: all of the export becomes visible here
	}
	if err != nil {
		return errors.Join(err, p.rollback(ctx))
	}
	return p.reach("committed")
}

// rollback ends the transaction, unless the error has ended it already.
func (p publication) rollback(ctx context.Context) error {
	_, err := p.Conn().ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	if d, ok := errors.AsType[*duckdb.Error](err); ok && d.Type == duckdb.ErrorTypeTransaction {
		return nil
	}
	return merge.Fault("roll back", err)
}

func qualified(name string) string { return database + "." + merge.Ident(name) }

func (p publication) apply(ctx context.Context, x *merge.Decision, r sink.Receipt) error {
	if err := p.shape(ctx); err != nil {
		return err
	}
	if err := p.removeRows(ctx, x); err != nil {
		return err
	}
	for _, t := range p.d.Tables {
		if !x.Adds(t) {
			continue
		}
		insert := fmt.Sprintf("INSERT INTO %s (%s) %s", qualified(t.Name), merge.Names(t.Columns), x.StagedRows(t, t.Columns))
		if err := p.Exec(ctx, insert); err != nil {
			return fmt.Errorf("insert into table %s: %w", t.Name, err)
		}
	}
	return p.remember(ctx, x, r)
}

// shape makes the tables that are missing, and adds the columns that they lack.
func (p publication) shape(ctx context.Context) error {
	there, err := p.columns(ctx)
	if err != nil {
		return fmt.Errorf("read the tables there: %w", err)
	}
	listed, err := p.catalogue(ctx)
	if err != nil {
		return err
	}
	for _, t := range p.d.Tables {
		if err := p.shapeTable(ctx, t.Table, there[strings.ToLower(t.Name)]); err != nil {
			return fmt.Errorf("shape table %s: %w", t.Name, err)
		}
		if slices.Contains(listed[t.Name], t.ResourceType) {
			continue
		}
		if err := p.Exec(ctx, fmt.Sprintf("INSERT INTO %s VALUES (%s, %s)", catalogue, merge.Literal(t.Name), merge.Literal(t.ResourceType))); err != nil {
			return err
		}
	}
	return nil
}

func (p publication) shapeTable(ctx context.Context, t table.Table, old []table.Column) error {
	all, err := merge.Columns(t.Name, old, t.Columns)
	if err != nil {
		return err
	}
	if len(old) == 0 {
		return p.Exec(ctx, "CREATE TABLE "+qualified(t.Name)+" ("+merge.Definitions(all)+")")
	}
	for _, c := range all[len(old):] {
		if err := p.Exec(ctx, "ALTER TABLE "+qualified(t.Name)+" ADD COLUMN "+merge.Definitions([]table.Column{c})); err != nil {
			return err
		}
	}
	return nil
}

// columns gives the columns of each table of the file, by its name in small
// letters.
func (p publication) columns(ctx context.Context) (map[string][]table.Column, error) {
	of := map[string][]table.Column{}
	q := fmt.Sprintf("SELECT lower(table_name), column_name, data_type FROM duckdb_columns() WHERE database_name = '%s' AND schema_name = 'main' ORDER BY table_name, column_index", database)
	err := p.Each(ctx, q, func(rows *sql.Rows) error {
		var c table.Column
		var name, sqlType string
		err := rows.Scan(&name, &c.Name, &sqlType)
		c.Type = merge.TypeOf(sqlType)
		of[name] = append(of[name], c)
		return err
	})
	return of, err
}

// catalogue gives the types whose rows each table has taken.
func (p publication) catalogue(ctx context.Context) (map[string][]string, error) {
	types := map[string][]string{}
	err := p.Each(ctx, "SELECT table_name, resource_type FROM "+catalogue, func(rows *sql.Rows) error {
		var name, resourceType string
		err := rows.Scan(&name, &resourceType)
		types[name] = append(types[name], resourceType)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	return types, nil
}

// removeRows takes the rows of changed, deleted and absent resources out of
// every table that ever took rows of their types, also when its view is no more.
func (p publication) removeRows(ctx context.Context, x *merge.Decision) error {
	types, err := p.catalogue(ctx)
	if err != nil {
		return err
	}
	for name, of := range types {
		if !slices.ContainsFunc(of, x.Removes) {
			continue
		}
		condition := " WHERE tenant_id = " + merge.Literal(p.d.Tenant) // I7
		if len(of) > 1 || !x.Emptied[of[0]] {
			condition += " AND resource_key IN (" + x.GoneKeys(of...) + ")"
		}
		if err := p.Exec(ctx, "DELETE FROM "+qualified(name)+condition); err != nil {
			return fmt.Errorf("delete from table %s: %w", name, err)
		}
	}
	return nil
}

// remember writes the state and the receipt.
func (p publication) remember(ctx context.Context, x *merge.Decision, r sink.Receipt) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the receipt: %w", err)
	}
	return p.Exec(ctx,
		"DELETE FROM "+resources+" WHERE tenant_id = "+merge.Literal(p.d.Tenant)+
			" AND (resource_type, id) IN (SELECT (resource_type, id) FROM work.gone)",
		"INSERT INTO "+resources+" "+x.FreshState(),
		fmt.Sprintf("INSERT INTO %s VALUES (%s, %s, TIMESTAMPTZ %s, %s)", publications, merge.Literal(p.d.Tenant), merge.Literal(p.d.Export),
			merge.Literal(r.PublishedAt.Format(time.RFC3339Nano)), merge.Literal(string(text))),
	)
}
