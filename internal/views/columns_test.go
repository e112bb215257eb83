package views

import (
	"strings"
	"testing"
)

// promised are the tables and columns that users may count on: those for the
// 27 types that practices export. A line names a table and its columns; name*
// is a coded element: its columns name_code, name_system, name_display and
// name_text, and after a plus sign those of single code systems. Main tables
// have the columns of commonColumns besides.
const promised = `
patient: mrn family given prefix suffix name_use previous_family birth_date birth_date_date gender birth_sex sex gender_identity
patient: race_omb race_detailed race_text ethnicity_omb ethnicity_text tribal_affiliation deceased deceased_at deceased_at_ts marital_status language interpreter_needed
patient: phone_home phone_mobile phone_work email line city district state postal_code country managing_org_id general_practitioner_id general_practitioner_id_type active
patient_identifier: use type system value
patient_name: use text family given prefix suffix period_start period_end
patient_address: use type text line city district state postal_code country period_start period_end
patient_telecom: system value use rank
practitioner: npi family given suffix active gender phone email line city state postal_code qualification*
practitioner_identifier: use type system value
practitioner_role: practitioner_id organization_id role* specialty* location_id phone email active period_start period_end
organization: npi clia name type* active phone line city state postal_code country part_of_id
location: name status type* phone line city state postal_code managing_org_id latitude longitude latitude_num longitude_num
encounter: patient_id status class_code class_display type* period_start period_end period_start_ts period_end_ts length_minutes length_minutes_num reason* reason_ref reason_ref_type
encounter: discharge_disposition service_type* location_id service_provider_id practitioner_id practitioner_role identifier
encounter_participant: index type* individual_id individual_id_type period_start period_end
encounter_diagnosis: index condition_id use rank
appointment: patient_id practitioner_id location_id status start end start_ts end_ts minutes_duration created service_type* appointment_type* reason* description comment cancelation_reason based_on_id
appointment_participant: actor_id actor_id_type type required status
condition: patient_id encounter_id code*+icd10+snomed category clinical_status verification_status severity onset onset_date onset_ts onset_end onset_text abatement recorded_date asserted_date
condition: body_site* recorder_id recorder_id_type asserter_id asserter_id_type note
observation: patient_id encounter_id status category code*+loinc effective effective_date effective_ts effective_end issued issued_ts value_type value_quantity value_quantity_num value_comparator
observation: value_unit value_ucum value_code* value_string value_boolean value_integer value_datetime value_text interpretation ref_low ref_high ref_text data_absent_reason
observation: body_site method specimen_id performer_id performer_id_type derived_from has_member
observation_component: index code* value_type value_quantity value_quantity_num value_comparator value_unit value_ucum value_code* value_string value_boolean value_integer value_datetime value_text
observation_blood_pressure: patient_id effective systolic systolic_num diastolic diastolic_num
procedure: patient_id encounter_id status code*+cpt+snomed category performed performed_ts performed_end reason* body_site outcome performer_id performer_id_type location_id report_id note
diagnostic_report: patient_id encounter_id status category code*+loinc effective effective_end issued performer_id interpreter_id conclusion conclusion_code* attachment_type attachment_url specimen_id
diagnostic_report_result: observation_id
allergy_intolerance: patient_id encounter_id code*+rxnorm+snomed clinical_status verification_status type category criticality onset recorded_date last_occurrence recorder_id note
allergy_reaction: manifestation* severity substance* onset
immunization: patient_id encounter_id status status_reason vaccine*+cvx+ndc occurrence occurrence_date occurrence_text primary_source lot_number expiration_date manufacturer_id site route
immunization: dose_value dose_value_num dose_unit performer_id location_id dose_number series_doses
medication: code*+rxnorm+ndc status form manufacturer_id
medication_ingredient: item* item_id
medication_request: patient_id encounter_id status intent category priority reported medication*+rxnorm+ndc medication_id authored_on authored_on_ts requester_id recorder_id reason* dosage_text
medication_request: dose_value dose_unit route* frequency period period_unit as_needed timing_code validity_start validity_end quantity quantity_unit refills days_supply substitution_allowed note
medication_request_dosage: index text dose_value dose_unit route* frequency period period_unit as_needed timing_code
medication_dispense: patient_id encounter_id status medication* medication_id request_id type quantity quantity_unit days_supply when_prepared when_handed_over performer_id location_id dosage_text substituted
medication_statement: patient_id encounter_id status category medication* medication_id effective effective_end date_asserted source_id source_id_type reason* dosage_text dose_value dose_unit route* based_on_id note
document_reference: patient_id encounter_id status doc_status type*+loinc category date date_ts author_id author_id_type custodian_id description content_type url size hash title format has_inline_data period_start period_end
document_content: index content_type url size hash title format has_inline_data
care_plan: patient_id encounter_id status intent category title description text period_start period_end created author_id author_id_type
care_plan_activity: index reference_id reference_id_type code* status
care_plan_addresses: condition_id
care_team: patient_id encounter_id status name category period_start period_end managing_org_id
care_team_participant: role* member_id member_id_type period_start period_end
goal: patient_id lifecycle_status achievement_status category priority description* start_date start_date_date status_date expressed_by_id expressed_by_id_type note
goal_target: measure* detail_value detail_comparator detail_unit detail_low detail_high detail_code* detail_string detail_boolean detail_integer detail_text due due_value due_unit
coverage: patient_id status type* subscriber_id member_id policy_holder_id relationship period_start period_end payor_id payor_id_type group_value group_name plan_value plan_name order network
device: patient_id status type* udi_device_identifier udi_carrier_hrf distinct_identifier manufacturer model lot_number serial_number manufacture_date expiration_date device_name
service_request: patient_id encounter_id status intent category priority code* occurrence authored_on requester_id requester_id_type performer_id performer_id_type reason* note
provenance: target_key target_key_type recorded activity author_id author_id_type author_org_id transmitter_org_id
provenance_target: index target_key target_key_type recorded activity author_id author_org_id transmitter_org_id
provenance_agent: type* who_id who_id_type on_behalf_of_id
related_person: patient_id active relationship* family given phone email line city state postal_code period_start period_end
specimen: patient_id status identifier accession_identifier type* received_time collected collected_end body_site condition parent_id
`

