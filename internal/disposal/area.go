package disposal

import (
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
)

// An Area is what is destroyed together of one export.
type Area struct {
	Kind  agreement.Kind
	Files blob.Area // where its files are
	Keeps string    // what is in it
	Ends  string    // what cannot be done any more once it is gone
}

// Areas are what an export leaves, in the order in which it goes.
var Areas = []Area{
	{
		agreement.KindRaw, blob.Raw, "output files as they were received, and the manifest",
		"the practice cannot be given its files back from here, staged files cannot be made again by doctor, a changed view cannot be filled from them; a full export brings everything anew",
	},
	{
		agreement.KindStaged, blob.Staged, "the rows of the export on their way to the sinks",
		"no sink that joins later gets them, refused lines of earlier exports cannot be replayed, and nobody can list the export's patients from storage",
	},
	{
		agreement.KindQuarantine, blob.Quarantine, "refused lines",
		"they can neither be shown nor replayed; their counts and reasons stay",
	},
	{
		agreement.KindAttachments, blob.Attachments, "documents that resources carry or point to",
		"rows of the table attachment name files that are gone; a later export fetches what its resources still point to",
	},
	{
		agreement.KindHistory, blob.Logs, "the timeline and the event log, which hold nothing of a patient",
		"status shows the export without its timeline; counts, hashes, receipts and the record of who did what stay",
	},
}

// Of gives the area of a kind.
func Of(kind agreement.Kind) (a Area, ok bool) {
	for _, a := range Areas {
		if a.Kind == kind {
			return a, true
		}
	}
	return a, false
}
