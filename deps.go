//go:build deps
package bulkhead

import (
	_ "github.com/alecthomas/kong"
	_ "github.com/jotaen/kong-completion"
	_ "github.com/posener/complete"
	_ "github.com/apache/arrow-go/v18/parquet/pqarrow"
	_ "github.com/cespare/xxhash/v2"
	_ "github.com/duckdb/duckdb-go/v2"
	_ "github.com/go-jose/go-jose/v4"
	_ "github.com/go-json-experiment/json"
	_ "github.com/goccy/go-yaml"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/klauspost/compress/zstd"
	_ "github.com/netresearch/go-cron"
	_ "github.com/pressly/goose/v3"
	_ "github.com/riverqueue/river"
	_ "github.com/riverqueue/river/riverdriver/riversqlite"
	_ "github.com/riverqueue/river/rivermigrate"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "go.uber.org/goleak"
	_ "gocloud.dev/blob"
	_ "golang.org/x/oauth2"
	_ "golang.org/x/sync/singleflight"
	_ "golang.org/x/term"
	_ "modernc.org/sqlite"
	_ "pgregory.net/rapid"
	_ "charm.land/lipgloss/v2"
)

import (
	_ "github.com/klauspost/compress/gzip"
	_ "github.com/riverqueue/river/rivertype"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "gocloud.dev/blob/driver"
	_ "modernc.org/sqlite/lib"
)
