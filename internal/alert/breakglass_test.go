package alert

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
)

func TestTheHouseIsToldWhoLookedBehindTheGlass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fact SightFact
		want string
	}{
		{SightFact{"lakeside", audit.LinesRevealed, "anna", ago(time.Hour)}, "anna looked at refused lines"},
		{SightFact{"lakeside", audit.PatientsListed, "anna", ago(time.Hour)}, "anna asked whose records"},
		{SightFact{"", audit.TablesQueried, "anna", ago(time.Hour)}, "anna saw rows of practices whose agreements do not permit it"},
		{SightFact{"", audit.GlassBroken, "boss", ago(time.Hour)}, "boss signed in with a password"},
		{SightFact{"lakeside", audit.LinesRevealed, "anna", ago(sightTold + time.Second)}, ""},
	} {
		list := Evaluate(noon, Facts{Sights: []SightFact{c.fact}, Machine: MachineFacts{Free: 1 << 60}}, rules(t))
		if c.want == "" && len(list) == 0 {
			continue
		}
		if len(list) != 1 || list[0].Kind != Glass || list[0].Tenant != c.fact.Tenant || !strings.HasPrefix(list[0].Summary, c.want) {
			t.Errorf("%v: %+v", c.fact, list)
		}
	}
}
