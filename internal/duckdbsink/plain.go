//go:build cgo

package duckdbsink

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// plain turns a driver's value into one that JSON and a table can show.
func plain(v any, sqlType string) any {
	switch v := v.(type) {
	case nil, bool, int64, uint64, float64, string, *big.Int:
		return v
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return uint64(v)
	case uint16:
		return uint64(v)
	case uint32:
		return uint64(v)
	case float32:
		return float64(v)
	case duckdb.Decimal:
		return json.Number(digits(v))
	case time.Time:
		return moment(v, sqlType)
	case []byte:
		if sqlType == "UUID" && len(v) == 16 {
			return fmt.Sprintf("%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:])
		}
		return base64.StdEncoding.EncodeToString(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i], strings.TrimSuffix(sqlType, "[]"))
		}
		return list
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name := range v {
			fields[name] = plain(v[name], "")
		}
		return fields
	default:
		return fmt.Sprint(v)
	}
}

// digits writes a decimal with all digits of its scale.
func digits(d duckdb.Decimal) string {
	text := new(big.Int).Abs(d.Value).String()
	if scale := int(d.Scale); scale > 0 {
		text = strings.Repeat("0", max(0, scale+1-len(text))) + text
		text = text[:len(text)-scale] + "." + text[len(text)-scale:]
	}
	if d.Value.Sign() < 0 {
		return "-" + text
	}
	return text
}

func moment(t time.Time, sqlType string) string {
	switch sqlType {
	case "DATE":
		return t.Format(time.DateOnly)
	case "TIME", "TIMETZ":
		return t.Format("15:04:05.999999")
	case "TIMESTAMPTZ":
		return t.UTC().Format("2006-01-02T15:04:05.999999Z07:00")
	}
	return t.Format("2006-01-02T15:04:05.999999")
}
