package disposal

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Folder gives where certificates are kept in a state folder.
func Folder(state string) string { return filepath.Join(state, "certificates") }

// base is the path of an ending's certificate, without what says its form. The
// page is written last.
func base(state, tenant string, e store.Ending) string {
	return filepath.Join(Folder(state), fmt.Sprintf("%s-%d", tenant, e.ID))
}

// Keep writes the certificate of an ending, as JSON and as a page to print, and
// gives the path of the former. Doing it again writes the same files.
func (k *Keeper) Keep(tenant string, e store.Ending) (path string, err error) {
	page, err := Page(e)
	if err != nil {
		return "", err
	}
	folder := Folder(k.Folder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", problem.Wrap(err, problem.StorageUnwritable, "the folder of certificates cannot be made", "Make the state folder writable for the user who runs bulkhead.")
	}
	base := base(k.Folder, tenant, e)
	for _, f := range []struct {
		ending string
		text   []byte
	}{{".json", e.Certificate}, {".html", page}} {
		if err := write(base+f.ending, f.text); err != nil {
			return "", problem.Wrap(err, problem.StorageUnwritable, "the certificate cannot be written",
				"Free space or make the folder writable; bulkhead dispose certificate "+tenant+" writes it again, from the ledger.").For(tenant)
		}
	}
	return base + ".json", k.at("certificate written")
}

// write makes a file whole and durable, or leaves what was there.
func write(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".certificate-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has its name by then
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Read gives the certificate of an ending, once there is one.
func Read(e store.Ending) (c Certificate, err error) {
	if err := json.Unmarshal(e.Certificate, &c); err != nil {
		return c, fmt.Errorf("read the certificate: %w", err)
	}
	return c, nil
}

//go:embed certificate.html
var pageText string

var page = template.Must(template.New("certificate").Funcs(template.FuncMap{
	"day": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") },
	"sum": func(items []Item) (total Item) {
		for _, i := range items {
			total.Bytes, total.Lines, total.Rows = total.Bytes+i.Bytes, total.Lines+i.Lines, total.Rows+i.Rows
		}
		return total
	},
}).Parse(pageText))

// Page gives the certificate of an ending as HTML that needs nothing else, to be
// read and printed.
func Page(e store.Ending) ([]byte, error) {
	c, err := Read(e)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := page.Execute(&b, struct {
		Certificate
		SHA256 string
	}{c, e.SHA256}); err != nil {
		return nil, fmt.Errorf("write the certificate as a page: %w", err)
	}
	return b.Bytes(), nil
}

// Text gives the certificate of an ending for a terminal: all but its listings.
func Text(e store.Ending) (string, error) {
	c, err := Read(e)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	const at = "2006-01-02 15:04:05 MST"
	fmt.Fprintf(&b, "Certificate of destruction\n\n%s (%s)\nagreement %s, %s on %s\n", c.Practice, c.Tenant, c.Agreement.Reference, c.Agreement.Rule, c.Agreement.OverAt.Format(at))
	if c.Returned != nil {
		fmt.Fprintf(&b, "handed back on %s, manifest sha256 %s\n", c.Returned.At.Format(at), c.Returned.Manifest)
	}
	fmt.Fprintf(&b, "destroyed from %s to %s, by %s\n\n", c.Began.Format(at), c.Ended.Format(at), c.By)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "export\twhat\tthings\tbytes\trows\tgone")
	for _, d := range c.Destroyed {
		var rows int64
		for _, i := range d.Items {
			rows += i.Rows
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\n", d.Export, d.What, d.Things, d.Bytes, rows, d.Ended.Format(at))
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	b.WriteString("\nnot destroyed from here:\n")
	for _, r := range c.Remains {
		fmt.Fprintf(&b, "- %s (%s): %s\n", r.What, r.Who, r.Why)
	}
	fmt.Fprintf(&b, "\nrecord of the practice: row %d, hash %s\nsha256 of the certificate: %s\n", c.Record.Seq, c.Record.Hash, e.SHA256)
	return b.String(), nil
}
