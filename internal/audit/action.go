package audit

import "slices"

// An Action says what was done. Its values never change their meaning.
type Action string

// The actions.
const (
	Policy Action = "policy" // object: the stage of the decision

	RequestTaken    Action = "request_taken"
	ExportRequested Action = "export_requested"
	ExportKickedOff Action = "export_kicked_off"
	ExportPutOff    Action = "export_put_off"
	ExportUnknown   Action = "export_unknown"
	ExportListed    Action = "export_listed"
	ExportGone      Action = "export_gone"
	ExportCompleted Action = "export_completed"
	ExportFailed    Action = "export_failed"
	ExportDenied    Action = "export_denied"
	ExportCancelled Action = "export_cancelled"
	ExportResumed   Action = "export_resumed"
	ExportReleased  Action = "export_released"
	TokenMinted     Action = "token_minted"
	FileStarted     Action = "file_started"
	FileStored      Action = "file_stored"
	FileFailed      Action = "file_failed"
	FileStaged      Action = "file_staged"
	TypesLeft       Action = "types_left"
	Attached        Action = "documents_stored"
	Delivered       Action = "delivered"

	LinesViewed    Action = "lines_viewed"
	LinesRevealed  Action = "lines_revealed"
	TablesQueried  Action = "tables_queried"
	PatientsListed Action = "patients_listed"
	RecordRead     Action = "record_read"
	RecordSigned   Action = "record_reviewed"
	RecordVerified Action = "record_verified"

	KeyCreated       Action = "key_created"
	KeyRotated       Action = "key_rotated"
	KeyDestroyed     Action = "key_destroyed"
	ConfigChanged    Action = "config_changed"
	AgreementChanged Action = "agreement_changed"
	LedgerRestored   Action = "ledger_restored"
	AlertTakenOn     Action = "alert_acknowledged"
	Disposed         Action = "disposed"
	HandedBack       Action = "handed_back"
	LegalHold        Action = "legal_hold"
	SignedIn         Action = "signed_in"
	AccessChanged    Action = "access_changed"
	SessionsEnded    Action = "sessions_ended"
	GlassBroken      Action = "glass_broken"
	Paused           Action = "paused"
	Unpaused         Action = "unpaused"
)

// actions are what may be recorded, in the order in which they are explained.
var actions = []struct {
	action Action
	means  string
}{
	{Policy, "a stage was permitted or refused by the practice's agreement; object: the stage, rule: what decided"},
	{RequestTaken, "a request of another program was received (done), taken up (allowed) or refused; object: its number, facts: the kind"},
	{ExportRequested, "an export was asked for; facts: mode, level, types, sinks, purpose"},
	{ExportKickedOff, "the server took the kick-off; object: the status URL"},
	{ExportPutOff, "the server wants the kick-off later: it has an export already (a duplicate), or wants a pause"},
	{ExportUnknown, "a kick-off was sent and no answer came"},
	{ExportListed, "a page of the manifest came; facts: its files, the server's time"},
	{ExportGone, "the server no longer knows the export"},
	{ExportCompleted, "every sink has the export, the watermark has moved; facts: files, resources, bytes"},
	{ExportFailed, "the export ended with a problem; reason: its code"},
	{ExportDenied, "the export ended because the agreement does not permit it; reason: the problem's code"},
	{ExportCancelled, "the export was stopped, by a person or by the end of its agreement"},
	{ExportResumed, "an export that had stopped was taken up again"},
	{ExportReleased, "the server was told that it may forget the export"},
	{TokenMinted, "an access token was obtained; facts: the scopes asked for and granted, the hash of the assertion's jti"},
	{FileStarted, "output files were asked for; facts: how many, or the one file as object"},
	{FileStored, "output files are in raw, whole and durable; facts: bytes, SHA-256, HTTP status"},
	{FileFailed, "an output file could not be had; facts: HTTP status"},
	{FileStaged, "output files were read; facts: lines, delivered, quarantined, blank"},
	{TypesLeft, "the server sent or offered types that the agreement does not permit: they were not fetched, or refused line by line; facts: the types"},
	{Attached, "documents that resources carry or point to were stored; facts: how many, bytes"},
	{Delivered, "a sink has the export; object: the sink, facts: its counts"},
	{LinesViewed, "a person looked at refused lines without what they say"},
	{LinesRevealed, "a person looked at a refused line as it was received; object: file and line, reason: why"},
	{TablesQueried, "a person ran a statement over the tables; facts: a keyed hash of the statement"},
	{PatientsListed, "a person asked which patients an export holds; facts: how many, a keyed hash of the list"},
	{RecordRead, "a person exported or searched this record"},
	{RecordSigned, "a person signed that they reviewed this record up to a row"},
	{RecordVerified, "a person had this record walked from its first row; outcome: done when it is whole, failed when not. Or bulkhead found by itself that it is not"},
	{KeyCreated, "a key was made, such as the successor of a signing key; object: its id"},
	{KeyRotated, "a key took over from another, or will at a known time; object: its id"},
	{KeyDestroyed, "a key was destroyed, or disabled for good; object: its id"},
	{ConfigChanged, "the configuration was changed; facts: what"},
	{AgreementChanged, "the practice's agreement was recorded, changed, suspended or ended"},
	{LedgerRestored, "the ledger was replaced by a copy"},
	{AlertTakenOn, "a person took an alert on; object: its number, reason: the note, facts: who, until when it is not told again"},
	{Disposed, "what was kept of the practice was destroyed; object: the area, or the certificate; facts: how much"},
	{HandedBack, "what was kept of the practice was handed back to it, in a folder; facts: how many files, a hash of their manifest"},
	{LegalHold, "a legal hold was set or lifted"},
	{SignedIn, "a person signed in, or was refused"},
	{SessionsEnded, "sessions were ended from another one, or by an admin; object: whose"},
	{GlassBroken, "a person signed in with a password beside the identity provider; object: who"},
	{AccessChanged, "a person or a token was given access, or lost it; object: which, facts: the roles that it has now"},
	{Paused, "a person paused a practice, a registration or all; object: which, reason: why, facts: until when"},
	{Unpaused, "a person ended a pause; object: of what"},
}

// Means says what an action is about; empty for one that there is not.
func (a Action) Means() string {
	for _, known := range actions {
		if known.action == a {
			return known.means
		}
	}
	return ""
}

// Actions lists all actions in the order in which they are explained.
func Actions() []Action {
	list := make([]Action, len(actions))
	for i, a := range actions {
		list[i] = a.action
	}
	return list
}

// seeing are the acts by which a person sees a practice's records.
var seeing = []Action{LinesViewed, LinesRevealed, TablesQueried, PatientsListed, HandedBack}

// Sees reports whether by the action a person sees, or may see, what a
// practice's records say.
func (a Action) Sees() bool { return slices.Contains(seeing, a) }
