package config

// The kinds of sinks that this version has.
const (
	DuckDB  = "duckdb"
	Parquet = "parquet"
)

// A Sink is a destination for tables.
type Sink struct {
	// Kind is duckdb (one database file) or parquet (a folder of files). Needed.
	Kind string `yaml:"kind" words:"duckdb parquet"`
	// File is the database file of a duckdb sink.
	File string `yaml:"file"`
	// Folder is the folder of a parquet sink.
	Folder string `yaml:"folder"`
	// Region is where the destination stands, in the words that agreements use,
	// such as us-east. Default: none; an agreement that names regions permits
	// only sinks that name one.
	Region string `yaml:"region"`
	// Operator is who runs the destination, when it is not us. Default: us.
	Operator string `yaml:"operator"`
	// Agreement is the reference of our own agreement with the operator. Needed
	// beside `operator`.
	Agreement string `yaml:"agreement"`
	// EncryptedDisk declares that what the file or folder lies on is encrypted by
	// other means (LUKS, BitLocker, an encrypted volume): bulkhead cannot encrypt
	// sinks. Nothing checks it; who writes it answers for it. An agreement with
	// `security.encryption` permits no sink without it. Default: false.
	EncryptedDisk bool `yaml:"encrypted_disk"`
}
