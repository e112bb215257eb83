package problem

// A Code names a kind of problem. Codes never change their meaning; the exit
// status of the command and docs/problems.md follow from the table below.
type Code string

// The codes, by the part of the system that makes them.
const (
	Internal Code = "internal" // a bug of ours
	Usage    Code = "usage"    // the command line is wrong

	ConfigInvalid Code = "config_invalid" // the configuration cannot be used
	ConfigMissing Code = "config_missing" // a file it names is not there
	KeyMissing    Code = "key_missing"    // the signing key cannot be read
	KeyInvalid    Code = "key_invalid"    // the signing key cannot be used
	TenantUnknown Code = "tenant_unknown" // no such practice
	ViewInvalid   Code = "view_invalid"   // a ViewDefinition cannot be used
	QueryInvalid  Code = "query_invalid"  // the SQL of bulkhead query failed

	RequestInvalid Code = "request_invalid" // a request to the API, or for an export, that is not as it is described

	StorageUnwritable Code = "storage_unwritable" // a folder or file cannot be written
	StorageFull       Code = "storage_full"       // no space left
	StorageDamaged    Code = "storage_damaged"    // stored bytes are not what was stored
	LedgerLocked      Code = "ledger_locked"      // another process holds the ledger
	LedgerNewer       Code = "ledger_newer"       // a newer bulkhead wrote the ledger
	LedgerDamaged     Code = "ledger_damaged"     // the ledger cannot be read
	AuditBroken       Code = "audit_broken"       // the audit record is not what was recorded
	NotRunning        Code = "not_running"        // no bulkhead run answers on this machine

	EncryptionOff        Code = "encryption_off"         // an encrypted file, and no house key is configured
	HouseKeyMissing      Code = "house_key_missing"      // the house key cannot be read
	HouseKeyWrong        Code = "house_key_wrong"        // the house key does not open a practice's keys
	PracticeKeyMissing   Code = "practice_key_missing"   // the key that a file was encrypted with is not there
	PracticeKeyDestroyed Code = "practice_key_destroyed" // it was destroyed, for good

	ServerUnreachable Code = "server_unreachable" // no connection: DNS, refused, time-out
	TLSFailed         Code = "tls_failed"         // certificate not trusted or expired
	DiscoveryFailed   Code = "discovery_failed"   // no usable SMART configuration
	TokenRefused      Code = "token_refused"      // the authorization server said no
	AccessDenied      Code = "access_denied"      // the FHIR server said no
	GroupMissing      Code = "group_missing"      // the group is not there or not enabled
	LevelUnsupported  Code = "level_unsupported"  // the server has no export at that level
	KickoffRefused    Code = "kickoff_refused"    // the server refused the request
	KickoffUnknown    Code = "kickoff_unknown"    // sent, but the answer never came
	ExportGone        Code = "export_gone"        // the server no longer knows the export
	ExportFailed      Code = "export_failed"      // the server says that the export failed
	ExportStuck       Code = "export_stuck"       // no end in sight
	ManifestInvalid   Code = "manifest_invalid"   // the manifest cannot be used
	DownloadFailed    Code = "download_failed"    // an output file cannot be had
	ProtocolViolated  Code = "protocol_violated"  // an answer the standard does not allow
	ServerFailing     Code = "server_failing"     // errors for longer than we retry

	AgreementMissing Code = "agreement_missing" // no agreement permits this export
	AgreementDenied  Code = "agreement_denied"  // the agreement forbids it

	CountMismatch Code = "count_mismatch" // lines do not add up
	NotValid      Code = "not_valid"      // files that bulkhead validate read have faults
	SinkFailed    Code = "sink_failed"    // a destination did not take the export
	SinkMissing   Code = "sink_missing"   // this build has no such sink
	Cancelled     Code = "cancelled"      // a person stopped it

	SignInRefused    Code = "sign_in_refused"   // the identity provider, or its roles, do not let somebody in
	IdentityProvider Code = "identity_provider" // the identity provider cannot be asked, or its answer not be used
)

// A Kind says who can do something about a problem, and fixes the exit status.
type Kind struct {
	Exit int    // exit status of the command
	Name string // one word for tables
	Text string // who must act
}

// The kinds, in order of exit status. 0 is success; 130 is an interrupt.
var (
	bug     = Kind{1, "internal", "a bug in bulkhead: report it"}
	usage   = Kind{2, "usage", "you: the command or the configuration is wrong"}
	machine = Kind{3, "machine", "you: this machine's disk, folders or processes"}
	server  = Kind{4, "server", "the practice or its EHR vendor: the server did not do its part"}
	access  = Kind{5, "access", "you and the practice: keys, registration, groups, agreements"}
	content = Kind{6, "content", "you: look at what was received before it is used"}
	stopped = Kind{130, "stopped", "nobody: it was stopped on request"}
)

var kinds = map[Code]Kind{
	Internal: bug,

	Usage: usage, ConfigInvalid: usage, ConfigMissing: usage, TenantUnknown: usage,
	ViewInvalid: usage, QueryInvalid: usage, RequestInvalid: usage, KeyMissing: usage, KeyInvalid: usage, SinkMissing: usage,

	StorageUnwritable: machine, StorageFull: machine, StorageDamaged: machine,
	LedgerLocked: machine, LedgerNewer: machine, LedgerDamaged: machine, SinkFailed: machine, AuditBroken: machine, NotRunning: machine,

	EncryptionOff: usage, HouseKeyMissing: usage, HouseKeyWrong: usage, PracticeKeyMissing: machine, PracticeKeyDestroyed: machine,

	ServerUnreachable: server, TLSFailed: server, DiscoveryFailed: server, LevelUnsupported: server,
	KickoffRefused: server, KickoffUnknown: server, ExportGone: server, ExportFailed: server,
	ExportStuck: server, ManifestInvalid: server, DownloadFailed: server, ProtocolViolated: server,
	ServerFailing: server,

	TokenRefused: access, AccessDenied: access, GroupMissing: access,
	AgreementMissing: access, AgreementDenied: access,

	IdentityProvider: machine, SignInRefused: access,

	CountMismatch: content, NotValid: content,
	Cancelled: stopped,
}

// Kind says who must act on a problem of this code. An unknown code is a bug.
func (c Code) Kind() Kind {
	if k, ok := kinds[c]; ok {
		return k
	}
	return bug
}