const commonColumns = "tenant_id id resource_key last_updated last_updated_ts profile source_file source_line"

func TestTheColumnsThatUsersCountOnAreThere(t *testing.T) {
	t.Parallel()
	set := loadBuiltin(t)
	columns := make(map[string]map[string]bool)
	mains := make(map[string]bool)
	for _, typ := range set.Types() {
		for _, v := range set.For(typ) {
			columns[v.Name] = make(map[string]bool)
			mains[v.Name] = v.Main()
			for _, c := range v.Table.Columns {
				columns[v.Name][c.Name] = true
			}
		}
	}
	promisedMains := make(map[string]bool)
	for line := range strings.Lines(strings.TrimSpace(promised)) {
		name, list, _ := strings.Cut(line, ":")
		if columns[name] == nil {
			t.Errorf("there is no table %s", name)
			continue
		}
		if mains[name] {
			promisedMains[name] = true
			list += " " + commonColumns
		}
		for _, c := range spelledOut(list) {
			if !columns[name][c] {
				t.Errorf("%s has no column %s", name, c)
			}
		}
	}
	if len(promisedMains) != 27 {
		t.Errorf("%d main tables are promised, want 27", len(promisedMains))
	}
}

// spelledOut returns the column names that a list stands for.
func spelledOut(list string) (names []string) {
	for name := range strings.FieldsSeq(list) {
		stem, systems, coded := strings.Cut(name, "*")
		if !coded {
			names = append(names, name)
			continue
		}
		for _, part := range append([]string{"code", "system", "display", "text"}, strings.FieldsFunc(systems, func(r rune) bool { return r == '+' })...) {
			names = append(names, stem+"_"+part)
		}
	}
	return names
}
