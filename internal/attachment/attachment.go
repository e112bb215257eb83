// Package attachment stores the documents that resources carry or point to:
// it finds the FHIR Attachments of an ingested output file, decodes those that
// stand in their resources, fetches the others within rules and a budget, and
// stages one row for each, whatever became of it.
//
// It never changes or refuses a resource: what is wrong with one document is
// told in that document's row. It decides nothing about tokens; that is the
// Bulk Data client's. No URL, title or content ever comes into an error.
//
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#attachments
// https://hl7.org/fhir/R4/datatypes.html#Attachment
// https://hl7.org/fhir/R4/binary.html
package attachment

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// An Outcome says what became of one document. Outcomes stand in tables and
// never change their meaning.
type Outcome string

// The outcomes.
const (
	Stored         Outcome = "stored"           // fetched, and in storage
	Inline         Outcome = "inline"           // decoded from the resource, and in storage
	Absent         Outcome = "absent"           // the resource gives neither content nor address
	NotPermitted   Outcome = "not_permitted"    // the agreement does not permit attachments: nothing was requested
	TypeNotAllowed Outcome = "type_not_allowed" // its media type is not among those wanted
	TooLarge       Outcome = "too_large"        // larger than the largest one wanted
	OverBudget     Outcome = "over_budget"      // the export has spent its budget; the next full export goes on
	NotFound       Outcome = "not_found"        // the server does not have it
	Refused        Outcome = "refused"          // the server does not give it to us, or it stands where no request may go
	Invalid        Outcome = "invalid"          // what stands in the resource, or was answered, is not what it claims to be
	Failed         Outcome = "failed"           // the server failed each time it was asked; the next full export asks again
)

// Outcomes lists them, those of documents in storage first.
var Outcomes = []Outcome{
	Stored, Inline, Absent, NotPermitted, TypeNotAllowed, TooLarge, OverBudget, NotFound, Refused, Invalid, Failed,
}

// Kept reports whether a document of that outcome is in storage.
func (o Outcome) Kept() bool { return o == Stored || o == Inline }

// Rules say what is wanted. The zero value permits nothing.
type Rules struct {
	Permitted      bool     // by the agreement, at this moment
	ContentTypes   []string // media types and ranges, in lower case
	MaxBytes       int64    // of the largest document
	BudgetBytes    int64    // that the export may download
	BudgetRequests int64    // that the export may send
}

// Options say whose documents are stored, and how. All fields but Base, Origin, Refused,
// MaxLine, Place, Room, Last and AsOf are required.
type Options struct {
	Scope  *blob.Scope
	Ledger *store.Scope
	Lease  store.Lease // of the step on whose behalf this is done; its subject is the output file
	Rules  Rules
	Base   string // FHIR base URL of the server, without a slash at its end
	Origin string // the export whose file it is, by table.SourceFile; empty means the step's own

	// Open gives the NDJSON of the output file. It is called once or twice.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Refused are the numbers of the lines that ingest refused: they are no
	// resources, and have no attachments.
	Refused *quarantine.Numbers
	MaxLine int // longest line in bytes; 0 means 256 MiB
	// Place is where an earlier run of the same file by the same rules stood;
	// nil begins with the first line and remembers nothing.
	Place *Place
	// Room gives the error with which the run must end because nothing more may
	// be written; nil looks at nothing. It is asked before each document and
	// after every 64 MiB of one.
	Room func() error

	// Fetch sends one request. The caller closes the answer's body.
	Fetch func(ctx context.Context, r Request) (*Answer, error)
	// Ends gives the error with which the whole run must end because of an
	// error of Fetch or of an answer's body; nil when it is about one document.
	Ends func(error) error
	// Last says that there is no later run: what only weather keeps away is
	// then recorded as failed.
	Last bool
	// AsOf is the server's time of this export; zero when it gave none.
	AsOf time.Time
}

// A Request is what is asked of a server for one document.
type Request struct {
	URL    string // absolute, or relative to the FHIR base
	Accept string // media types, the wanted one first
}

// An Answer is a server's success.
type Answer struct {
	ContentType string // as sent
	Length      int64  // announced, of the bytes on the wire; -1 when unknown
	Body        io.ReadCloser
}

// A Summary says what became of a file's documents.
type Summary struct {
	store.AttachedFile
	Parts []store.Part // of table.Attachment; none when no document was found
}

// First is the type whose files come first: other resources point to what they
// bring, and nobody has to be asked for it.
const First = binary

// Run deals with the documents of one output file. Running it again with the
// same file fetches nothing twice and replaces the rows of an earlier run.
//
// When it returns nil, every document has its row and every kept one is
// durable. Its error is that of Ends, a problem of the storage or the ledger,
// store.ErrFenced, or weather: then what was fetched so far stays, and the next
// run goes on.
func Run(ctx context.Context, o Options) (Summary, error) {
	if o.Rules.Permitted { // I1: no request otherwise
		if err := fetchAll(ctx, &o); err != nil {
			return Summary{}, err
		}
	}
	s, err := stage(ctx, &o)
	if errors.Is(err, errNotFetched) {
		o.Place.set(0) // something was taken away since: the next run looks through all
	}
	return s, err
}
