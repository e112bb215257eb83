package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// FileKnobs is how output files and attachments are fetched.
type FileKnobs struct {
	Access       Access        `yaml:"file" quirk:"D1 D2 D3" values:"bearer|redirect|presigned|bearerScoped" does:"where output files are and what opens them (also called access)"`
	LinkLife     time.Duration `yaml:"linkTTL" quirk:"M12 D4" does:"how long the link to a file works; 0 is for ever (also called linkLife)"`
	MaxDownloads int           `yaml:"maxDownloads" quirk:"D5" does:"a file is given so many times, then 500"`
	AcceptStrict bool          `yaml:"acceptStrict" quirk:"D9" does:"406 unless Accept names application/fhir+ndjson"`
	ContentType  string        `yaml:"contentType" values:"media type" does:"Content-Type of output files"`
	Delete       int           `yaml:"delete" quirk:"D10" values:"status" does:"answer to DELETE of a finished export; 202 when not set"`

	Ranges  bool `yaml:"ranges" quirk:"D5" does:"Range, If-Range and ETag are served"`
	Changed int  `yaml:"changed" quirk:"D5" does:"a file has other bytes and another ETag after every so many requests for it"`

	Gzip bool `yaml:"gzip" quirk:"D6" does:"gzip when asked for"`
	Enc  Enc  `yaml:"enc" quirk:"D6" values:"none|gzip|multiMember|doubleGz|gzNoHeader|deflate|br" does:"content coding of output files: when asked for, but gzNoHeader and br always"`

	// What is wrong with the body of the first BadGets requests for each file
	// of OddTypes; 0 means all requests.
	BadGets   int       `yaml:"badGets" quirk:"D7 D8" does:"cutAt and fileError happen to the first so many requests for each file; 0 is all of them"`
	CutAt     int64     `yaml:"cutAt" quirk:"D7" does:"the body ends after so many bytes, with 200"`
	CutLength bool      `yaml:"cutLength" quirk:"D7" does:"Content-Length tells the length of the whole body that is cut"`
	FileError FileError `yaml:"fileError" quirk:"D8" values:"none|line|whole|html" does:"what stands in a file with 200: an OperationOutcome among the lines, nothing but one, a page to log in"`
}

// Access is how output files are fetched.
type Access string

// The ways to output files. The storage is a third origin, which knows no
// tokens and refuses a request that brings one.
const (
	AccessBearer    Access = ""             // from the FHIR server, with a token
	AccessRedirect  Access = "redirect"     // the FHIR server, after checking the token, answers 307 to the storage
	AccessPresigned Access = "presigned"    // the manifest names the storage; requiresAccessToken is false
	AccessScoped    Access = "bearerScoped" // as AccessBearer; the token must have the scope of the file's type
)

// Enc is the content coding of output files.
type Enc string

// The codings. Unless said otherwise they are used when they are asked for.
const (
	EncDefault     Enc = ""            // as FileKnobs.Gzip says
	EncNone        Enc = "none"        // none, whatever is asked for
	EncGzip        Enc = "gzip"        // one gzip member
	EncMultiMember Enc = "multiMember" // gzip of many members
	EncDoubleGz    Enc = "doubleGz"    // gzip of gzip, named once
	EncGzNoHeader  Enc = "gzNoHeader"  // gzip without Content-Encoding, whatever is asked for
	EncDeflate     Enc = "deflate"     // zlib's format, as RFC 9110 says
	EncBr          Enc = "br"          // Brotli, whatever is asked for
)

// FileError is what stands in an output file's place, with 200.
type FileError string

// The errors in the place of files.
const (
	FileErrorNone  FileError = ""
	FileErrorLine  FileError = "line"  // an OperationOutcome among the lines
	FileErrorWhole FileError = "whole" // an OperationOutcome and nothing else
	FileErrorHTML  FileError = "html"  // a page to log in
)

func (k FileKnobs) clone() FileKnobs { return k }

func (k FileKnobs) check() error {
	switch {
	case !slices.Contains([]Access{AccessBearer, AccessRedirect, AccessPresigned, AccessScoped}, k.Access):
		return fmt.Errorf("unknown access to files %q", k.Access)
	case min(int64(k.LinkLife), int64(k.MaxDownloads), int64(k.Changed), int64(k.BadGets), k.CutAt) < 0:
		return errors.New("a number or duration of files is negative")
	case k.Delete != 0 && (k.Delete < 200 || k.Delete > 599):
		return fmt.Errorf("delete: status %d is not from 200 to 599", k.Delete)
	case !slices.Contains([]Enc{
		EncDefault, EncNone, EncGzip, EncMultiMember, EncDoubleGz, EncGzNoHeader, EncDeflate, EncBr,
	}, k.Enc):
		return fmt.Errorf("unknown enc %q", k.Enc)
	case !slices.Contains([]FileError{FileErrorNone, FileErrorLine, FileErrorWhole, FileErrorHTML}, k.FileError):
		return fmt.Errorf("unknown fileError %q", k.FileError)
	}
	return nil
}
