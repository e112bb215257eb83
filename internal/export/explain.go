package export

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// explain sorts an error of the protocol: a *Later when it is known when to
// try again, a *problem.Problem when waiting does not help, and the error as
// it is when it is weather.
func explain(t *config.Tenant, w Work, err error) error {
	if later, ok := errors.AsType[*Later](err); ok {
		return later
	}
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		if p.Tenant == "" {
			return p.For(t.ID)
		}
		return err
	}
	if status, ok := errors.AsType[*bulkdata.StatusError](err); ok && status.Status == http.StatusTooManyRequests {
		return &Later{Until: untilOf(status.RetryAfter), Reason: "the server asks for fewer requests", Held: store.HeldByServer}
	}
	if stray, ok := errors.AsType[*addressError](err); ok {
		return explainAddress(w, stray).For(t.ID)
	}
	if p := explainTLS(err); p != nil {
		return p.For(t.ID)
	}
	if refused, ok := errors.AsType[*smart.TokenError](err); ok && !refused.Temporary() {
		return explainToken(t.ID, refused)
	}
	if p := explainKey(err); p != nil {
		return p.For(t.ID)
	}
	if missing, ok := errors.AsType[*smart.DiscoveryError](err); ok && !missing.Temporary() {
		return problem.Wrap(missing, problem.DiscoveryFailed, "the practice's SMART configuration cannot be read",
			"Check fhir_base_url; if the server publishes none, set token_url in the registration.").For(t.ID)
	}
	if bulkdata.Temporary(err) {
		return err
	}
	if p := explainAnswer(t, w, err); p != nil {
		return p.For(t.ID)
	}
	return err
}

func untilOf(r bulkdata.RetryAfter) time.Time {
	if r.Given {
		return r.At
	}
	return time.Now().Truncate(time.Minute).Add(time.Minute)
}

func explainTLS(err error) *problem.Problem {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return problem.Wrap(invalid, problem.TLSFailed, "the server's certificate has expired or is not valid yet",
			"Tell the practice or its vendor, and check this machine's clock; nothing was sent.")
	}
	if other, ok := errors.AsType[x509.HostnameError](err); ok {
		return problem.Wrap(other, problem.TLSFailed, "the server's certificate is for another name than "+other.Host,
			"Check the host of fhir_base_url; if it is right, tell the practice or its vendor. Nothing was sent.")
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return problem.Wrap(cert.Err, problem.TLSFailed, "the server's certificate is not trusted",
			"Check fhir_base_url; if the server has a private authority, its certificate must be in the file of tls.ca_file, which is read at the start. Nothing was sent.")
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return problem.New(problem.TLSFailed, "the server does not speak TLS there",
			"Check scheme and port of fhir_base_url. Nothing was sent.")
	}
	return nil
}

func explainToken(tenant string, e *smart.TokenError) *problem.Problem {
	remedy := remedyOf(e.Causes()) + " bulkhead check " + tenant + " shows when a token is given; then go on with bulkhead export " + tenant + " --resume."
	if e.Held {
		remedy = "This is its answer of before: it is asked again at " + e.AskAgain.Local().Format(time.TimeOnly) + ". " + remedy
	}
	return problem.Wrap(e, problem.TokenRefused, "the authorization server gave no token", remedy).For(tenant)
}

// explainKey names what the server's own document rules out.
func explainKey(err error) *problem.Problem {
	if unsupported, ok := errors.AsType[*smart.UnsupportedError](err); ok {
		return problem.Wrap(unsupported, problem.DiscoveryFailed, "the server says that it takes no signed assertions",
			"Ask the vendor whether backend services are switched on; if its document is wrong about itself, let the vendor profile tolerate auth-lists-wrong.")
	}
	return nil
}

// mostCauses is how many causes a person is asked to check at once.
const mostCauses = 5

