package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// checkProfile notes all that is wrong with a vendor profile.
func (r *reader) checkProfile(at place, p *Profile) {
	if !idShape.MatchString(p.Name) {
		r.miss(at.at("name"), idRule)
	}
	r.checkWindows(at.at("maintenance"), p.Maintenance)
	r.checkKickoff(at, p)
	r.checkStatus(at, p)
	r.checkFiles(at, p)
	r.checkTokens(at, p)
	for i, t := range p.Tolerate {
		if !slices.Contains(tolerances, t) {
			r.miss(at.at("tolerate").index(i), fmt.Sprintf("is %q, which is no tolerance", string(t)))
		}
	}
	for i, f := range p.Facts {
		r.checkFact(at.at("facts").index(i), f, p)
	}
}

// oneOf notes a word that is none of those that a field may have.
func oneOf[T ~string](r *reader, at place, word T, words ...T) {
	if slices.Contains(words, word) {
		return
	}
	list := make([]string, 0, len(words))
	for _, w := range words {
		if w != "" {
			list = append(list, string(w))
		}
	}
	last := len(list) - 1
	r.miss(at, "must be "+strings.Join(list[:last], ", ")+" or "+list[last])
}

func (r *reader) checkKickoff(at place, p *Profile) {
	oneOf(r, at.at("dialect"), p.Dialect, dialects...)
	if len(p.Levels) == 0 {
		r.miss(at.at("levels"), "is missing")
	}
	for i, level := range p.Levels {
		oneOf(r, at.at("levels").index(i), level, LevelGroup, LevelPatient, LevelSystem)
	}
	r.checkTypes(at.at("types"), p.Types)
	oneOf(r, at.at("group_by"), p.GroupBy, "", ByID, ByIdentifier)
	if strings.ContainsAny(p.Operation, "$/?# ") {
		r.miss(at.at("operation"), "must be a name such as export, without $ and /")
	}
	for i, name := range p.Parameters {
		if !slices.Contains(parameters, name) {
			r.miss(at.at("parameters").index(i), "must be one of "+strings.Join(parameters, ", "))
		}
	}
	oneOf(r, at.at("patient_alone"), p.PatientAlone, "", Allowed, Refused)
	oneOf(r, at.at("one_export_per"), p.OneExportPer, "", PerGroup, PerClient, PerTenant)
	for i, status := range p.BusyStatuses {
		if status < 400 || status > 599 {
			r.miss(at.at("busy_statuses").index(i), "must be an error status, from 400 to 599")
		}
	}
}

func (r *reader) checkStatus(at place, p *Profile) {
	w := p.Poll
	if w.Floor <= 0 || w.Default < w.Floor || w.Ceiling < w.Default {
		r.miss(at.at("poll"), "needs floor, default and ceiling, in rising order")
	}
	if w.RetryAfterCap > 0 && w.RetryAfterCap < w.Floor {
		r.miss(at.at("poll").at("retry_after_cap"), "must not be shorter than floor")
	}
	oneOf(r, at.at("cookies"), p.Cookies, "", Never, PerExport)
	oneOf(r, at.at("backfills_new_members"), p.BackfillsNewMembers, "", Yes, No, Unknown)
	oneOf(r, at.at("delete_after"), p.DeleteAfter, "", Always, Never)
}

func (r *reader) checkFiles(at place, p *Profile) {
	oneOf(r, at.at("redirect_files"), p.RedirectFiles, "", Follow, SameOrigin, Refuse)
	for i, pattern := range p.FileOrigins {
		if !originPattern.MatchString(pattern) {
			r.miss(at.at("file_origins").index(i), "must be an origin such as https://files.example.org or https://*.example.org")
		}
	}
	oneOf(r, at.at("attachments"), p.Attachments, "", AttachmentsInline, AttachmentsByURL, AttachmentsBinary, AttachmentsNone)
	r.notNegative(at.at("max_file_downloads"), p.MaxFileDownloads)
	r.notNegative(at.at("max_parallel_downloads"), p.MaxParallelDownloads)
	if p.AcceptFile == "" {
		r.miss(at.at("accept_file"), "is missing")
	}
}

func (r *reader) checkTokens(at place, p *Profile) {
	for i, alg := range p.Algorithms {
		oneOf(r, at.at("algorithms").index(i), alg, "RS384", "ES384")
	}
	if len(p.Algorithms) == 0 {
		r.miss(at.at("algorithms"), "is missing")
	}
	oneOf(r, at.at("scope").at("style"), p.Scope.Style, "", ScopesV1, ScopesV2, ScopesDiscover)
	if p.Scope.Style == "" && (p.Scope.Each == "" || p.Scope.All == "") {
		r.miss(at.at("scope"), "needs `style`, or both `all` and `each`")
	}
	if h := p.ClientIDHeader; h != "" && !headerName.MatchString(h) {
		r.miss(at.at("client_id_header"), "must be the name of a header")
	}
	r.notNegative(at.at("requests_per_minute"), p.RequestsPerMinute)
}

func (r *reader) checkFact(at place, f Fact, p *Profile) {
	if !slices.Contains(subjects, f.About) && !slices.Contains(tolerances, Tolerance(f.About)) &&
		!slices.Contains(fieldsOf(reflect.TypeFor[Profile]()), f.About) {
		r.miss(at.at("about"), "must be a field of the profile, a tolerance, or one of "+strings.Join(subjects, ", "))
	}
	if f.Says == "" {
		r.miss(at.at("says"), "is missing")
	}
	oneOf(r, at.at("trust"), f.Trust, Documented, Reported, Guess)
	if f.Source == "" && f.Trust != Guess {
		r.miss(at.at("source"), "is missing: only a guess may have none")
	}
	for code := range strings.FieldsSeq(f.Source) {
		if p.Sources[code] == "" {
			r.miss(at.at("source"), fmt.Sprintf("is %q, which `sources` does not explain", code))
		}
	}
}
