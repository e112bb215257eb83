package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const withAgreement = `
sinks:
  lake: {kind: parquet, folder: lake, region: us-east, operator: Lake Corp, agreement: SUB-9}
tenants:
  - id: oak
    name: Oak Street
    legal_name: Oak Street Family Medicine PLLC
    npi: "1234567893"
    tin: 12-3456789
    contacts:
      - {who: practice, name: Dana Reyes, email: dana@oak.example, phone: 555 0100}
      - {who: us, email: desk@us.example}
    open: true
    fhir_base_url: https://ehr.example.org/fhir
    group: g1
    time_zone: America/New_York
    TENANT
    agreement:
      reference: BAA-1
      status: active
      effective_from: 2026-01-01
      expires_at: 2028-01-01
      types: [Patient, Observation]
      groups: [g1]
      sinks: [lake]
      AGREEMENT
`

func agreementOf(t *testing.T, tenant, agreement string) (*Tenant, error) {
	t.Helper()
	text := strings.NewReplacer("TENANT", tenant, "AGREEMENT", agreement).Replace(withAgreement)
	c, err := Parse("bulkhead.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	return &c.Tenants[0], nil
}

func TestAWholeAgreementIsReadInTheTenantsZone(t *testing.T) {
	t.Parallel()
	tenant, err := agreementOf(t, "", `
      kind: subcontract
      parent: BAA-0
      document: {sha256: `+strings.Repeat("AB", 32)+`, version: v3, signed_at: 2025-12-20, signatories: [A. Oak, B. Us], reviewer: C. Counsel, reviewed_at: 2025-12-21}
      status_reason: renewed
      auto_renew: true
      notice: 60d
      purposes: {quality: "clause 2.1", treatment: }
      denied_types: Provenance
      earliest_service_date: 2020-01-01
      attachments: true
      sensitive: [hiv, minors]
      regions: us-east
      subcontractors: Lake Corp
      grants: {aggregate: true}
      security: {encryption: true, mfa: true, breach_notice: 24h, incident_contact: privacy@oak.example}
      retention: {raw: 90d, staged: 7d, quarantine: 180d, attachments: 90d}
      disposal: return
      disposal_deadline: 45d
      legal_hold: {since: 2026-02-01, reason: "case 12", by: C. Counsel}`)
	if err != nil {
		t.Fatal(err)
	}
	newYork := tenant.Location()
	on := func(y int, m time.Month, d int) Moment { return Moment{Time: time.Date(y, m, d, 0, 0, 0, 0, newYork)} }
	const day = 24 * time.Hour
	want := &Agreement{
		Reference: "BAA-1", Kind: KindSubcontract, CoveredEntity: "Oak Street Family Medicine PLLC", Parent: "BAA-0",
		Document: Document{
			SHA256: strings.Repeat("ab", 32), Version: "v3", SignedAt: on(2025, 12, 20), Signatories: []string{"A. Oak", "B. Us"},
			Reviewer: "C. Counsel", ReviewedAt: on(2025, 12, 21),
		},
		Status: AgreementActive, StatusReason: "renewed", EffectiveFrom: on(2026, 1, 1), ExpiresAt: on(2028, 1, 1), AutoRenew: true,
		Notice: Duration(60 * day), Purposes: map[string]string{PurposeQuality: "clause 2.1", PurposeTreatment: ""},
		Types: []string{"Patient", "Observation"}, DeniedTypes: []string{"Provenance"}, EarliestServiceDate: on(2020, 1, 1),
		Groups: []string{"g1"}, Attachments: true, Sensitive: []string{SensitiveHIV, SensitiveMinors}, Sinks: []string{"lake"},
		Regions: []string{"us-east"}, Subcontractors: []string{"Lake Corp"}, Grants: Grants{Aggregate: true},
		Security:  Security{Encryption: true, MFA: true, BreachNotice: Duration(day), IncidentContact: "privacy@oak.example"},
		Retention: Retention{Raw: Duration(90 * day), Staged: Duration(7 * day), Quarantine: Duration(180 * day), Attachments: Duration(90 * day), History: Duration(400 * day)},
		Disposal:  DisposalReturn, DisposalDeadline: Duration(45 * day), LegalHold: LegalHold{Since: on(2026, 2, 1), Reason: "case 12", By: "C. Counsel"},
	}
	if diff := cmp.Diff(want, tenant.Agreement, compare); diff != "" {
		t.Errorf("agreement (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{PurposeQuality, PurposeTreatment}, tenant.Purposes); diff != "" {
		t.Errorf("the tenant's purposes are not the agreement's (-want +got):\n%s", diff)
	}
	if got := tenant.ContactsOf(ContactUs); len(got) != 1 || got[0].Email != "desk@us.example" {
		t.Errorf("our contacts = %+v", got)
	}
}

func TestMistakesOfAnAgreementAreTold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ tenant, agreement, want string }{
		{"", "kind: handshake", "kind must be baa, dua or subcontract"},
		{"", "parent: BAA-0", "parent is for an agreement of the kind subcontract"},
		{"", "document: {sha256: abc}", "sha256 must be 64 hexadecimal digits"},
		{"", "purposes: {profit: }", "purposes.profit must be treatment, payment"},
		{"", "purposes: [quality]", "purposes must hold fields"},
		{"", "denied_types: [Observation]", "denied_types[0] is among types too"},
		{"", "denied_types: [observation]", "no name of a resource type"},
		{"", "sensitive: [hiv, taste]", "sensitive[1] must be substance-use"},
		{"", "disposal: shred", "disposal must be destroy or return"},
		{"", "retention: {raw: forever}", "must be a duration"},
		{"", "legal_hold: {since: 2026-02-01, by: C. Counsel}", "legal_hold needs since, reason and by"},
		{"", "notice: -3d", "must be a duration"},
		{"", "security: {incident_contact: Dana <d@oak.example>}", "must be an e-mail address"},
		{"", "security: {incident_contact: dana}", "must be an e-mail address"},
		{"", "grants: {sell: true}", "is not a field here"},
		{"purposes: [profit]", "", "purposes[0] must be treatment"},
		{"sinks: [lake, pond]", "", "sinks[1] is \"pond\""},
	} {
		if _, err := agreementOf(t, tt.tenant, tt.agreement); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s%s: %v, want %q", tt.tenant, tt.agreement, err, tt.want)
		}
	}
}

func TestAnEndlessAgreementCannotRenewItself(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("TENANT", "", "AGREEMENT", "auto_renew: true", "expires_at: 2028-01-01", "").Replace(withAgreement)
	if _, err := Parse("bulkhead.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "auto_renew needs expires_at") {
		t.Errorf("Parse = %v", err)
	}
}

func TestWhoAPracticeIsIsChecked(t *testing.T) {
	t.Parallel()
	for old, tt := range map[string]struct{ text, want string }{
		`"1234567893"`:                    {`"1234567894"`, "npi must be a National Provider Identifier"},
		"12-3456789":                      {"3456789", "tin must be a taxpayer number"},
		"who: us":                         {"who: them", "who must be us, practice or vendor"},
		"email: desk@us.example":          {"email: desk", "email must be an e-mail address"},
		"who: us, email: desk@us.example": {"who: us, name: Desk", "contacts[1] cannot be reached"},
		", agreement: SUB-9":              {"", "sinks.lake needs operator and agreement"},
	} {
		text := strings.NewReplacer("TENANT", "", "AGREEMENT", "", old, tt.text).Replace(withAgreement)
		if _, err := Parse("bulkhead.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.text, err, tt.want)
		}
	}
}
