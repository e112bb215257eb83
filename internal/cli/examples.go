package cli

import (
	"strings"

	"github.com/alecthomas/kong"
)

// An example is a command line and what it does, for the help of its verb.
type example struct{ does, line string }

// examples are those of each verb, by its words. A test reads every line.
var examples = map[string][]example{
	"demo": {{"everything at work in a minute, in the folder bulkhead-demo", "bulkhead demo"}},
	"run":  {{"in the foreground; docs/operations.md says how a supervisor runs it", "bulkhead run --config /etc/bulkhead/bulkhead.yaml"}},
	"export": {
		{"what has changed since the last export", "bulkhead export oak-street"},
		{"everything anew, of two practices at once", "bulkhead export oak-street elm-street --full"},
		{"what failed goes on where it stopped", "bulkhead export oak-street --resume"},
	},
	"config check":   {{"every mistake, and what is to be seen to, as a failure too", "bulkhead config check --strict"}},
	"config diff":    {{"what the files would change", "bulkhead config diff"}},
	"config apply":   {{"in force now, without a question, beside a bulkhead that runs", "bulkhead config apply --yes"}},
	"config history": {{"who changed what of a practice, and when", "bulkhead config history oak-street"}},
	"config schema":  {{"for an editor that completes and checks practices' files", "bulkhead config schema --tenant"}},
	"plan": {
		{"what the next export would ask for, and whether the agreement permits it", "bulkhead plan oak-street"},
		{"the same of an export of two types", "bulkhead plan oak-street --type Patient,Observation"},
	},
	"status": {
		{"all practices, the worst first, until interrupted", "bulkhead status --watch"},
		{"one practice: its latest exports, and what to do", "bulkhead status oak-street"},
		{"one export: its timeline, its files, what it brought", "bulkhead status oak-street --export 20260314-023000-k7w2m4qx"},
	},
	"pause": {
		{"nothing new starts at a practice until its upgrade is over", "bulkhead pause oak-street --reason 'EHR upgrade' --until 2026-03-15"},
		{"what is paused", "bulkhead pause"},
	},
	"unpause": {{"it goes on", "bulkhead unpause oak-street"}},
	"cancel":  {{"stop it here and at the server", "bulkhead cancel oak-street"}},
	"quarantine list": {
		{"what is refused anywhere, and who must act", "bulkhead quarantine list"},
		{"since yesterday", "bulkhead quarantine list oak-street --since 24h"},
	},
	"quarantine show":   {{"the shape of refused lines, without what they say", "bulkhead quarantine show oak-street --export 20260314-023000-k7w2m4qx"}},
	"quarantine replay": {{"how many would pass now", "bulkhead quarantine replay oak-street --all --dry-run"}},
	"query": {
		{"how many patients each practice has", "bulkhead query 'SELECT tenant_id, count(*) FROM patient GROUP BY ALL'"},
		{"one practice's rows, as CSV", "bulkhead query --tenant oak-street --csv 'SELECT * FROM patient'"},
	},
	"tables":      {{"the columns of one", "bulkhead tables observation"}},
	"alerts list": {{"what needs somebody, for another program", "bulkhead alerts list --json"}},
	"alerts ack":  {{"it is being seen to, and not told again today", "bulkhead alerts ack 12 --for 12h --note 'ticket 4711'"}},
	"alerts test": {{"does each route arrive?", "bulkhead alerts test"}},
	"roster":      {{"who joined and left, in numbers", "bulkhead roster oak-street"}},
	"quality":     {{"what the last export is worth, column by column", "bulkhead quality oak-street --columns"}},
	"validate": {
		{"a summary by type", "bulkhead validate Patient.ndjson Observation.ndjson.gz"},
		{"each broken rule, of base FHIR R4 only", "bulkhead validate --us-core r4 --lines Patient.ndjson"},
	},
	"flatten": {
		{"patients as CSV", "bulkhead flatten --view patient Patient.ndjson"},
		{"a view of your own, as Parquet", "bulkhead flatten --view visits.json --format parquet --out visits.parquet Encounter.ndjson.gz"},
	},
	"check":               {{"from the name of the host to the first token", "bulkhead check oak-street"}},
	"health":              {{"for a probe: can exports be started?", "bulkhead health --ready"}},
	"doctor":              {{"does everything fit together?", "bulkhead doctor"}, {"mend what can be mended, while bulkhead does not run", "bulkhead doctor --repair"}},
	"backup":              {{"a dated copy in a folder, also while bulkhead works", "bulkhead backup /var/backups/bulkhead"}},
	"restore":             {{"put a copy back, while bulkhead does not run", "bulkhead restore /var/backups/bulkhead/bulkhead-20260314T023000Z.db"}},
	"dispose now":         {{"what is due and why; nothing goes", "bulkhead dispose oak-street --dry-run"}, {"hand it back to the practice", "bulkhead dispose oak-street --return /media/oak-street"}},
	"dispose calendar":    {{"what goes when, of all practices", "bulkhead dispose calendar"}},
	"dispose certificate": {{"as a page to print", "bulkhead dispose certificate oak-street --html"}},
	"audit verify":        {{"every chain, against ends that were kept elsewhere", "bulkhead audit verify --anchors /mnt/safe/anchors.jsonl"}},
	"audit export":        {{"the record of one practice", "bulkhead audit export oak-street --since 2026-01-01 --csv"}},
	"audit who-saw":       {{"who looked at its records this quarter", "bulkhead audit who-saw oak-street --since 2026-01-01"}},
	"audit patients":      {{"whose records an export holds", "bulkhead audit patients oak-street --export 20260314-023000-k7w2m4qx --reason 'notice of a breach, case 12'"}},
	"audit review":        {{"signed up to its last row", "bulkhead audit review oak-street --note 'March: nothing unusual'"}},
	"people list":         {{"who may sign in, and what they may do", "bulkhead people list"}},
	"people reset":        {{"a password for one use, for whom no admin can let in again", "bulkhead people reset anna --reason 'lost the second factor, ticket 4711'"}},
	"keys new":            {{"keys that can be rotated", "bulkhead keys new --folder /etc/bulkhead/keys/ecw"}},
	"keys jwks":           {{"what is published, or given to the vendor", "bulkhead keys jwks --registration ecw"}},
	"keys list":           {{"where they stand", "bulkhead keys list"}},
	"keys rotate":         {{"bring in a successor, and later take it into use", "bulkhead keys rotate ecw"}, {"", "bulkhead keys rotate ecw --confirm"}},
	"keys disable":        {{"a key that others may have: it signs no more, at once", "bulkhead keys disable XQmw1V1IfoqLVMh5RDZ4 --registration ecw"}},
	"encryption new-key":  {{"back it up apart from the state folder", "bulkhead encryption new-key /etc/bulkhead/keys/house.key"}},
	"encryption status":   {{"how the practices' keys stand", "bulkhead encryption status"}},
	"encryption rotate":   {{"a new key for what comes from now on", "bulkhead encryption rotate oak-street"}},
	"encryption seal":     {{"what was kept before encryption was on", "bulkhead encryption seal oak-street"}},
	"encryption shred":    {{"for good; its id is asked for again", "bulkhead encryption shred oak-street"}},
	"sandbox":             {{"like eClinicalWorks, for a client with these keys", "bulkhead sandbox --profile ecw --client bulkhead --jwks jwks.json"}, {"every habit that it can have", "bulkhead sandbox --list"}},
	"version":             {{"for a report", "bulkhead version --json"}},
}

// illustrate gives the help of every verb its examples.
func illustrate(n *kong.Node) {
	for _, child := range n.Children {
		illustrate(child)
	}
	var b strings.Builder
	for _, x := range examples[words(n)] {
		for line := range strings.Lines(x.String()) {
			b.WriteString("    " + line)
		}
	}
	if b.Len() > 0 {
		n.Detail = "For example:\n\n" + b.String()
	}
}

// String gives an example as a person would type it below a comment.
func (x example) String() string {
	if x.does == "" {
		return x.line + "\n"
	}
	return "# " + x.does + "\n" + x.line + "\n"
}

// words are those by which a verb is called.
func words(n *kong.Node) string {
	if n.Parent == nil {
		return ""
	}
	return strings.TrimSpace(words(n.Parent) + " " + n.Name)
}
