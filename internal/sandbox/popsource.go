package sandbox

import (
	"context"
	"iter"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

// FromPopulation returns a synthetic population as a practice's records.
// Shards are made of whole patients, so the parts of a query are of about the
// same size, and where there are more shards than patients some are empty.
func FromPopulation(p *population.Population) Source { return populationSource{p} }

// PopulationGroup returns the group of all patients of p.
func PopulationGroup(p *population.Population, name string) Group {
	id, identifier := p.GroupID()
	return Group{ID: id, Identifier: identifier, Name: name}
}

type populationSource struct {
	*population.Population
}

func (s populationSource) Types() []string { return population.Types() }

func (s populationSource) Size(_ context.Context, q Query) (n int, exact bool, err error) {
	return s.part(q).Count(q.Type, q.Since, q.Until), true, nil
}

func (s populationSource) Open(_ context.Context, q Query) iter.Seq2[[]byte, error] {
	return s.part(q).Resources(q.Type, q.Since, q.Until)
}

func (s populationSource) Deleted(_ context.Context, q Query) iter.Seq2[Ref, error] {
	return func(yield func(Ref, error) bool) {
		if q.Since.IsZero() {
			return
		}
		for id := range s.part(q).Population.Deleted(q.Type, q.Since, q.Until) {
			if !yield(Ref{q.Type, id}, nil) {
				return
			}
		}
	}
}

func (s populationSource) part(q Query) populationSource {
	if q.Shards <= 1 {
		return s
	}
	return populationSource{s.Shard(q.Shard, q.Shards)}
}
