package config

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// The states of an agreement. Only an active one permits anything.
const (
	AgreementDraft      = "draft"
	AgreementActive     = "active"
	AgreementSuspended  = "suspended"
	AgreementTerminated = "terminated"
)

// The kinds of agreements.
const (
	KindBAA         = "baa"
	KindDUA         = "dua"
	KindSubcontract = "subcontract"
)

// The purposes for which data may be used; see Agreement.Purposes.
// https://www.ecfr.gov/current/title-45/section-164.504 (e)(2)(i)
const (
	PurposeTreatment        = "treatment"
	PurposePayment          = "payment"
	PurposeOperations       = "operations"
	PurposeQuality          = "quality"
	PurposeCareManagement   = "care-management"
	PurposePopulationHealth = "population-health"
	PurposeACOReporting     = "aco-reporting"
	PurposePublicHealth     = "public-health"
	PurposeResearch         = "research"
)

// The sensitive categories; see Agreement.Sensitive.
const (
	SensitiveSubstanceUse  = "substance-use"
	SensitivePsychotherapy = "psychotherapy-notes"
	SensitiveHIV           = "hiv"
	SensitiveMinors        = "minors"
	SensitiveReproductive  = "reproductive"
	SensitiveMentalHealth  = "mental-health"
	SensitiveGenetic       = "genetic"
	SensitiveViolence      = "violence"
	SensitiveSTD           = "sexually-transmitted"
)

// What becomes of the data at the end of an agreement; see Agreement.Disposal.
const (
	DisposalDestroy = "destroy"
	DisposalReturn  = "return"
)

// An Agreement is the record of a business associate agreement. What it does
// not name is not permitted.
type Agreement struct {
	// Reference says where the signed document is found. Needed.
	Reference string `yaml:"reference"`
	// Kind is baa (business associate agreement), dua (data use agreement) or
	// subcontract. Default: baa.
	Kind string `yaml:"kind" words:"baa dua subcontract"`
	// CoveredEntity is the legal name of the other party. Default: LegalName of
	// the tenant.
	CoveredEntity string `yaml:"covered_entity"`
	// Parent is the reference of the agreement that this one is under, of a
	// subcontract. Default: none.
	Parent string `yaml:"parent"`
	// Document says which text was signed, by whom, and who read it here.
	Document Document `yaml:"document"`

	// Status is draft, active, suspended or terminated. Only active permits
	// anything. Needed.
	Status string `yaml:"status" words:"draft active suspended terminated"`
	// StatusReason says, for people, why the agreement is suspended or
	// terminated. Default: none.
	StatusReason string `yaml:"status_reason"`
	// EffectiveFrom is its first moment; a date means midnight in the tenant's
	// time zone. Needed.
	EffectiveFrom Moment `yaml:"effective_from"`
	// ExpiresAt is the first moment at which it permits nothing more. Default:
	// the zero time, it does not expire.
	ExpiresAt Moment `yaml:"expires_at"`
	// AutoRenew says that the agreement goes on after ExpiresAt unless a party
	// gives notice: a person must still set the new date, but is asked earlier,
	// before `notice` begins. Default: false.
	AutoRenew bool `yaml:"auto_renew"`
	// Notice is how long before its end a party must speak up. The warning that
	// it is about to expire comes that much earlier. Default: 30d.
	Notice Duration `yaml:"notice"`

	// Purposes are the uses that are permitted, each with the clause that permits
	// it: treatment, payment, operations, quality, care-management,
	// population-health, aco-reporting, public-health or research. Default: none
	// is recorded, and then a tenant may name none.
	Purposes map[string]string `yaml:"purposes" words:"treatment payment operations quality care-management population-health aco-reporting public-health research"`
	// Types are the resource types that may be exported; "*" alone permits all
	// types that the tenant asks for. Needed.
	Types []string `yaml:"types"`
	// DeniedTypes are resource types that may not be exported, whatever `types`
	// says. Default: none.
	DeniedTypes []string `yaml:"denied_types"`
	// EarliestServiceDate is the first moment of care that may be held; what a
	// server sends of the time before is refused. Default: none, all of it.
	EarliestServiceDate Moment `yaml:"earliest_service_date"`
	// Groups are the ids of the groups that may be exported. "*" permits all
	// groups, and all patients: the levels patient and system need it.
	Groups []string `yaml:"groups"`
	// Attachments permits storing the documents that the resources carry or
	// point to. Default: false, only the resources themselves.
	Attachments bool `yaml:"attachments"`
	// Sensitive are the categories of sensitive resources that may be held:
	// substance-use (42 CFR part 2), psychotherapy-notes, hiv, minors,
	// reproductive, mental-health, genetic, violence or sexually-transmitted; a
	// resource is known by its security labels, and refused where one of them is of
	// a category that is not here. Default: none.
	Sensitive []string `yaml:"sensitive" words:"substance-use psychotherapy-notes hiv minors reproductive mental-health genetic violence sexually-transmitted"`

	// Sinks are the names of the sinks that may get the data; "*" alone permits
	// all of them.
	Sinks []string `yaml:"sinks"`
	// Regions are the regions in which a sink may stand; see a sink's `region`.
	// Default: none is recorded, any will do.
	Regions []string `yaml:"regions"`
	// Subcontractors are the operators of sinks who may hold the data; see a
	// sink's `operator`. Default: nobody but us.
	Subcontractors []string `yaml:"subcontractors"`
	// Grants are rights beyond the service itself. Default: none is given.
	Grants Grants `yaml:"grants"`

	// Security are the safeguards that the agreement asks for.
	Security Security `yaml:"security"`
	// Retention says how long what is here may be kept.
	Retention Retention `yaml:"retention"`
	// Disposal is destroy, or return: the data is handed back before it is
	// destroyed. Default: destroy.
	Disposal string `yaml:"disposal" words:"destroy return"`
	// DisposalDeadline is how long after the end of the agreement all of it must
	// be gone. Default: 30d.
	DisposalDeadline Duration `yaml:"disposal_deadline"`
	// LegalHold keeps everything, whatever `retention` and the end of the
	// agreement say. Default: none.
	LegalHold LegalHold `yaml:"legal_hold"`
}

