package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

func TestECWScopesAreSpelledAsTheVendorAdvertisesThem(t *testing.T) {
	t.Parallel()
	t.Attr("shows", "A8")
	ecw := Profiles()["ecw"]
	for _, tt := range []struct {
		name  string
		types []string
		want  []string
	}{
		{"no types ask for all of them", nil, []string{"system/Group.read", "system/*.r"}},
		{
			"both spellings in one request",
			[]string{"Patient", "Coverage"},
			[]string{"system/Group.read", "system/Patient.read", "system/Coverage.r"},
		},
		{"the group scope is not repeated", []string{"Group"}, []string{"system/Group.read"}},
	} {
		if diff := cmp.Diff(tt.want, ecw.Scopes(tt.types)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := ecw.Scopes(nil); len(got) != 2 {
		t.Errorf("asking twice gives %v", got)
	}
}

func TestScopesAreSpelledInTheStyleOfTheServer(t *testing.T) {
	t.Parallel()
	all := Profiles()
	for _, tt := range []struct {
		profile string
		style   ScopeStyle
		want    []string
	}{
		{"standard", ScopesDiscover, []string{"system/Patient.read"}},
		{"standard", ScopesV1, []string{"system/Patient.read"}},
		{"standard", ScopesV2, []string{"system/Patient.rs"}},
		{"nextgen", all["nextgen"].Scope.Style, []string{"system/Patient.rs"}},
		{"athena", all["athena"].Scope.Style, []string{"system/Patient.read"}},
	} {
		if got := all[tt.profile].ScopesIn(tt.style, []string{"Patient"}); !slices.Equal(got, tt.want) {
			t.Errorf("%s in %s asks for %v, want %v", tt.profile, tt.style, got, tt.want)
		}
	}
	if got := all["standard"].ScopesIn(ScopesV2, nil); !slices.Equal(got, []string{"system/*.rs"}) {
		t.Errorf("all types in v2 are %v", got)
	}
}

func TestECWOffersTheTypesThatFHIRListsForIt(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(fhir.ECWTypes, Profiles()["ecw"].Types); diff != "" {
		t.Errorf("types (-fhir.ECWTypes +profile):\n%s", diff)
	}
}

func TestTheStandardProfileToleratesNothing(t *testing.T) {
	t.Parallel()
	all := Profiles()
	for _, name := range []string{"standard", "standard-stu1", "standard-stu2", "standard-stu3", "standard-stu4"} {
		p := all[name]
		if len(p.Tolerate) > 0 {
			t.Errorf("%s tolerates %v", name, p.Tolerate)
		}
		for _, level := range []string{LevelGroup, LevelPatient, LevelSystem} {
			if !p.HasLevel(level) {
				t.Errorf("%s has no level %s", name, level)
			}
		}
		if !p.DeletesAfter() || p.KeepsCookies() || !p.Takes(ParamSince) {
			t.Errorf("%s departs from the standard", name)
		}
	}
	if got, want := all["standard"].Scopes([]string{"Patient"}), []string{"system/Patient.read"}; !slices.Equal(got, want) {
		t.Errorf("scopes = %v, want %v", got, want)
	}
}

func TestEveryNamedToleranceIsKnown(t *testing.T) {
	t.Parallel()
	ecw := Profiles()["ecw"]
	for _, want := range []Tolerance{Duplicate200, AmpEscape} {
		if !ecw.Tolerates(want) {
			t.Errorf("ecw does not tolerate %s", want)
		}
	}
	if ecw.Tolerates(TokenFlagText) {
		t.Error("ecw tolerates what nobody has seen there")
	}
}

// The habits that decide whether a server locks us out, in the profiles that
// have them.
func TestVendorsHabitsAreInTheirProfiles(t *testing.T) {
	t.Parallel()
	all := Profiles()
	for what, holds := range map[string]bool{
		"Epic takes no _since":                  !all["epic"].Takes(ParamSince) && all["epic"].Takes(ParamType),
		"Epic takes a kick-off a day":           all["epic"].KickoffCooldown.Std() == 24*time.Hour,
		"Epic refuses Patient alone":            all["epic"].PatientAlone == Refused,
		"Oracle wants a clinical type":          all["oracle-millennium"].ClinicalTypeNeeded,
		"AB2D gives a file six times":           all["ab2d"].MaxFileDownloads == 6,
		"AB2D has a floor of _since":            all["ab2d"].SinceFloor.Equal(time.Date(2020, 2, 13, 0, 0, 0, 0, time.UTC)),
		"eCW keeps cookies":                     all["ecw"].KeepsCookies(),
		"eCW takes 250 requests a minute":       all["ecw"].RequestsPerMinute == 250,
		"Firely wants one type of Accept":       all["firely"].AcceptFile == "application/fhir+ndjson",
		"what epic does not say, standard says": all["epic"].AcceptFile == all["standard"].AcceptFile && all["epic"].MaxAge.Std() == 30*24*time.Hour,
	} {
		if !holds {
			t.Errorf("not so: %s", what)
		}
	}
}

// laid reads profiles from texts by file name, over the built-in ones.
func laid(files map[string]string) (map[string]*Profile, Mistakes) {
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	r := &reader{}
	all := maps.Clone(builtIns())
	r.readProfiles(folder, ".", all)
	return all, r.mistakes
}

var builtIns = sync.OnceValue(Profiles)

func TestAProfileIsLaidOverAnother(t *testing.T) {
	t.Parallel()
	all, mistakes := laid(map[string]string{
		"a.yaml":    "name: second\nextends: first\ntolerate: []\nscope: {by_type: {Patient: system/Patient.r}}\n",
		"b.yaml":    "name: first\nextends: ecw\npoll: {floor: 1m}\nlevels: [group, system]\nscope: {by_type: {Claim: system/Claim.x}}\n",
		"ecw.yaml":  "name: ecw\nextends: ecw\nrequests_per_minute: 99\n",
		"note.text": "no profile",
	})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	first, second, ecw, builtIn := all["first"], all["second"], all["ecw"], Profiles()["ecw"]
	if first.Poll.Floor.Std() != time.Minute || first.Poll.Default != builtIn.Poll.Default || !slices.Equal(first.Levels, []string{"group", "system"}) {
		t.Errorf("first has the poll %+v and the levels %v", first.Poll, first.Levels)
	}
	if len(second.Tolerate) != 0 || len(first.Tolerate) != len(builtIn.Tolerate) {
		t.Errorf("second tolerates %v, first %v", second.Tolerate, first.Tolerate)
	}
	if got := second.Scope.ByType; got["Patient"] != "system/Patient.r" || got["Claim"] != "system/Claim.x" || got["Media"] != "system/Media.r" {
		t.Errorf("second's scopes are %v", got)
	}
	if _, ok := first.Scope.ByType["Patient"]; ok {
		t.Error("second has changed the profile below it")
	}
	if ecw.RequestsPerMinute != 99 || first.RequestsPerMinute != 99 || ecw.Dialect != STU1 || builtIn.RequestsPerMinute != 250 {
		t.Errorf("a file over the built-in profile of its name gives %d requests, one over that %d", ecw.RequestsPerMinute, first.RequestsPerMinute)
	}
	if len(first.Facts) != 0 || len(builtIn.Facts) == 0 {
		t.Error("facts are taken over")
	}
}

func TestMistakesInProfilesAreToldWithFileAndLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"extends nothing known", "name: x\nextends: nobody\n", `x.yaml:2: extends is "nobody", but the profiles are ab2d,`},
		{"extends itself", "name: x\nextends: x\n", `x.yaml:2: extends is "x"`},
		{"unknown field", "name: x\nextends: ecw\nspeed: 3\n", "x.yaml:3: speed is not a field here"},
		{"unknown dialect", "name: x\nextends: ecw\ndialect: r5\n", "x.yaml:3: dialect must be stu1, stu2, stu3, stu4 or discover"},
		{"unknown parameter", "name: x\nextends: ecw\nparameters:\n  - _type\n  - since\n", "x.yaml:5: parameters[1] must be one of _outputFormat"},
		{"order of waits", "name: x\nextends: ecw\npoll:\n  floor: 1h\n", "x.yaml:3: poll needs floor"},
		{"cap below the floor", "name: x\nextends: ecw\npoll:\n  retry_after_cap: 1s\n", "x.yaml:4: poll.retry_after_cap must not be shorter"},
		{"status that is no error", "name: x\nextends: ecw\nbusy_statuses: [202]\n", "x.yaml:3: busy_statuses[0] must be an error status"},
		{"origin with a path", "name: x\nextends: ecw\nfile_origins: ['https://a.example/x']\n", "x.yaml:3: file_origins[0] must be an origin"},
		{"origin by http", "name: x\nextends: ecw\nfile_origins: ['http://a.example']\n", "x.yaml:3: file_origins[0] must be an origin"},
		{"word for attachments", "name: x\nextends: ecw\nattachments: often\n", "x.yaml:3: attachments must be inline, url, binary-one-by-one or none"},
		{"scopes by half", "name: x\nextends: ecw\nscope: {style: '', each: ''}\n", "x.yaml:3: scope needs `style`"},
		{"header with a space", "name: x\nextends: ecw\nclient_id_header: My Header\n", "x.yaml:3: client_id_header must be"},
		{"operation as a path", "name: x\nextends: ecw\noperation: $export\n", "x.yaml:3: operation must be a name"},
		{"fact about nothing", "name: x\nextends: ecw\nfacts:\n  - {about: weather, says: It rains., trust: guess}\n", "x.yaml:4: facts[0].about must be a field"},
		{"fact without a source", "name: x\nextends: ecw\nfacts:\n  - {about: poll, says: Often., trust: documented}\n", "x.yaml:4: facts[0].source is missing"},
		{"source that nobody explains", "name: x\nextends: ecw\nfacts:\n  - {about: poll, says: Often., trust: reported, source: Z9}\n", `x.yaml:4: facts[0].source is "Z9"`},
		{"trust", "name: x\nextends: ecw\nfacts:\n  - {about: poll, says: Often., trust: sure, source: Z9}\nsources: {Z9: a page}\n", "x.yaml:4: facts[0].trust must be documented, reported or guess"},
		{"no name", "extends: ecw\n", "x.yaml: name must be 1 to 63"},
	} {
		_, mistakes := laid(map[string]string{"x.yaml": tt.text})
		if len(mistakes) == 0 || !strings.Contains(mistakes.inOrder([]string{"x.yaml"})[0].String(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, mistakes, tt.want)
		}
	}
}

