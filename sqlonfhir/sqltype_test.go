package sqlonfhir_test

import (
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

func TestColumnsHaveTheSQLTypesOfTheStandard(t *testing.T) {
	tests := []struct{ column, typ, sql string }{
		{`"type":"base64Binary"`, "base64Binary", "BINARY"},
		{`"type":"boolean"`, "boolean", "BOOLEAN"},
		{`"type":"canonical"`, "canonical", "CHARACTER VARYING"},
		{`"type":"code"`, "code", "CHARACTER VARYING"},
		{`"type":"date"`, "date", "CHARACTER VARYING"},
		{`"type":"dateTime"`, "dateTime", "CHARACTER VARYING"},
		{`"type":"decimal"`, "decimal", "CHARACTER VARYING"},
		{`"type":"id"`, "id", "CHARACTER VARYING"},
		{`"type":"instant"`, "instant", "TIMESTAMP WITH TIME ZONE"},
		{`"type":"integer"`, "integer", "INT"},
		{`"type":"integer64"`, "integer64", "BIGINT"},
		{`"type":"markdown"`, "markdown", "CHARACTER VARYING"},
		{`"type":"oid"`, "oid", "CHARACTER VARYING"},
		{`"type":"positiveInt"`, "positiveInt", "INT"},
		{`"type":"string"`, "string", "CHARACTER VARYING"},
		{`"type":"time"`, "time", "CHARACTER VARYING"},
		{`"type":"unsignedInt"`, "unsignedInt", "INT"},
		{`"type":"uri"`, "uri", "CHARACTER VARYING"},
		{`"type":"url"`, "url", "CHARACTER VARYING"},
		{`"type":"uuid"`, "uuid", "CHARACTER VARYING"},
		{`"type":"HumanName"`, "HumanName", "CHARACTER VARYING"},
		{`"type":"Observation.referenceRange"`, "Observation.referenceRange", "CHARACTER VARYING"},
		{`"description":"no type"`, "", "CHARACTER VARYING"},
		{`"type":"http://hl7.org/fhir/StructureDefinition/boolean"`, "boolean", "BOOLEAN"},
		{`"type":"http://hl7.org/fhir/StructureDefinition/instant|4.0.1"`, "instant", "TIMESTAMP WITH TIME ZONE"},
		{`"type":"FHIR.integer"`, "integer", "INT"},
		{`"type":"http://hl7.org/fhirpath/System.Boolean"`, "boolean", "BOOLEAN"},
		{`"type":"http://hl7.org/fhirpath/System.String"`, "string", "CHARACTER VARYING"},
		{`"type":"System.Integer"`, "integer", "INT"},
		{`"type":"System.Long"`, "integer64", "BIGINT"},
		{`"type":"System.DateTime"`, "dateTime", "CHARACTER VARYING"},
		{`"type":"System.Quantity"`, "System.Quantity", "CHARACTER VARYING"},
		{`"type":"http://e.example/boolean"`, "http://e.example/boolean", "CHARACTER VARYING"},
		{`"type":"date","tag":[{"name":"x/type","value":"TEXT"},{"name":"ansi/type","value":"DATE"}]`, "date", "DATE"},
		{`"type":"code","collection":true`, "code", "CHARACTER VARYING ARRAY"},
		{`"type":"decimal","collection":true,"tag":[{"name":"ansi/type","value":"DECIMAL(18,4)"}]`, "decimal", "DECIMAL(18,4) ARRAY"},
	}
	for _, tt := range tests {
		v, err := sqlonfhir.Parse([]byte(`{"resource":"Patient","select":[{"column":[{"name":"a","path":"id",` + tt.column + `}]}]}`))
		if err != nil {
			t.Errorf("%s: %v", tt.column, err)
			continue
		}
		c := v.Columns()[0]
		if c.Type != tt.typ || c.SQLType() != tt.sql {
			t.Errorf("%s is %q and %q in SQL, want %q and %q", tt.column, c.Type, c.SQLType(), tt.typ, tt.sql)
		}
	}
}
