package parquetfile

import "github.com/bulkhead-fhir/bulkhead/internal/table"

// Numbers of Parquet's enumerations.
// https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
const (
	physicalBoolean   = 0
	physicalInt32     = 1
	physicalInt64     = 2
	physicalDouble    = 5
	physicalByteArray = 6

	convertedUTF8            = 0
	convertedDate            = 6
	convertedTimestampMicros = 10
	convertedInt32           = 17
	convertedInt64           = 18

	logicalString    = 1
	logicalDate      = 6
	logicalTimestamp = 8
	logicalInteger   = 10

	optional = 1

	encodingPlain         = 0
	encodingRLE           = 3
	encodingDelta         = 5 // DELTA_BINARY_PACKED
	encodingDeltaLength   = 6 // DELTA_LENGTH_BYTE_ARRAY
	encodingDeltaBytes    = 7 // DELTA_BYTE_ARRAY
	encodingRLEDictionary = 8

	codecZstd = 6

	pageOfValues  = 0
	pageOfEntries = 2
	pageKinds     = 3
)

// physical returns the type by which a column of type t is stored.
func physical(t table.Type) int {
	switch t {
	case table.Boolean:
		return physicalBoolean
	case table.Int32, table.Date:
		return physicalInt32
	case table.Int64, table.Timestamp:
		return physicalInt64
	case table.Double:
		return physicalDouble
	case table.Text:
	}
	return physicalByteArray
}

// writeSchema writes the list of SchemaElements: the root and the columns.
func writeSchema(c *compact, columns []table.Column) {
	c.list(2, typeStruct, len(columns)+1)
	c.begin()
	c.text(4, "schema")
	c.i32(5, len(columns))
	c.end()
	for _, column := range columns {
		c.begin()
		c.i32(1, physical(column.Type))
		c.i32(3, optional)
		c.text(4, column.Name)
		writeLogical(c, column.Type)
		c.end()
	}
}

// writeLogical writes what a column's values mean, in the old and in the new
// way.
func writeLogical(c *compact, t table.Type) {
	switch t {
	case table.Text:
		c.i32(6, convertedUTF8)
		c.open(10)
		c.empty(logicalString)
		c.end()
	case table.Date:
		c.i32(6, convertedDate)
		c.open(10)
		c.empty(logicalDate)
		c.end()
	case table.Timestamp:
		c.i32(6, convertedTimestampMicros)
		c.open(10)
		c.open(logicalTimestamp)
		c.bool(1, true) // adjusted to UTC
		c.open(2)
		c.empty(2) // microseconds
		c.end()
		c.end()
		c.end()
	case table.Int32:
		c.i32(6, convertedInt32)
		writeInteger(c, 32)
	case table.Int64:
		c.i32(6, convertedInt64)
		writeInteger(c, 64)
	case table.Boolean, table.Double:
	}
}

func writeInteger(c *compact, width byte) {
	c.open(10)
	c.open(logicalInteger)
	c.field(1, typeByte)
	c.buf = append(c.buf, width)
	c.bool(2, true) // signed
	c.end()
	c.end()
}