// remedyOf names the causes that are evident, or else the likeliest. That a
// change has not spread yet is never evident and always worth a thought where
// the server does not know what it was told of.
func remedyOf(causes []smart.Cause) string {
	var evident, texts []string
	unknown, recent := false, ""
	for _, cause := range causes {
		if cause.Evident {
			evident = append(evident, cause.Text)
			unknown = unknown || cause.Kind == smart.CauseClient || cause.Kind == smart.CauseKey
		}
		if cause.Kind == smart.CauseRecent {
			recent = cause.Text
		}
		texts = append(texts, cause.Text)
	}
	switch {
	case len(evident) > 0 && unknown && recent != "":
		return "The server's answer points to this: " + strings.Join(evident, "; ") + "; or, " + recent + "."
	case len(evident) > 0:
		return "The server's answer points to this: " + strings.Join(evident, "; ") + "."
	case len(texts) == 0:
		return "Check the registration with the vendor."
	}
	return "Check, the likeliest first: " + strings.Join(texts[:min(len(texts), mostCauses)], "; ") + "."
}

// explainAnswer names what a server's final word means for the step at hand.
func explainAnswer(t *config.Tenant, w Work, err error) *problem.Problem {
	if origin, ok := errors.AsType[*bulkdata.OriginError](err); ok {
		return problem.Wrap(origin, codeOf(w), "the server sent us to a host that may not have the access token",
			"If that host belongs to the vendor, name it in the tenant's allowed_origins; no token was sent there.")
	}
	if broken, ok := errors.AsType[*bulkdata.ProtocolError](err); ok {
		return problem.Wrap(broken, brokenCode(w, broken), "the server's answer breaks the standard: "+broken.What(),
			"Report it to the vendor with this text; the vendor profile may need a tolerance for it.")
	}
	status, ok := errors.AsType[*bulkdata.StatusError](err)
	if !ok {
		return nil
	}
	switch status.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return denied(t, w, status)
	case http.StatusNotFound, http.StatusGone:
		return problem.Wrap(status, missingCode(w), fmt.Sprintf("the server answered %d: %s is not there", status.Status, whatOf(w)), missingRemedy(t, w))
	}
	return problem.Wrap(status, codeOf(w), fmt.Sprintf("the server answered %d", status.Status),
		"Ask the practice or its vendor what this answer means; then resume with bulkhead export "+t.ID+" --resume.")
}

// brokenCode tells a manifest that cannot be used from other answers.
func brokenCode(w Work, broken *bulkdata.ProtocolError) problem.Code {
	if broken.Op == bulkdata.OpStatus && (broken.Reason == bulkdata.ManifestInvalid || broken.Reason == bulkdata.TooLarge) {
		return problem.ManifestInvalid
	}
	return codeOf(w)
}

func codeOf(w Work) problem.Code {
	switch w.Lease.Kind {
	case Kickoff:
		return problem.KickoffRefused
	case Download:
		return problem.DownloadFailed
	case Poll:
		return problem.ExportFailed
	}
	return problem.ProtocolViolated
}

func missingCode(w Work) problem.Code {
	switch {
	case w.Lease.Kind == Kickoff && w.Export.Level == config.LevelGroup:
		return problem.GroupMissing
	case w.Lease.Kind == Kickoff:
		return problem.LevelUnsupported
	}
	return codeOf(w)
}

func whatOf(w Work) string {
	switch {
	case w.Lease.Kind == Download:
		return "the file"
	case w.Lease.Kind == Kickoff && w.Export.Level == config.LevelGroup:
		return "group " + w.Export.Group
	case w.Lease.Kind == Kickoff:
		return "an export at level " + w.Export.Level
	}
	return "what was asked for"
}

func missingRemedy(t *config.Tenant, w Work) string {
	if w.Lease.Kind == probing {
		return "Check fhir_base_url: it must be the practice's FHIR base, where its CapabilityStatement is at /metadata."
	}
	if w.Lease.Kind == Kickoff {
		return "Check fhir_base_url, level and group with bulkhead check " + t.ID + "; the practice may have to enable the group for the app."
	}
	return "The file has expired or was removed: start a new export with bulkhead export " + t.ID + "."
}