// A LegalHold is the order to keep what is here, because a court or the law may
// need it. It holds from the moment it is recorded until it is taken out again;
// both are put on record.
type LegalHold struct {
	// Since is when it was ordered. Needed, if anything of it is given.
	Since Moment `yaml:"since"`
	// Reason is the case or the letter that orders it; it must name no patient.
	// Needed, if anything of it is given.
	Reason string `yaml:"reason"`
	// By is who ordered it. Needed, if anything of it is given.
	By string `yaml:"by"`
}

// Holds reports whether there is a hold.
func (h LegalHold) Holds() bool { return h != LegalHold{} }

// A Document is the text that was signed.
type Document struct {
	// SHA256 is the hash of the signed file, as 64 hexadecimal digits.
	SHA256 string `yaml:"sha256"`
	// Version is what the parties call this version of the text.
	Version string `yaml:"version"`
	// SignedAt is when the last party signed.
	SignedAt Moment `yaml:"signed_at"`
	// Signatories are who signed, for each party.
	Signatories []string `yaml:"signatories"`
	// Reviewer is who compared this record with the text.
	Reviewer string `yaml:"reviewer"`
	// ReviewedAt is when the reviewer did.
	ReviewedAt Moment `yaml:"reviewed_at"`
}

// Grants are rights that a business associate has only where its agreement
// gives them.
type Grants struct {
	// Deidentify permits making de-identified data of it. Default: false.
	Deidentify bool `yaml:"deidentify"`
	// Aggregate permits queries over this practice's data together with that of
	// others. Default: false.
	Aggregate bool `yaml:"aggregate"`
	// ProductImprovement permits use for our own products. Default: false.
	ProductImprovement bool `yaml:"product_improvement"`
	// AITraining permits training models with it. Default: false.
	AITraining bool `yaml:"ai_training"`
}

// Security are the safeguards that an agreement asks for.
type Security struct {
	// Encryption demands that what is stored here is encrypted with the tenant's
	// own key, and that the sinks, which bulkhead cannot encrypt, lie on encrypted
	// disks: see encrypted_disk of a sink. Default: false.
	Encryption bool `yaml:"encryption"`
	// MFA demands a second factor of everybody who signs in. Default: false.
	MFA bool `yaml:"mfa"`
	// BreachNotice is how soon a breach must be reported to the practice; the
	// law's own limit is 60d. Default: 60d.
	BreachNotice Duration `yaml:"breach_notice"`
	// IncidentContact is the e-mail address at the practice for a breach.
	// Default: that of its contacts.
	IncidentContact string `yaml:"incident_contact"`
}

