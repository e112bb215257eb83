package web

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// An apiAlert is something that a person must see to.
type apiAlert struct {
	ID         int64      `json:"id"`
	Tenant     string     `json:"tenant,omitempty" doc:"Absent: it is about no practice."`
	Kind       string     `json:"kind"`
	Object     string     `json:"object,omitempty"`
	Severity   string     `json:"severity" enum:"info,warning,critical"`
	Who        string     `json:"who_must_act" enum:"us,practice,vendor"`
	Code       string     `json:"code,omitempty"`
	Summary    string     `json:"summary"`
	Remedy     string     `json:"remedy"`
	Since      time.Time  `json:"since"`
	AbsentAt   *time.Time `json:"absent_at,omitempty" doc:"Since when its cause is gone."`
	TakenBy    string     `json:"acknowledged_by,omitempty"`
	QuietUntil *time.Time `json:"quiet_until,omitempty"`
	Note       string     `json:"note,omitempty"`
}

func apiAlertsOf(all []store.Alert) []apiAlert {
	list := make([]apiAlert, len(all))
	for i, a := range all {
		list[i] = apiAlert{
			ID: a.ID, Tenant: a.Tenant, Kind: a.Kind, Object: a.Object, Severity: a.Severity, Who: a.Party, Code: a.Code, Summary: a.Summary, Remedy: a.Remedy,
			Since: a.Since, AbsentAt: maybe(a.AbsentAt), TakenBy: a.AckBy, QuietUntil: maybe(a.AckUntil), Note: a.AckNote,
		}
	}
	return list
}

// An ackQuery takes an alert on.
type ackQuery struct {
	Named
	Alert int64 `path:"alert" doc:"The alert's number."`
	Body  struct {
		For  string `json:"for,omitempty" maxLength:"20" doc:"How long it is not told again, such as 12h or 3d." default:"3d"`
		Note string `json:"note,omitempty" maxLength:"300" doc:"What is being done. Nothing of a patient."`
	} `required:"false"`
}

// A replayed asks for a replay.
type replayed struct {
	Exact
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"200" doc:"Only lines refused for it, or for its family."`
	} `required:"false"`
}

// A pauseQuery holds a practice back.
type pauseQuery struct {
	Named
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"300" doc:"Why. Nothing of a patient."`
		For    string `json:"for,omitempty" maxLength:"20" doc:"How long, such as 12h or 3d; absent: until somebody ends it."`
	}
}

// An unpauseQuery ends a practice's pause.
type unpauseQuery struct {
	Named
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"300" doc:"Nothing of a patient."`
	} `required:"false"`
}
