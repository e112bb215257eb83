package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

func town(name string) *population.Population {
	return population.New(population.Config{
		Seed: 7, Practice: name, Patients: 30, VisitsPerPatient: 3, ObservationsPerPatient: 9,
		ChangeRate: 0.002, DeleteRate: 0.002, JoinRate: 0.01,
	})
}

func TestAPopulationSatisfiesTheSourceContract(t *testing.T) {
	p := town("Hillside")
	src := FromPopulation(p)
	epoch := p.Config().Epoch
	for _, resourceType := range src.Types() {
		for _, q := range []Query{
			{Type: resourceType, Until: epoch.AddDate(0, 1, 0)},
			{Type: resourceType, Since: epoch, Until: epoch.AddDate(0, 1, 0)},
		} {
			whole := collect(t, src, q)
			if again := collect(t, src, q); !slices.Equal(again, whole) {
				t.Fatalf("%s: a second reading differs", resourceType)
			}
			var all []string
			for q.Shards, q.Shard = 7, 0; q.Shard < q.Shards; q.Shard++ {
				lines := collect(t, src, q)
				if n, exact, err := src.Size(t.Context(), q); n != len(lines) || !exact || err != nil {
					t.Fatalf("%s: Size %d %v %v, want %d", resourceType, n, exact, err, len(lines))
				}
				all = append(all, lines...)
			}
			slices.Sort(whole)
			if slices.Sort(all); !slices.Equal(all, whole) {
				t.Errorf("%s: the shards are not the whole", resourceType)
			}
		}
	}
	for ref, err := range src.Deleted(t.Context(), Query{Type: "Patient", Until: epoch.AddDate(1, 0, 0)}) {
		t.Errorf("deleted without since: %v %v", ref, err)
	}
}

func TestAPopulationIsExportedWithItsChangesAndDeletions(t *testing.T) {
	pop := town("Hillside")
	practice := Practice{
		Code: "hill", Profile: ProfileStandard, Open: true, Source: FromPopulation(pop),
		Groups: []Group{PopulationGroup(pop, "everybody")}, Knobs: quick(Standard()),
	}
	srv, c := play(t, Config{Practices: []Practice{practice}, Epoch: pop.Config().Epoch})
	base := srv.Practice("hill").Base()
	path := "/Group/" + practice.Groups[0].ID + "/$export"
	keys := func(m manifest) map[string]string {
		found := map[string]string{}
		for _, i := range m.Output {
			for line := range strings.Lines(string(c.get(i.URL, 200).body)) {
				var r struct {
					ResourceType, ID string
				}
				if err := json.Unmarshal([]byte(line), &r); err != nil || r.ResourceType != i.Type {
					t.Fatalf("%s: %v in line %s", i.Type, err, line)
				}
				found[r.ResourceType+"/"+r.ID] = line
			}
		}
		return found
	}
	first := c.wait(c.kickoff(base, path))
	have := keys(first)
	if len(have) < 500 {
		t.Fatalf("%d resources: too few to show anything", len(have))
	}
	srv.Advance(20 * 24 * time.Hour)
	second := c.wait(c.kickoff(base, path+"?_since="+first.TransactionTime))
	changed := keys(second)
	if len(changed) == 0 || len(changed) > len(have)/2 {
		t.Errorf("%d of %d resources changed in twenty days", len(changed), len(have))
	}
	maps.Copy(have, changed)
	deleted := 0
	for _, i := range second.Deleted {
		for line := range strings.Lines(string(c.get(i.URL, 200).body)) {
			var b struct {
				Entry []struct{ Request struct{ URL string } }
			}
			if err := json.Unmarshal([]byte(line), &b); err != nil {
				t.Fatal(err)
			}
			for _, e := range b.Entry {
				delete(have, e.Request.URL)
				deleted++
			}
		}
	}
	if deleted == 0 {
		t.Error("nothing was deleted in twenty days")
	}
	full := keys(c.wait(c.kickoff(base, path)))
	for key, line := range full {
		if have[key] == "" {
			t.Errorf("%s is in the full export only", key)
		} else if have[key] != line {
			t.Errorf("%s differs between the full and the incremental export", key)
		}
		delete(have, key)
	}
	for key := range have {
		t.Errorf("%s is gone and was not deleted", key)
	}
}

func TestPracticesShareIDsAndNoPatients(t *testing.T) {
	hill, lake := town("Hillside"), town("Lakeside")
	first := func(p *population.Population) string {
		return collect(t, FromPopulation(p), Query{Type: "Patient", Until: p.Config().Epoch})[0]
	}
	a, b := first(hill), first(lake)
	if a == b || !strings.Contains(a, `"id":"1"`) || !strings.Contains(b, `"id":"1"`) {
		t.Errorf("first patients:\n%s\n%s", a, b)
	}
}

func TestECWExportsAPopulationByItsIdentifier(t *testing.T) {
	pop := town("Hillside")
	p := ecwPractice(quick(ECW()))
	p.Source, p.Groups = FromPopulation(pop), []Group{PopulationGroup(pop, "everybody")}
	srv, c := play(t, Config{Practices: []Practice{p}, Epoch: pop.Config().Epoch})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, "system/*.r system/Group.read")
	g := srv.Summary().Practices[0].Groups[0]
	if g.Export == g.ID {
		t.Errorf("the group is exported by its id: %+v", g)
	}
	c.send(http.MethodGet, base+"/Group/"+g.ID+"/$export", asyncHeaders, 401)
	m := c.wait(c.kickoff(base, "/Group/"+g.Export+"/$export"))
	types := map[string]bool{}
	for _, i := range m.Output {
		types[i.Type] = true
	}
	if types["Appointment"] || types["MedicationStatement"] || len(types) < 25 {
		t.Errorf("types %v", types)
	}
}
