package alert

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// CertificateFacts are what is known of one file of certificates.
type CertificateFacts struct {
	keyring.Certificate
	Life     keyring.Life // the zero value: not known
	Unusable string       // why it cannot be used; empty: it can
	Since    time.Time    // since when it cannot
}

// renewing is how long a certificate and its key may not fit: they are two files.
const renewing = 10 * time.Minute

// certificates tells of those that end soon, or cannot be used.
func certificates(now time.Time, list []CertificateFacts, r Rules) []Condition {
	var told []Condition
	for _, f := range list {
		c := Condition{Kind: Certificate, Object: f.Field, Severity: config.SeverityWarning, Party: Us}
		if f.Section == "jwks" {
			c.Kind, c.Object = JWKS, ""
		}
		if f.Unusable != "" {
			end := c
			end.Pending = true // nobody knows whether it ends
			told = append(told, end, f.unusable(now, c))
			continue
		}
		told = append(told, f.ends(now, c, r)...)
	}
	return told
}

func (f CertificateFacts) unusable(now time.Time, c Condition) Condition {
	c.Object, c.Since, c.Pending = f.Field+" unusable", f.Since, now.Sub(f.Since) < renewing
	c.Summary = f.Unusable
	c.Remedy = "Put the certificate with its chain at " + f.Field + " and its own key at " + f.Section + ".tls_key. The one that was there before serves on until its end, but bulkhead would not start again."
	if f.Key == "" {
		c.Remedy = "Correct " + f.Field + ": bulkhead would not start again."
	}
	return c
}

// ends tells of a certificate whose end is near: as long before it as Notice
// says, but in the last sixth of its life only, since those that are renewed by
// themselves are renewed before that.
func (f CertificateFacts) ends(now time.Time, c Condition, r Rules) []Condition {
	ends := f.Life.Ends
	notice := min(r.Notice.Std(), ends.Sub(f.Life.Begins)/6)
	c.Since = ends.Add(-notice)
	if now.Before(c.Since) {
		return nil
	}
	c.Summary = f.What + " is good until " + wording.Moment(ends) + " only"
	if !now.Before(ends) {
		c.Since, c.Summary = ends, f.What+" is no longer good, since "+wording.Moment(ends)
	}
	if f.Key == "" && c.Kind == Certificate {
		c.Remedy = "Ask who runs the authority for its next certificate, put it into the file of " + f.Field + " beside the old one, and restart. Take the old one out of the file when it is no longer good."
		return one(c)
	}
	c.Remedy = "Renew it: a new one at " + f.Field + ", with its key at " + f.Section + ".tls_key, is taken up by itself. " + after[f.Section]
	if f.HandedOver() {
		c.Remedy = "Renew it where the service's credentials come from, and restart the service, which gets them at its start. " + after[f.Section]
	}
	if !now.Before(ends.Add(-min(notice/2, lastWeek))) {
		c.Severity = config.SeverityCritical
	}
	return one(c)
}

// after says what becomes of it when a certificate has ended.
var after = map[string]string{
	"web":     "After its end browsers and programs refuse to connect.",
	"jwks":    "After its end vendors cannot fetch the keys, and refuse every token.",
	"metrics": "After its end nobody can fetch the metrics.",
}
