SELECT 'northside' AS tenant, id, status,
  category[1].coding[1].system AS category_system, category[1].coding[1].code AS category_code, category[1].coding[1].display AS category_display,
  code.coding[1].system AS code_system, code.coding[1].code AS code, code.coding[1].display AS code_display, code.text AS code_text,
  subject.reference AS patient, encounter.reference AS encounter, effectiveDateTime AS effective, issued,
  valueQuantity.value AS value, valueQuantity.unit AS unit, valueQuantity.system AS unit_system, valueQuantity.code AS unit_code,
  valueCodeableConcept.coding[1].code AS value_code, valueCodeableConcept.coding[1].display AS value_display, valueCodeableConcept.text AS value_text
FROM read_ndjson('{{file}}', maximum_object_size=16777216, columns={
  id: 'VARCHAR', status: 'VARCHAR',
  category: 'STRUCT(coding STRUCT("system" VARCHAR, code VARCHAR, display VARCHAR)[])[]',
  code: 'STRUCT(coding STRUCT("system" VARCHAR, code VARCHAR, display VARCHAR)[], "text" VARCHAR)',
  subject: 'STRUCT(reference VARCHAR)', encounter: 'STRUCT(reference VARCHAR)',
  effectiveDateTime: 'VARCHAR', issued: 'VARCHAR',
  valueQuantity: 'STRUCT("value" VARCHAR, unit VARCHAR, "system" VARCHAR, code VARCHAR)',
  valueCodeableConcept: 'STRUCT(coding STRUCT(code VARCHAR, display VARCHAR)[], "text" VARCHAR)'})
