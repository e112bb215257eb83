package blob

import (
	"fmt"
	"regexp"
	"strings"
)

// A Key names a file in a store: "<area>/<tenant>/<export>/...". Keys are made
// by a Scope and may be kept; a Scope takes back only those of its own tenant.
type Key string

// An Area is one of the kinds of file that a store holds.
type Area string

// The areas.
const (
	Raw        Area = "raw"        // output files as delivered, zstd by us
	Staged     Area = "staged"     // Parquet, one folder for each table
	Quarantine Area = "quarantine" // refused lines with their reason
	Logs       Area = "logs"       // each export's event log
)

// ManifestName is the file of an export's raw folder that holds the manifest
// as received.
const ManifestName = "manifest.json"

var (
	tenantID  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	exportID  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,62}$`)
	fileName  = regexp.MustCompile(`^[0-9]{1,6}-[a-z]{1,16}-[0-9]{1,9}-[A-Z][A-Za-z]{1,63}$`)
	tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
)

// FileName returns the name of an output file within its export, such as
// "0-output-3-Patient": manifest page, section, index in the section, type.
// It is the <file> of every key and of the column source_file.
func FileName(page int, section string, index int, resourceType string) (string, error) {
	name := fmt.Sprintf("%d-%s-%d-%s", page, section, index, resourceType)
	if !fileName.MatchString(name) {
		return "", fmt.Errorf("output file name: %w", ErrName)
	}
	return name, nil
}

// RawKey names the raw bytes of an output file.
func (s *Scope) RawKey(export, file string) (Key, error) {
	if !exportID.MatchString(export) || !fileName.MatchString(file) {
		return "", fmt.Errorf("raw key: %w", ErrName)
	}
	return s.key(Raw, export, file+".ndjson.zst"), nil
}

// ManifestKey names a page, from 0, of an export's manifest as received.
func (s *Scope) ManifestKey(export string, page int64) (Key, error) {
	if !exportID.MatchString(export) || page < 0 {
		return "", fmt.Errorf("manifest key: %w", ErrName)
	}
	name := ManifestName
	if page > 0 {
		name = fmt.Sprintf("%d-%s", page, ManifestName)
	}
	return s.key(Raw, export, name), nil
}

// StagedKey names one part, from 0, of the rows that an output file gave to a
// table.
func (s *Scope) StagedKey(export, table, file string, part int) (Key, error) {
	if !exportID.MatchString(export) || !tableName.MatchString(table) || !fileName.MatchString(file) || part < 0 {
		return "", fmt.Errorf("staged key: %w", ErrName)
	}
	return s.key(Staged, export, fmt.Sprintf("%s/%s-%d.parquet", table, file, part)), nil
}

// QuarantineKey names the refused lines of an output file.
func (s *Scope) QuarantineKey(export, file string) (Key, error) {
	if !exportID.MatchString(export) || !fileName.MatchString(file) {
		return "", fmt.Errorf("quarantine key: %w", ErrName)
	}
	return s.key(Quarantine, export, file+".ndjson.zst"), nil
}

// LogKey names an export's event log.
func (s *Scope) LogKey(export string) (Key, error) {
	if !exportID.MatchString(export) {
		return "", fmt.Errorf("log key: %w", ErrName)
	}
	return s.key(Logs, export, "log.ndjson"), nil
}

func (s *Scope) key(a Area, export, rest string) Key {
	return Key(string(a) + "/" + s.tenant + "/" + export + "/" + rest)
}

// own refuses a key that the scope did not make. It is the only door to the
// bucket, so no key of another tenant passes (I7).
func (s *Scope) own(k Key) (string, error) {
	area, rest, _ := strings.Cut(string(k), "/")
	tenant, rest, _ := strings.Cut(rest, "/")
	export, rest, _ := strings.Cut(rest, "/")
	known := area == string(Raw) || area == string(Staged) || area == string(Quarantine) || area == string(Attachments) || area == string(Logs)
	if !known || tenant != s.tenant || !exportID.MatchString(export) || rest == "" { // I7: the only door
		return "", ErrForeign
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return "", ErrForeign
		}
	}
	return string(k), nil
}
