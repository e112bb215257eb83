package agreement

import (
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// The systems under which the codes of security labels are sent: HL7's own, the
// one of FHIR before R4, and its OID.
// https://terminology.hl7.org/CodeSystem-v3-ActCode.html
var actCode = []string{
	"http://terminology.hl7.org/CodeSystem/v3-ActCode", "http://hl7.org/fhir/v3/ActCode", "urn:oid:2.16.840.1.113883.5.4",
}

// labels gives the category of each sensitivity label, by its code.
// https://terminology.hl7.org/ValueSet-v3-ActInformationSensitivityPolicy.html
var labels = map[string]string{
	"ETH": config.SensitiveSubstanceUse, "SUD": config.SensitiveSubstanceUse, "ETHUD": config.SensitiveSubstanceUse,
	"OPIOIDUD": config.SensitiveSubstanceUse, "42CFRPart2": config.SensitiveSubstanceUse,
	"PSYTHPN": config.SensitivePsychotherapy,
	"HIV":     config.SensitiveHIV,
	"ADOL":    config.SensitiveMinors,
	"SEX":     config.SensitiveReproductive,
	"MH":      config.SensitiveMentalHealth, "PSY": config.SensitiveMentalHealth, "BH": config.SensitiveMentalHealth,
	"EMOTDIS": config.SensitiveMentalHealth, "COGN": config.SensitiveMentalHealth, "DVD": config.SensitiveMentalHealth,
	"GDIS": config.SensitiveGenetic, "SCA": config.SensitiveGenetic, "SICKLE": config.SensitiveGenetic,
	"SDV": config.SensitiveViolence, "VIO": config.SensitiveViolence, "MST": config.SensitiveViolence,
	"STD": config.SensitiveSTD,
}

// Category gives the sensitive category of a security label; empty for a label
// that is of none. A label without a system is taken at its word.
func Category(system, code string) string {
	if system != "" && !slices.Contains(actCode, system) {
		return ""
	}
	return labels[code]
}

// Labels gives the codes of the security labels of each sensitive category.
func Labels() map[string][]string {
	of := map[string][]string{}
	for code, category := range labels {
		of[category] = append(of[category], code)
	}
	for _, codes := range of {
		slices.Sort(codes)
	}
	return of
}

// Withheld gives the category for which a resource with a security label may not
// be held, as a function of the label's system and code; empty where it may.
// Without an agreement every category is withheld. The function may be called
// concurrently.
func Withheld(a *config.Agreement) func(system, code string) string {
	var permitted []string
	if a != nil {
		permitted = slices.Clone(a.Sensitive)
	}
	return func(system, code string) string {
		if c := Category(system, code); !slices.Contains(permitted, c) {
			return c
		}
		return ""
	}
}
