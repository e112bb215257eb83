package sqlonfhir

import "strings"

// sqlTypes are the SQL types that the standard gives to FHIR's primitive types,
// but for those that are CHARACTER VARYING.
// https://hl7.org/fhir/uv/sql-on-fhir/StructureDefinition-ViewDefinition.html#default-type-mappings
var sqlTypes = map[string]string{
	"base64Binary": "BINARY", "boolean": "BOOLEAN", "instant": "TIMESTAMP WITH TIME ZONE",
	"integer": "INT", "positiveInt": "INT", "unsignedInt": "INT", "integer64": "BIGINT",
}

// characterVarying is the SQL type of all else: of text, of dates and times
// that may be partial, of decimals with their digits, of columns without a
// declared type, and of the JSON text of objects.
const characterVarying = "CHARACTER VARYING"

// SQLType returns the ISO/IEC 9075 type of the column's values: the one that
// its tag ansi/type names, or else the standard's for its FHIR type. With
// Collection it is that of an array.
func (c *Column) SQLType() string {
	t := c.elementType()
	if c.Collection {
		return t + " ARRAY"
	}
	return t
}

func (c *Column) elementType() string {
	for _, tag := range c.Tags {
		if tag.Name == "ansi/type" {
			return tag.Value
		}
	}
	if t := sqlTypes[c.Type]; t != "" {
		return t
	}
	return characterVarying
}

// systemTypes are the types of FHIRPath under their names in FHIR.
var systemTypes = map[string]string{
	"Boolean": "boolean", "String": "string", "Integer": "integer", "Long": "integer64", "Decimal": "decimal",
	"Date": "date", "DateTime": "dateTime", "Time": "time",
}

// typeCode returns the name of the type that a column's type names: it may be
// the URL of a structure definition or of a type of FHIRPath.
func typeCode(uri string) string {
	code, _, _ := strings.Cut(uri, "|")
	code = strings.TrimPrefix(code, "http://hl7.org/fhir/StructureDefinition/")
	code = strings.TrimPrefix(code, "http://hl7.org/fhirpath/")
	code = strings.TrimPrefix(code, "FHIR.")
	if name, ok := strings.CutPrefix(code, "System."); ok && systemTypes[name] != "" {
		return systemTypes[name]
	}
	return code
}