// Retention says how long what an export leaves here may be kept after the
// export completed. What is needed to do an export over again is kept until
// the export is done, whatever stands here.
type Retention struct {
	// Raw is for the files as they were received. Default: 0, as long as the
	// agreement stands.
	Raw Duration `yaml:"raw"`
	// Staged is for the Parquet files between raw files and sinks. Default: 0,
	// as long as the agreement stands.
	Staged Duration `yaml:"staged"`
	// Quarantine is for the lines that were refused. Default: 0, as long as the
	// agreement stands.
	Quarantine Duration `yaml:"quarantine"`
	// Attachments is for documents. Default: 0, as long as the agreement stands.
	Attachments Duration `yaml:"attachments"`
	// History is for what tells of an export and holds nothing of a patient: its
	// timeline, its event log, where its pages and parts were. Counts, hashes and
	// receipts stay, and the record of who did what has a clock of its own.
	// Default: 400d.
	History Duration `yaml:"history"`
}

// fill puts defaults where nothing was said, for the agreement of t.
func (a *Agreement) fill(t *Tenant, loc *time.Location) {
	const day = 24 * time.Hour
	a.Kind = or(a.Kind, KindBAA)
	a.CoveredEntity = or(a.CoveredEntity, t.LegalName)
	a.Notice = or(a.Notice, Duration(30*day))
	a.Disposal = or(a.Disposal, DisposalDestroy)
	a.DisposalDeadline = or(a.DisposalDeadline, Duration(30*day))
	a.Retention.History = or(a.Retention.History, Duration(400*day))
	a.Security.BreachNotice = or(a.Security.BreachNotice, Duration(60*day))
	a.Document.SHA256 = strings.ToLower(a.Document.SHA256)
	for _, m := range []*Moment{&a.EffectiveFrom, &a.ExpiresAt, &a.EarliestServiceDate, &a.LegalHold.Since, &a.Document.SignedAt, &a.Document.ReviewedAt} {
		m.in(loc)
	}
}

var sha256Shape = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

func (r *reader) checkAgreement(at place, a *Agreement, c *Config) {
	if a.Reference == "" {
		r.miss(at.at("reference"), "is missing: say where the signed document is found")
	}
	if a.Parent != "" && a.Kind != KindSubcontract {
		r.miss(at.at("parent"), "is for an agreement of the kind subcontract")
	}
	if a.Status == "" {
		r.miss(at.at("status"), "is missing: it is draft, active, suspended or terminated")
	}
	if a.EffectiveFrom.IsZero() {
		r.miss(at.at("effective_from"), "is missing")
	}
	if !a.ExpiresAt.IsZero() && !a.ExpiresAt.After(a.EffectiveFrom.Time) {
		r.miss(at.at("expires_at"), "must be later than effective_from")
	}
	if a.AutoRenew && a.ExpiresAt.IsZero() {
		r.miss(at.at("auto_renew"), "needs expires_at: without an end there is nothing to renew")
	}
	if sum := a.Document.SHA256; sum != "" && !sha256Shape.MatchString(sum) {
		r.miss(at.at("document").at("sha256"), "must be 64 hexadecimal digits")
	}
	if h := a.LegalHold; h.Holds() && (h.Since.IsZero() || h.Reason == "" || h.By == "") {
		r.miss(at.at("legal_hold"), "needs since, reason and by; take it out to release what it keeps")
	}
	r.checkPermitted(at, a, c)
	r.checkMail(at.at("security").at("incident_contact"), a.Security.IncidentContact)
}

// checkPermitted checks what an agreement names as permitted or denied.
func (r *reader) checkPermitted(at place, a *Agreement, c *Config) {
	if len(a.Types) == 0 {
		r.miss(at.at("types"), "is missing: what an agreement does not name is not permitted")
	}
	if !slices.Equal(a.Types, []string{"*"}) {
		r.checkTypes(at.at("types"), a.Types)
	}
	r.checkTypes(at.at("denied_types"), a.DeniedTypes)
	for i, name := range a.DeniedTypes {
		if slices.Contains(a.Types, name) {
			r.miss(at.at("denied_types").index(i), "is among types too")
		}
	}
	if !slices.Equal(a.Sinks, []string{"*"}) {
		r.checkSinkNames(at.at("sinks"), a.Sinks, c)
	}
}
