package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the driver
)

// duckDB runs one statement, args[1], with args[0] threads.
func duckDB(ctx context.Context, _ io.Writer, args []string) error {
	return withDuckDB(func(db *sql.DB) error {
		if _, err := db.ExecContext(ctx, "SET threads="+args[0]); err != nil {
			return err
		}
		_, err := db.ExecContext(ctx, args[1])
		return err
	})
}

// queryOne says the one value that a query gives.
func queryOne(ctx context.Context, out io.Writer, args []string) error {
	return withDuckDB(func(db *sql.DB) error {
		var value string
		if err := db.QueryRowContext(ctx, args[0]).Scan(&value); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, value)
		return err
	})
}

// withDuckDB gives do a database in memory.
func withDuckDB(do func(*sql.DB) error) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(do(db), db.Close())
}

// copyStatement writes the rows of a query as the Parquet that DuckDB makes by
// default, but for the compression, which is ours.
func copyStatement(query, to string) string {
	return fmt.Sprintf("COPY (%s) TO %s (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)", query, quoted(to))
}

// differences counts the rows that only one of two Parquet files has, doubles
// counted. DuckDB reads 1.50 as 1.5 and has lost the digits before its text is
// made: columns in numeric are compared as DOUBLE.
func differences(one, other string, columns []string, numeric map[string]bool) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = identifier(c)
		if numeric[c] {
			list[i] = "CAST(" + identifier(c) + " AS DOUBLE) AS " + identifier(c)
		}
	}
	rows := func(path string) string {
		return "SELECT " + strings.Join(list, ", ") + " FROM read_parquet(" + quoted(path) + ")"
	}
	only := func(a, b string) string { return "(SELECT count(*) FROM (" + rows(a) + " EXCEPT ALL " + rows(b) + "))" }
	return "SELECT " + only(one, other) + " + " + only(other, one)
}

func quoted(s string) string     { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