func TestProfilesThatExtendEachOtherAreAMistake(t *testing.T) {
	t.Parallel()
	_, mistakes := laid(map[string]string{"a.yaml": "name: a\nextends: b\n", "b.yaml": "name: b\nextends: a\n"})
	if len(mistakes) == 0 || !strings.Contains(mistakes.Error(), "goes round in a circle") {
		t.Errorf("mistakes: %v", mistakes)
	}
	_, mistakes = laid(map[string]string{"a.yaml": "name: same\nextends: ecw\n", "b.yaml": "name: same\nextends: ecw\n"})
	if len(mistakes) != 1 || !strings.Contains(mistakes.Error(), `b.yaml:1: name is "same", which a.yaml has already`) {
		t.Errorf("mistakes: %v", mistakes)
	}
}

func TestAUsersProfileIsUsedWithoutCode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"profiles/mercy.yaml": "name: mercy\nextends: epic\ntitle: Mercy's Epic\npoll: {default: 20m}\n",
		"bulkhead.yaml": "profiles: profiles\nregistrations: {m: {profile: mercy, client_id: c, key_file: k.pem}}\n" +
			"tenants:\n  - {id: mercy, registration: m, group: g, types: [Patient, Condition], fhir_base_url: 'https://ehr.example.org/fhir'}\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(filepath.Join(dir, "bulkhead.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p := c.Profile(&c.Tenants[0])
	if p.Title != "Mercy's Epic" || p.Poll.Default.Std() != 20*time.Minute || p.KickoffCooldown.Std() != 24*time.Hour {
		t.Errorf("the profile is %+v", p)
	}
}