// RetryAfter gives the pause that a server asked for with its error, 0 if none.
func RetryAfter(err error) time.Duration {
	if status, ok := errors.AsType[*bulkdata.StatusError](err); ok && status.RetryAfter.Given {
		return time.Until(status.RetryAfter.At)
	}
	if token, ok := errors.AsType[*smart.TokenError](err); ok {
		return token.RetryAfter
	}
	if discovery, ok := errors.AsType[*smart.DiscoveryError](err); ok {
		return discovery.RetryAfter
	}
	return 0
}

// Exhausted is the problem of a step that met weather so often that a person
// is asked.
func Exhausted(l store.Lease, err error) *problem.Problem {
	resume := " Then resume with bulkhead export " + l.Tenant + " --resume."
	times := fmt.Sprintf(", %d times in a row", l.Attempt+1)
	switch {
	case l.Kind == Publish:
		return problem.Wrap(err, problem.SinkFailed, "sink "+l.Subject+" did not take the export"+times,
			"Look at the sink and its folder."+resume)
	case l.Kind == Ingest:
		return problem.Wrap(err, problem.StorageDamaged, "file "+l.Subject+" could not be ingested"+times,
			"Look at the disk of the state folder."+resume)
	case l.Kind == Gather:
		return problem.Wrap(err, problem.StorageDamaged, "the refused lines of file "+l.Subject+" could not be brought together"+times,
			"Look at the disk of the state folder."+resume)
	case l.Kind == Attach:
		return problem.Wrap(err, problem.StorageDamaged, "the documents of file "+l.Subject+" could not be stored"+times,
			"Look at the disk of the state folder."+resume)
	case l.Kind == Download:
		return problem.Wrap(err, problem.DownloadFailed, "output file "+l.Subject+" could not be downloaded: "+reasonOf(err)+times,
			"Ask the practice or its vendor whether the server has trouble."+resume)
	case refusesUs(err):
		return problem.Wrap(err, problem.AccessDenied, "the server does not let us: "+reasonOf(err)+times,
			"Check with the practice that the app is still activated, and ask the vendor why the server calls this a passing state."+resume)
	case isUnreachable(err):
		return problem.Wrap(err, problem.ServerUnreachable, "the server cannot be reached: "+reasonOf(err)+times,
			"Check fhir_base_url and this machine's network with bulkhead check "+l.Tenant+"."+resume)
	}
	return problem.Wrap(err, problem.ServerFailing, "the server keeps failing: "+reasonOf(err)+times,
		"Ask the practice or its vendor whether the server has trouble."+resume)
}

func isUnreachable(err error) bool {
	if answered(err) != "" {
		return false
	}
	_, notSent := errors.AsType[*bulkdata.NotSentError](err)
	_, network := errors.AsType[net.Error](err)
	return notSent || network
}

// reasonOf gives an error's own short words, without what it wraps again.
func reasonOf(err error) string {
	if what := answered(err); what != "" {
		return what
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name " + dns.Name + " does not resolve"
	}
	if _, ok := errors.AsType[*bulkdata.TruncatedError](err); ok {
		return "the transfer ends early"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + " " + fmt.Sprint(op.Addr) + ": " + fmt.Sprint(op.Err)
	}
	if isTimeout(err) {
		return "no answer in time"
	}
	return "the connection broke"
}

// answered says what a server answered that was reached; empty when none was.
func answered(err error) string {
	if status, ok := errors.AsType[*bulkdata.StatusError](err); ok {
		return fmt.Sprintf("it answers %d", status.Status)
	}
	if token, ok := errors.AsType[*smart.TokenError](err); ok && token.Status > 0 {
		return fmt.Sprintf("its token endpoint answers %d", token.Status)
	}
	if discovery, ok := errors.AsType[*smart.DiscoveryError](err); ok && discovery.Status > 0 {
		return fmt.Sprintf("it answers %d where its SMART configuration should be", discovery.Status)
	}
	return ""
}

func isTimeout(err error) bool {
	network, ok := errors.AsType[net.Error](err)
	return ok && network.Timeout()
}
