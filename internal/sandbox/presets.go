package sandbox

import (
	"slices"
	"time"
)

// practiceTypes are the administrative types: they belong to no patient.
var practiceTypes = []string{
	"Endpoint", "Group", "HealthcareService", "InsurancePlan", "Location", "Medication",
	"Organization", "OrganizationAffiliation", "Practitioner", "PractitionerRole", "Schedule", "Slot",
}

// ECW returns the preset of an eClinicalWorks practice as it is documented and
// observed.
func ECW() Knobs {
	return Knobs{
		KickoffKnobs: KickoffKnobs{
			Levels:  []Level{LevelGroup},
			Lacks:   []string{"Appointment", "MedicationStatement", "Schedule", "Slot"},
			Admin:   slices.Clone(practiceTypes),
			Implies: map[string][]string{"DocumentReference": {"Binary"}},

			StrictHeaders:   true,
			DateSince:       true,
			TypeScopeStatus: 401,
			GroupScope:      "system/Group.read",
			NoGroupStatus:   401,
			Duplicate:       Duplicate200,
		},
		PollKnobs: PollKnobs{
			Takes:      100 * time.Second,
			Progress:   []int{0, 0, 0, 6},
			RetryAfter: 120 * time.Second,
			Expiry:     10 * 24 * time.Hour,
			LowerCase:  true,
		},
		ManifestKnobs: ManifestKnobs{FilesPer: 1000},

		Rate:       250,
		RateWindow: time.Minute,
		Token:      ecwToken(),
	}
}

// Standard returns the preset of a server that does what Bulk Data STU2 says.
func Standard() Knobs {
	return Knobs{
		KickoffKnobs: KickoffKnobs{
			Levels: []Level{LevelSystem, LevelPatient, LevelGroup},
			Admin:  slices.Clone(practiceTypes),

			TypeScopeStatus: 403,
			NoGroupStatus:   404,
		},
		PollKnobs: PollKnobs{
			Takes:      30 * time.Second,
			Progress:   []int{0, 25, 50, 75},
			RetryAfter: 10 * time.Second,
			Expiry:     24 * time.Hour,
		},
		ManifestKnobs: ManifestKnobs{FilesPer: 1000, Count: CountRight, Deletions: true},
		FileKnobs:     FileKnobs{Ranges: true, Gzip: true},

		RateWindow: time.Minute,
		Token: TokenKnobs{
			Algorithms:  []string{"RS384", "ES384"},
			Advertise:   true,
			BadScope:    "invalid_scope",
			Life:        300 * time.Second,
			JWKSRefresh: 5 * time.Minute,
		},
		OwnToken: true,
	}
}

// ecwToken is how eClinicalWorks' shared token server behaves.
func ecwToken() TokenKnobs {
	return TokenKnobs{
		Algorithms:  []string{"RS384"},
		BadScope:    "invalid_grant",
		Life:        300 * time.Second,
		JWKSRefresh: 5 * time.Minute,
	}
}

// Preset returns the knobs that profile p starts from.
func Preset(p Profile) Knobs {
	if p == ProfileECW {
		return ECW()
	}
	return Standard()
}
