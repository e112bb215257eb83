package config

import (
	"fmt"
	"slices"
)

// checkProfile notes all that is wrong with a vendor profile.
func (r *reader) checkProfile(at place, p *Profile) {
	if !idShape.MatchString(p.Name) {
		r.miss(at.at("name"), idRule)
	}
	if !slices.Contains([]Dialect{STU1, STU2, STU3, STU4}, p.Dialect) {
		r.miss(at.at("dialect"), "must be stu1, stu2, stu3 or stu4")
	}
	if len(p.Levels) == 0 {
		r.miss(at.at("levels"), "is missing")
	}
	for i, level := range p.Levels {
		if !slices.Contains([]string{LevelSystem, LevelPatient, LevelGroup}, level) {
			r.miss(at.at("levels").index(i), "must be group, patient or system")
		}
	}
	r.checkTypes(at.at("types"), p.Types)
	for i, alg := range p.Algorithms {
		if alg != "RS384" && alg != "ES384" {
			r.miss(at.at("algorithms").index(i), "must be RS384 or ES384")
		}
	}
	if len(p.Algorithms) == 0 {
		r.miss(at.at("algorithms"), "is missing")
	}
	if p.Scope.Each == "" || p.Scope.All == "" {
		r.miss(at.at("scope"), "needs `all` and `each`")
	}
	if w := p.Poll; w.Floor <= 0 || w.Default < w.Floor || w.Ceiling < w.Default {
		r.miss(at.at("poll"), "needs floor, default and ceiling, in rising order")
	}
	r.notNegative(at.at("requests_per_minute"), p.RequestsPerMinute)
	r.notNegative(at.at("max_parallel_downloads"), p.MaxParallelDownloads)
	if p.AcceptFile == "" {
		r.miss(at.at("accept_file"), "is missing")
	}
	for i, t := range p.Tolerate {
		if !slices.Contains(tolerances, t) {
			r.miss(at.at("tolerate").index(i), fmt.Sprintf("is %q, which is no tolerance", string(t)))
		}
	}
}
