package quarantine

import "strings"

// Who can do something about a refused line.
const (
	Vendor   = "the practice or its EHR vendor"
	You      = "you"
	YouFirst = "you; then the practice, if its content is wrong"
	Nobody   = "nobody"
)

// A Meaning says what a reason means. Its texts are for people and hold
// nothing of any line.
type Meaning struct {
	Reason  string // with "…" in the place of what differs, after the colon
	Means   string // what is wrong with the line, as the end of "refused because"
	Example string // a line, or a part of one, that is refused for it; invented
	Who     string // who must act
	Do      string // what to do, as imperative sentences
	Replay  bool   // a change here can make the line pass: replay takes it again
}

const (
	tellVendor = "Tell the vendor the file's type and the line's number; a copy of the line is for them only if the agreement permits it. The next export brings the resource when the server writes it right."
	open       = "…"
)

// Meanings are all reasons, in the order of the page docs/refusals.md. The
// slice must not be changed.
var Meanings = []Meaning{
	{
		ReasonJSON + "truncated", "the line ends inside a JSON value", `{"resourceType":"Patient","id":"1","na`, Vendor,
		"Ask whether lines are broken in two: each resource must stand on one line. If it is the last line of its file, the transfer was cut short at the server. " + tellVendor, false,
	},
	{
		ReasonJSON + "trailing_bytes", "something follows the JSON value on the same line", `{"resourceType":"Patient","id":"1"},`, Vendor,
		"Look for commas between lines, or two resources on one line. " + tellVendor, false,
	},
	{ReasonJSON + "empty", "the line has nothing but white space that JSON does not know", "a line of no-break spaces", Vendor, tellVendor, false},
	{ReasonJSON + "syntax", "a byte stands where JSON allows none", `{"resourceType":"Patient","id":1x}`, Vendor, tellVendor, false},
	{ReasonJSON + "number", "a number is not written as JSON writes numbers", `{"valueDecimal":01.50}`, Vendor, tellVendor, false},
	{
		ReasonJSON + "control_char", "a string has a raw control character, such as a tab or NUL", `{"display":"a⇥b"}`, Vendor,
		"The server must escape control characters in strings. " + tellVendor, false,
	},
	{ReasonJSON + "escape", "a string has an escape sequence that JSON does not know", `{"display":"\x41"}`, Vendor, tellVendor, false},
	{
		ReasonJSON + "lone_surrogate", "a string has half of a surrogate pair: no character", `{"display":"\ud83d"}`, Vendor,
		"The server cuts texts in the middle of a character. " + tellVendor, false,
	},
	{
		ReasonJSON + "invalid_utf8", "the line is not UTF-8", "bytes of Latin-1 or Windows-1252", Vendor,
		"The server writes another encoding, or cuts texts in the middle of a character. " + tellVendor, false,
	},
	{ReasonJSON + "duplicate_key", "an object names a member twice, and programs differ in which one they take", `{"id":"1","id":"2"}`, Vendor, tellVendor, false},
	{ReasonJSON + "too_deep", "objects and arrays are nested deeper than any resource is", "hundreds of [ in a row", Vendor, tellVendor, false},
	{ReasonJSON + "too_long", "the line is longer than can be parsed", "a text of gigabytes", Vendor, tellVendor, false},
	{
		ReasonNoObject, "the line is JSON, but not an object", `[{"resourceType":"Patient"}], or null`, Vendor,
		"The server may send a JSON array in the place of lines. " + tellVendor, false,
	},
	{ReasonNoType, "the resource does not say its type", `{"id":"1"}`, Vendor, tellVendor, false},
	{
		ReasonBadType, "resourceType is no name of a type", `{"resourceType":"patient ","id":"1"}`, Vendor,
		"A file with more than 300 different types is refused from there on, too. " + tellVendor, false,
	},
	{
		ReasonNotPermitted, "the agreement does not permit resources of that type", "a Practitioner in a file of Patients", You,
		"If the agreement covers the type, add it to `types` of the practice's agreement and replay; otherwise leave it: it was kept from every destination, as it must be.", true,
	},
	{
		ReasonSensitive + open, "its security labels are of a sensitive category that the agreement does not permit; the category follows the colon", `{"meta":{"security":[{"code":"ETH"}]}}: substance use`, You,
		"If the agreement covers the category (for substance use, 42 CFR part 2 asks for more than a business associate agreement), add it to `sensitive` of the practice's agreement and replay; otherwise leave it: it was kept from every destination, and what they had of the resource is taken out.", true,
	},
	{
		ReasonTooEarly, "the service that it tells of ended before the `earliest_service_date` of the agreement", `{"resourceType":"Encounter","period":{"end":"2009-12-31"}}`, You,
		"If the agreement covers that time, set an earlier `earliest_service_date` and replay; otherwise leave it: it was kept from every destination, as it must be.", true,
	},
	{
		ReasonOutcome, "the server reports a failure in the place of a resource", `{"resourceType":"OperationOutcome","issue":[…]}`, Vendor,
		"`bulkhead status TENANT --export ID` counts the issues by severity and code. Ask the practice what the server could not give; the next export asks for it again.", false,
	},
	{ReasonNoID, "the resource has no id, so nothing can say which one it is", `{"resourceType":"Patient"}`, Vendor, tellVendor, false},
	{ReasonBadID, "the id cannot stand in a reference: it is empty, or has a slash, white space or a control character", `{"resourceType":"Patient","id":"a b"}`, Vendor, tellVendor, false},
	{
		ReasonView + open, "a value cannot be had or does not fit its column; what follows the colon is the view and the column", `a view that asks for exactly one name, and {"name":[{},{}]}`, YouFirst,
		"Look at the line with `bulkhead quarantine show`. If your own view asks too much, change it (`first()`, another type, `collection`) and replay. If the value is wrong, tell the vendor.", true,
	},
	{
		ReasonProfile + open, "the resource breaks a rule of its profile, and the configuration says to keep such resources back; what follows the colon is the rule and the element", `{"resourceType":"Patient","id":"1"} without a name`, YouFirst,
		"Decide whether the rule is wanted: `validation` in the configuration says by which version resources are judged, and with `on_error: deliver` such a resource is delivered and counted. Then replay. If the rule is right, tell the vendor.", true,
	},
	{
		ReasonOverLong, "the line is longer than is parsed", "a Binary or a DocumentReference with a whole scan in it", You,
		"Raise `limits.line_bytes` in the configuration above the length that `bulkhead quarantine show` gives, and replay. A worker may need some times that much memory.", true,
	},
	{
		ReasonNoBundle, "a line of a deleted file is not a Bundle of type transaction", `{"resourceType":"Patient","id":"1"} in a deleted file`, Vendor,
		tellVendor + " Until then deletions show with the next full export only.", false,
	},
	{
		ReasonMethod, "an entry of a deletion Bundle does something else than delete", `{"request":{"method":"PUT","url":"Patient/1"}}`, Vendor,
		tellVendor + " Until then deletions show with the next full export only.", false,
	},
	{
		ReasonURL, "an entry of a deletion Bundle does not name a resource of this server", `{"request":{"method":"DELETE","url":"Patient?identifier=1"}}`, YouFirst,
		"If the server knows itself by another address, set that as `fhir_base_url` and replay. Otherwise tell the vendor; until then deletions show with the next full export only.", true,
	},
	{
		ReasonNoOutcome, "a line of an error file is not an OperationOutcome", `{"message":"failed"}`, Vendor,
		"It is counted as an error that the server reports, so nothing is removed because of this export. " + tellVendor, false,
	},
}

// Explain gives the meaning of a reason as it stands in a quarantine file. A
// reason that this bulkhead does not know says so.
func Explain(reason string) Meaning {
	for _, m := range Meanings {
		if m.Reason == reason {
			return m
		}
		if family, found := strings.CutSuffix(m.Reason, open); found && strings.HasPrefix(reason, family) {
			m.Reason = reason
			return m
		}
	}
	return Meaning{Reason: reason, Means: "this bulkhead does not know the reason: a newer one wrote it", Who: You, Do: "Use the newer bulkhead."}
}