func FuzzNoProfileBreaksTheReader(f *testing.F) {
	f.Add("name: x\nextends: ecw\n", "name: y\nextends: x\n")
	f.Add("name: x\nextends: y\n", "name: y\nextends: x\n")
	f.Add("name: &a x\nextends: *a\nfacts: [{about: poll}]\n", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		all, mistakes := laid(map[string]string{"a.yaml": a, "b.yaml": b})
		for name, p := range all {
			if p == nil || p.Name != name {
				t.Errorf("profile %q is %v", name, p)
			}
		}
		for _, m := range mistakes {
			if m.File == "" || m.Text == "" {
				t.Errorf("mistake without a place or a text: %+v", m)
			}
		}
	})
}

func TestAServersSoftwareNamesItsVendorsProfiles(t *testing.T) {
	t.Parallel()
	c, err := tenantWith("standard", "")
	if err != nil {
		t.Fatal(err)
	}
	for software, want := range map[string]string{
		"Epic August 2026": "epic", "eCW FHIR Facade 1.6": "ecw", "CERNER Millennium": "oracle-millennium", "My own server": "", "": "",
	} {
		if got := strings.Join(c.Recognise(software), " "); got != want {
			t.Errorf("%q is of %q, want %q", software, got, want)
		}
	}
}
