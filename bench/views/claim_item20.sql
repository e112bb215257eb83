SELECT 'northside' AS tenant, id, status, type.coding[1].code AS type_code, use, patient.reference AS patient,
  billablePeriod.start AS period_start, billablePeriod."end" AS period_end, created, provider.reference AS provider,
  total.value AS total, total.currency AS total_currency,
  i.sequence AS sequence, i.productOrService.coding[1].system AS item_system, i.productOrService.coding[1].code AS item_code,
  i.productOrService.coding[1].display AS item_display, i.productOrService.text AS item_text,
  i.encounter[1].reference AS encounter, i.net.value AS net, i.net.currency AS net_currency
FROM (SELECT *, unnest(item) AS i FROM read_ndjson('{{file}}', maximum_object_size=16777216, columns={
  id: 'VARCHAR', status: 'VARCHAR', type: 'STRUCT(coding STRUCT(code VARCHAR)[])', use: 'VARCHAR',
  patient: 'STRUCT(reference VARCHAR)', billablePeriod: 'STRUCT("start" VARCHAR, "end" VARCHAR)', created: 'VARCHAR',
  provider: 'STRUCT(reference VARCHAR)', total: 'STRUCT("value" VARCHAR, currency VARCHAR)',
  item: 'STRUCT(sequence INTEGER, productOrService STRUCT(coding STRUCT("system" VARCHAR, code VARCHAR, display VARCHAR)[], "text" VARCHAR), encounter STRUCT(reference VARCHAR)[], net STRUCT("value" VARCHAR, currency VARCHAR))[]'}))
