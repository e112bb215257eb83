package config

// The kinds of sinks that this version has.
const (
	DuckDB  = "duckdb"
	Parquet = "parquet"
)

// A Sink is a destination for tables.
type Sink struct {
	// Kind is duckdb (one database file) or parquet (a folder of files).
	Kind string `yaml:"kind"`
	// File is the database file of a duckdb sink.
	File string `yaml:"file"`
	// Folder is the folder of a parquet sink.
	Folder string `yaml:"folder"`
}
