package bulkdata

import "cmp"

// Speaking returns a client that is like c in everything but the release of
// the guide and the name of the kick-off operation, without "$": for a server
// whose CapabilityStatement was read after c was made. An empty argument
// leaves c's own. The status of an export, its manifest and its files are read
// by their shape, so either client may go on with what the other has begun.
func (c *Client) Speaking(d Dialect, operation string) *Client {
	other := *c
	other.dialect = cmp.Or(d, c.dialect)
	other.tolerances.ExportOperation = cmp.Or(operation, c.tolerances.ExportOperation)
	return &other
}
