package merge

import (
	"fmt"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// ours marks the messages that our own SQL raises with error().
const ours = "bulkhead: "

// Literal quotes a string for SQL.
func Literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Literals quotes strings as a list, without brackets; none gives NULL, which
// equals nothing.
func Literals(list []string) string {
	if len(list) == 0 {
		return "NULL"
	}
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = Literal(s)
	}
	return strings.Join(quoted, ", ")
}

// Ident quotes a name for SQL.
func Ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

var sqlTypes = map[table.Type]string{
	table.Text:      "VARCHAR",
	table.Boolean:   "BOOLEAN",
	table.Int32:     "INTEGER",
	table.Int64:     "BIGINT",
	table.Double:    "DOUBLE",
	table.Date:      "DATE",
	table.Timestamp: "TIMESTAMP WITH TIME ZONE",
}

// SQLType is DuckDB's name of a column type, as duckdb_columns() spells it.
func SQLType(t table.Type) string { return sqlTypes[t] }

// Definitions is the column list of a CREATE TABLE.
func Definitions(columns []table.Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = Ident(c.Name) + " " + SQLType(c.Type)
	}
	return strings.Join(list, ", ")
}

// Parquet is the relation of files' rows. It has columns only, and no rows,
// when there are no files.
func Parquet(files []sink.File, columns []table.Column) string {
	if len(files) == 0 {
		return "(" + noRows(columns) + ")"
	}
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = escapeGlob(f.Path)
	}
	return "read_parquet([" + Literals(paths) + "])"
}

// OlderParquet is Parquet for files that a former version may have written: a
// column that they lack is null.
func OlderParquet(files []sink.File, columns []table.Column) string {
	return "(" + noRows(columns) + " UNION ALL BY NAME FROM " + Parquet(files, columns) + ")"
}

func noRows(columns []table.Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = fmt.Sprintf("NULL::%s AS %s", SQLType(c.Type), Ident(c.Name))
	}
	return "SELECT " + strings.Join(list, ", ") + " WHERE false"
}

// escapeGlob makes a path that matches only itself.
func escapeGlob(path string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(path)
}

// Select lists the columns wanted from a relation r that has those in has; a
// column that it lacks is null. tenant_id is checked: a row of another tenant
// makes the whole statement fail.
func Select(r string, wanted, has []table.Column, tenant string) string {
	there := map[string]bool{}
	for _, c := range has {
		there[strings.ToLower(c.Name)] = true
	}
	list := make([]string, len(wanted))
	for i, c := range wanted {
		name := Ident(c.Name)
		switch {
		case c.Name == table.TenantID: // I7: a row of another tenant stops the publication
			list[i] = fmt.Sprintf("CASE WHEN %[1]s.%[2]s = %[3]s THEN %[3]s ELSE error('%[4]sa row of another tenant') END AS %[2]s",
				r, name, Literal(tenant), ours)
		case there[strings.ToLower(c.Name)]:
			list[i] = fmt.Sprintf("CAST(%s.%s AS %s) AS %s", r, name, SQLType(c.Type), name)
		default:
			list[i] = fmt.Sprintf("CAST(NULL AS %s) AS %s", SQLType(c.Type), name)
		}
	}
	return strings.Join(list, ", ")
}

// TypeOf is the column type that SQLType names; the empty type when it names none.
func TypeOf(sqlType string) table.Type {
	for t, name := range sqlTypes {
		if name == sqlType {
			return t
		}
	}
	return ""
}

// Names lists columns for SQL.
func Names(columns []table.Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = Ident(c.Name)
	}
	return strings.Join(list, ", ")
}
