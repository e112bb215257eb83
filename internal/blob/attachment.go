package blob

import "fmt"

// Attachments is the area of documents that resources carry or point to, as
// they are, one file each.
const Attachments Area = "attachments"

// AttachmentKey names the attachment with that number, from 0, of the resource
// on a line, from 1, of an output file.
func (s *Scope) AttachmentKey(export, file string, line int64, number int) (Key, error) {
	if !exportID.MatchString(export) || !fileName.MatchString(file) || line < 1 || number < 0 {
		return "", fmt.Errorf("attachment key: %w", ErrName)
	}
	return s.key(Attachments, export, fmt.Sprintf("%s/%d-%d", file, line, number)), nil
}
