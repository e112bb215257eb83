SELECT 'northside' AS tenant, id, status, class.code AS class,
  type[1].coding[1].system AS type_system, type[1].coding[1].code AS type_code, type[1].coding[1].display AS type_display, type[1].text AS type_text,
  subject.reference AS patient, subject.display AS patient_display,
  participant[1].type[1].coding[1].code AS participant_role, participant[1].individual.reference AS participant, participant[1].individual.display AS participant_display,
  period.start AS period_start, period."end" AS period_end,
  reasonCode[1].coding[1].system AS reason_system, reasonCode[1].coding[1].code AS reason_code, reasonCode[1].coding[1].display AS reason_display,
  hospitalization.dischargeDisposition.coding[1].code AS discharge_code,
  serviceProvider.reference AS provider, serviceProvider.display AS provider_display
FROM read_ndjson('{{file}}', maximum_object_size=16777216, columns={
  id: 'VARCHAR', status: 'VARCHAR', class: 'STRUCT(code VARCHAR)',
  type: 'STRUCT(coding STRUCT("system" VARCHAR, code VARCHAR, display VARCHAR)[], "text" VARCHAR)[]',
  subject: 'STRUCT(reference VARCHAR, display VARCHAR)',
  participant: 'STRUCT("type" STRUCT(coding STRUCT(code VARCHAR)[])[], individual STRUCT(reference VARCHAR, display VARCHAR))[]',
  period: 'STRUCT("start" VARCHAR, "end" VARCHAR)',
  reasonCode: 'STRUCT(coding STRUCT("system" VARCHAR, code VARCHAR, display VARCHAR)[])[]',
  hospitalization: 'STRUCT(dischargeDisposition STRUCT(coding STRUCT(code VARCHAR)[]))',
  serviceProvider: 'STRUCT(reference VARCHAR, display VARCHAR)'})
