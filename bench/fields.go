package main

import "encoding/json"

// What encoding/json must know to give the columns of the views of bench/views.
type (
	coding struct {
		System, Code, Display string
	}
	concept struct {
		Coding []coding
		Text   string
	}
	reference struct {
		Reference, Display string
	}
	span struct {
		Start, End string
	}
	observationFields struct {
		ResourceType, ID, Status string
		Category                 []concept
		Code                     concept
		Subject, Encounter       reference
		EffectiveDateTime        string
		Issued                   string
		ValueQuantity            struct {
			Value              json.Number
			Unit, System, Code string
		}
		ValueCodeableConcept concept
	}
	encounterFields struct {
		ResourceType, ID, Status string
		Class                    coding
		Type                     []concept
		Subject                  reference
		Participant              []struct {
			Type       []concept
			Individual reference
		}
		Period          span
		ReasonCode      []concept
		Hospitalization struct{ DischargeDisposition concept }
		ServiceProvider reference
	}
)

func decodeObservation(line []byte) error {
	var v observationFields
	return json.Unmarshal(line, &v)
}

func decodeEncounter(line []byte) error {
	var v encounterFields
	return json.Unmarshal(line, &v)
}
