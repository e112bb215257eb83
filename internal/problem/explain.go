package problem

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// explanations say, for each code, what it means and what usually cures it.
var explanations = map[Code]string{
	Internal:          "Something failed in a way that bulkhead does not explain. Repeat the command; if it fails again, report it with the text.",
	Usage:             "The command line asks for something that cannot be done. `--help` of the verb lists what can.",
	ConfigInvalid:     "The configuration has mistakes. Each is shown with file, line and an excerpt.",
	ConfigMissing:     "A file or folder that the configuration or the command needs is not there.",
	KeyMissing:        "The private signing key cannot be read. `bulkhead keys new` makes one.",
	KeyInvalid:        "The private signing key is of a kind that SMART Backend Services does not allow: RS384 with 2048 bits or more, or ES384.",
	TenantUnknown:     "No practice of that id is configured.",
	ViewInvalid:       "A ViewDefinition cannot be used. The place in the file is named.",
	QueryInvalid:      "The SQL statement failed. `bulkhead query` can only read.",
	RequestInvalid:    "A request to the API is not as /api/openapi.json describes it, or a request for an export, by a row, a web hook or the API, holds what cannot be taken: a kind, a type, a time, a reference, or a call-back that the configuration does not allow. The answer says which; nothing was done. [triggers.md](triggers.md) says what a request may hold.",
	StorageUnwritable: "A folder or a file cannot be written by the user who runs bulkhead. Nothing is lost; resume when it can.",
	StorageFull:       "There is no space left. Nothing is lost: free space and resume.",
	StorageDamaged:    "A stored file is not what was stored. Look at the disk; a new export brings the practice's records again.",
	AuditBroken:       "The audit record is not what was recorded: a row was changed, taken out, added or cut off; the message names the first. Keep the ledger and its file of anchors as they are, with a copy of both elsewhere, and find out who could write there.",
	NotRunning:        "No bulkhead run answers at metrics.listen on this machine, or the one that does says that it is not well. Its log says why.",

	EncryptionOff:        "A stored file is encrypted, and the configuration names no house key. Nothing is lost: name the key again.",
	HouseKeyMissing:      "The house key, which wraps the practices' keys, cannot be read where the configuration says, or its key service does not let us use it. Nothing is lost: exports that stopped are resumed once it is there.",
	HouseKeyWrong:        "The house key that is configured is not the one that wrapped the practice's keys.",
	PracticeKeyMissing:   "A stored file was encrypted with a key of the practice that is not in the folder of keys: it was lost, or the folder is an old copy.",
	PracticeKeyDestroyed: "The practice's key was destroyed on purpose. What it encrypted is noise for ever; nothing new is stored until the practice is given a new key.",
	LedgerLocked:         "Another process works on the same state folder. Two would export every practice twice, so the second does not start.",
	LedgerNewer:          "A newer bulkhead wrote the ledger; an older one must not touch it.",
	LedgerDamaged:        "The ledger cannot be read. Restore it from a backup.",
	ServerUnreachable:    "No connection came about: the name does not resolve, nothing listens there, or a firewall is between.",
	TLSFailed:            "The server's certificate has expired or is not trusted. Nothing was sent to it.",
	DiscoveryFailed:      "The practice's SMART configuration cannot be read. `token_url` in the registration makes it unnecessary.",
	TokenRefused:         "The authorization server gave no token. The likeliest reasons are listed: key not published, clock wrong, scope not allowed, app not activated.",
	SignInRefused:        "Somebody signed in at the identity provider and is not let in: it said no, it did not say that they showed a second factor, none of their roles is in `web.oidc.roles`, or the answer was not for this browser.",
	IdentityProvider:     "The identity provider cannot be reached, or what it answers cannot be used: another issuer than the configured one, keys that do not fit, a clock that is wrong. People with a password of this bulkhead can sign in meanwhile.",
	AccessDenied:         "The FHIR server knows us and says no: the app is not activated for the practice, the group is not enabled, or a scope is missing. In the midst of an export it mostly means that the practice has revoked the app; once it is activated again, `--resume` goes on.",
	GroupMissing:         "The group is not there, or not enabled for the app. On eClinicalWorks it is the portal's UUID, not Group.id.",
	LevelUnsupported:     "The server has no export at that level. eClinicalWorks and Epic export groups only.",
	KickoffRefused:       "The server refused to start an export.",
	KickoffUnknown:       "The request for an export left, and no answer came, or a gateway (502, 504) answered in the place of the server. An export may be running at the server whose address nobody has. `--resume` asks once more; a server that is still running the first one says so, and bulkhead waits. A schedule asks once more by itself, half a day later at the earliest and three times in all.",
	ExportGone:           "The server no longer knows the export: it expired, was cancelled there, or the server forgot it. Start a new one.",
	ExportFailed:         "The server says that the export failed.",
	ExportStuck:          "The server has been working on the export for longer than any known one took.",
	ManifestInvalid:      "The list of output files cannot be used. It is kept as it was received.",
	DownloadFailed:       "Output files could not be downloaded. Those that are here are kept; `--resume` fetches the others.",
	ProtocolViolated:     "The server gave an answer that the standard does not allow.",
	ServerFailing:        "The server kept failing for longer than bulkhead retries by itself.",
	AgreementMissing:     "The practice has no agreement in the configuration. Without one nothing is requested.",
	AgreementDenied:      "The practice's agreement does not permit this now. The term that forbids it is named.",
	NotValid:             "Files that `bulkhead validate` or `bulkhead flatten` read have lines that are no resources, resources that break a rule, or damaged bytes. [refusals.md](refusals.md) and [us-core.md](us-core.md) explain the reasons.",
	CountMismatch:        "Lines do not add up: a file has fewer resources than the server promised, or bulkhead lost count. Nothing was published.",
	SinkFailed:           "A destination did not take the export. What is staged is kept; `--resume` publishes it.",
	SinkMissing:          "This build of bulkhead has no such sink. DuckDB needs a build with cgo.",
	Cancelled:            "Somebody stopped it.",
}

// Markdown is the page docs/problems.md: every code with its exit status, who
// must act, and what it means.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Problems\n\nEvery failure has a code, says what happened and to which practice, and what to do next.\n" +
		"The command's exit status follows from the code. This page is generated (`make docs`).\n\n" +
		"| exit status | kind | who must act |\n|---|---|---|\n| 0 | success | nobody |\n")
	for _, k := range []Kind{bug, usage, machine, server, access, content, stopped} {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", k.Exit, k.Name, k.Text)
	}
	b.WriteString("\nWhen several exports fail, the status is that of the first.\n")
	codes := slices.SortedFunc(maps.Keys(kinds), func(a, c Code) int { return strings.Compare(string(a), string(c)) })
	for _, c := range codes {
		fmt.Fprintf(&b, "\n## %s\n\nExit status %d (%s).\n%s\n", c, c.Kind().Exit, c.Kind().Name, explanations[c])
	}
	return b.String()
}
