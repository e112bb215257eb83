package scenario_test

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
)

// A variation is one way in which a server differs, drawn by chance. An export
// from such a server completes, or ends with one of the problems: those that
// name what was varied.
type variation struct {
	name  string
	apply func(k *sandbox.Knobs, r *rand.Rand)
	ends  []problem.Code
	never bool // it may be that no export ends: the server is still at work
}

// set makes the change of a knob that leaves nothing to chance.
func set(change func(*sandbox.Knobs)) func(*sandbox.Knobs, *rand.Rand) {
	return func(k *sandbox.Knobs, _ *rand.Rand) { change(k) }
}

// pick draws one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// codes is a list of problems.
func codes(list ...problem.Code) []problem.Code { return list }

// withCodes gives variations that differ in what they may end with.
func variations() []variation {
	return slices.Concat(kickoffVariations(), pollVariations(), manifestVariations(), fileVariations(), lineVariations(), tokenVariations())
}

func kickoffVariations() []variation {
	return []variation{
		{"duplicate", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Duplicate = pick(r, sandbox.Duplicate200, sandbox.Duplicate409, sandbox.Duplicate429, sandbox.Duplicate429Empty, sandbox.Duplicate429Locations)
		}, nil, false},
		{"onePer", set(func(k *sandbox.Knobs) { k.OnePer, k.Duplicate = sandbox.OnePerPractice, sandbox.Duplicate429 }), nil, false},
		{"slotUntilDelete", set(func(k *sandbox.Knobs) { k.SlotUntilDelete, k.Duplicate = true, sandbox.Duplicate429 }), nil, false},
		{"kickoffWindow", func(k *sandbox.Knobs, r *rand.Rand) {
			k.KickoffWindow, k.KickoffWindowStatus = 24*time.Hour, pick(r, 0, 400, 403, 422, 429)
		}, codes(problem.KickoffRefused, problem.AccessDenied), false},
		{"contentLocation", func(k *sandbox.Knobs, r *rand.Rand) {
			k.ContentLocation = pick(r, sandbox.LocationRelative, sandbox.LocationDouble, sandbox.LocationLower)
		}, codes(problem.KickoffUnknown), false},
		{"contentLocation missing", set(func(k *sandbox.Knobs) { k.ContentLocation = sandbox.LocationMissing }), codes(problem.KickoffUnknown, problem.KickoffRefused), false},
		{"contentLocation otherHost", set(func(k *sandbox.Knobs) { k.ContentLocation = sandbox.LocationOtherHost }), codes(problem.KickoffUnknown), false},
		{"poll404First", func(k *sandbox.Knobs, r *rand.Rand) { k.Poll404 = 1 + r.IntN(3) }, codes(problem.ExportGone), false},
		{"rejectRepeatedParams", set(func(k *sandbox.Knobs) { k.RejectRepeated = true }), codes(problem.KickoffRefused), false},
		{"dialect", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Dialect = pick(r, sandbox.STU1, sandbox.STU2, sandbox.STU3, sandbox.STU4)
		}, codes(problem.KickoffRefused, problem.LevelUnsupported, problem.GroupMissing), false},
		{"unknownParam", func(k *sandbox.Knobs, r *rand.Rand) {
			k.UnknownParam = pick(r, sandbox.Unknown400, sandbox.Unknown422, sandbox.UnknownIgnore)
		}, nil, false},
		{"lacksParams", set(func(k *sandbox.Knobs) { k.LacksParams = []string{"_since"} }), codes(problem.KickoffRefused), false},
		{"adminOnly", set(func(k *sandbox.Knobs) { k.AdminOnly = sandbox.AdminReject }), nil, false},
		{"strictHeaders", set(func(k *sandbox.Knobs) { k.StrictHeaders = true }), nil, false},
		{"affinityCookie", set(func(k *sandbox.Knobs) { k.AffinityCookie = true }), nil, false},
		{"separateExportStatus", func(k *sandbox.Knobs, r *rand.Rand) {
			k.SeparateExportStatus = pick(r, sandbox.SeparateOneLine, sandbox.SeparateTwoLines)
		}, nil, false},
		{"scopeDialect", func(k *sandbox.Knobs, r *rand.Rand) {
			k.ScopeDialect = pick(r, sandbox.ScopesRead, sandbox.ScopesRS, sandbox.ScopesR, sandbox.ScopesMixed)
		}, codes(problem.TokenRefused, problem.AccessDenied), false},
		{
			"groups disabled", set(func(k *sandbox.Knobs) { k.DisabledGroups = []string{"g1", "8a5c1d3e-6f00-4b7a-9c21-0d4e5f6a7b81"} }),
			codes(problem.GroupMissing, problem.AccessDenied), false,
		},
	}
}

func pollVariations() []variation {
	return []variation{
		{"retryAfter", func(k *sandbox.Knobs, r *rand.Rand) {
			k.RetryText = pick(r, "none", "date", "-5", "abc", "90s", "0s", "300")
		}, nil, false},
		{"retryAfter huge", func(k *sandbox.Knobs, r *rand.Rand) { k.RetryText = pick(r, "18000", "epoch", "epochms") }, nil, false},
		{"minPoll", func(k *sandbox.Knobs, r *rand.Rand) { k.MinPoll = pick(r, 20*time.Second, 2*time.Minute) }, nil, false},
		{"transient", func(k *sandbox.Knobs, r *rand.Rand) { k.Transient = 1 + r.IntN(4) }, nil, false},
		{"html", func(k *sandbox.Knobs, r *rand.Rand) { k.HTML = 1 + r.IntN(4) }, nil, false},
		{"fail", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Fail = pick(r, sandbox.Fail500, sandbox.Fail400, sandbox.FailHTML)
		}, codes(problem.ExportFailed, problem.ServerFailing), true},
		{"stuck", set(func(k *sandbox.Knobs) { k.Stuck, k.RetryText = true, "900" }), codes(problem.ExportStuck), true},
		{"progress", set(func(k *sandbox.Knobs) { k.Progress = []string{"", "in progress", "Build in progress - 12", "99", "3"} }), nil, false},
		{"takes long", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Takes, k.RetryText = pick(r, 20*time.Minute, 5*time.Hour), "600"
		}, nil, false},
		{"expires", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Expires = pick(r, sandbox.ExpiresGo, sandbox.ExpiresZero, sandbox.ExpiresMissing)
		}, nil, false},
		{"bindClient", set(func(k *sandbox.Knobs) { k.BindClient = true }), nil, false},
		{"lowerCase", set(func(k *sandbox.Knobs) { k.LowerCase = true }), nil, false},
		{"rate", func(k *sandbox.Knobs, r *rand.Rand) { k.Rate, k.RateWindow = 6+r.IntN(20), time.Minute }, nil, false},
	}
}

func manifestVariations() []variation {
	invalid := codes(problem.ManifestInvalid, problem.ExportFailed)
	return []variation{
		{"omit", func(k *sandbox.Knobs, r *rand.Rand) { k.Omit = sandbox.Names{pick(r, "error", "request", "deleted")} }, nil, false},
		{"omit what matters", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Omit = sandbox.Names{pick(r, "transactionTime", "requiresAccessToken", "output")}
		}, invalid, false},
		{"count", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Count = pick(r, sandbox.CountNone, sandbox.CountRight, sandbox.CountWrong, sandbox.CountString)
		}, codes(problem.ManifestInvalid), false},
		{"rat", func(k *sandbox.Knobs, r *rand.Rand) {
			k.RAT = pick(r, sandbox.RATTrue, sandbox.RATText, sandbox.RATMissing, sandbox.RATWrong)
		}, append(invalid, problem.DownloadFailed), false},
		{"rat false", set(func(k *sandbox.Knobs) { k.RAT = sandbox.RATFalse }), codes(problem.DownloadFailed), false},
		{"txTime", func(k *sandbox.Knobs, r *rand.Rand) {
			k.TxTime = pick(r, sandbox.TxEnd, sandbox.TxMissing, sandbox.TxNoZone, sandbox.TxGarbage)
		}, invalid, false},
		{"empty", set(func(k *sandbox.Knobs) { k.Empty = true }), nil, false},
		{"emptyManifest", set(func(k *sandbox.Knobs) { k.EmptyManifest = true }), append(invalid, problem.ServerFailing), false},
		{"ampEscape", set(func(k *sandbox.Knobs) { k.AmpEscape = true }), codes(problem.DownloadFailed), false},
		{"extras", set(func(k *sandbox.Knobs) {
			k.Extras = sandbox.Names{sandbox.ExtraMembers, sandbox.ExtraJobID, sandbox.ExtraChecksum}
		}), nil, false},
		{"extras modifier", set(func(k *sandbox.Knobs) { k.Extras = sandbox.Names{sandbox.ExtraModifier} }), codes(problem.ManifestInvalid, problem.DownloadFailed, problem.ExportFailed), false},
		{"outcomes", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Outcomes = pick(r, sandbox.OutcomesInfo, sandbox.OutcomesWarning, sandbox.OutcomesError, sandbox.OutcomesMixed)
		}, nil, false},
		{"deleted", func(k *sandbox.Knobs, r *rand.Rand) { k.Deletions, k.Deleted = true, 1+r.IntN(5) }, nil, false},
		{"pages", func(k *sandbox.Knobs, r *rand.Rand) { k.Pages, k.PageWaits = 2+r.IntN(3), r.IntN(3) }, nil, false},
		{"pageLoop", set(func(k *sandbox.Knobs) { k.Pages, k.PageLoop = 2, true }), invalid, false},
		{"foreignPages", set(func(k *sandbox.Knobs) { k.Pages, k.ForeignPages = 2, true }), append(invalid, problem.AccessDenied), false},
		{"partial", set(func(k *sandbox.Knobs) { k.Pages, k.Partial = 3, true }), nil, false},
		{"organized", set(func(k *sandbox.Knobs) { k.Organized = true }), nil, false},
		{"urls relative", set(func(k *sandbox.Knobs) { k.URLs = sandbox.URLsRelative }), append(invalid, problem.DownloadFailed), false},
		{"urls otherHost", set(func(k *sandbox.Knobs) { k.URLs = sandbox.URLsOtherHost }), append(invalid, problem.DownloadFailed), false},
		{"relisted", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Relisted = pick(r, sandbox.RelistedTurned, sandbox.RelistedOpaque, sandbox.RelistedOpaqueTurned, sandbox.RelistedOpaqueFewer)
		}, codes(problem.ManifestInvalid, problem.DownloadFailed), false},
		{"filesPerType", func(k *sandbox.Knobs, r *rand.Rand) { k.FilesPerType = 2 + r.IntN(9) }, nil, false},
		{"manifestType", set(func(k *sandbox.Knobs) { k.ManifestType = "http://example.test/of-another-kind" }), nil, false},
		{"outputFormat", set(func(k *sandbox.Knobs) { k.OutputFormat = "text/csv" }), invalid, false},
	}
}

func fileVariations() []variation {
	broken := codes(problem.DownloadFailed)
	return []variation{
		{"file", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Access = pick(r, sandbox.AccessBearer, sandbox.AccessRedirect, sandbox.AccessPresigned, sandbox.AccessScoped)
		}, nil, false},
		{"linkTTL", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Access, k.LinkLife = pick(r, sandbox.AccessRedirect, sandbox.AccessPresigned), pick(r, time.Second, time.Minute)
		}, nil, false},
		{"maxDownloads", set(func(k *sandbox.Knobs) { k.MaxDownloads = 6 }), broken, false},
		{"acceptStrict", set(func(k *sandbox.Knobs) { k.AcceptStrict = true }), broken, false},
		{"contentType", func(k *sandbox.Knobs, r *rand.Rand) {
			k.ContentType = pick(r, "application/ndjson", "application/octet-stream", "text/plain; charset=utf-8", "application/json")
		}, nil, false},
		{"delete", func(k *sandbox.Knobs, r *rand.Rand) { k.Delete = pick(r, 200, 404, 410, 500) }, nil, false},
		{"ranges", set(func(k *sandbox.Knobs) { k.Ranges = true }), nil, false},
		{"changed", set(func(k *sandbox.Knobs) { k.Changed = 1 }), nil, false},
		{"enc", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Enc = pick(r, sandbox.EncNone, sandbox.EncGzip, sandbox.EncMultiMember, sandbox.EncGzNoHeader, sandbox.EncDeflate)
		}, nil, false},
		{"enc odd", func(k *sandbox.Knobs, r *rand.Rand) { k.Enc = pick(r, sandbox.EncDoubleGz, sandbox.EncBr) }, broken, false},
		{"cut once", func(k *sandbox.Knobs, r *rand.Rand) {
			k.CutAt, k.BadGets, k.CutLength = int64(100+r.IntN(3000)), 1, r.IntN(2) == 0
		}, nil, false},
		{"cut always", func(k *sandbox.Knobs, r *rand.Rand) {
			k.CutAt, k.CutLength = int64(100+r.IntN(3000)), true
		}, broken, false},
		{"fileError once", func(k *sandbox.Knobs, r *rand.Rand) {
			k.FileError, k.BadGets = pick(r, sandbox.FileErrorLine, sandbox.FileErrorWhole, sandbox.FileErrorHTML), 1
		}, broken, false},
		{"fileError", func(k *sandbox.Knobs, r *rand.Rand) {
			k.FileError = pick(r, sandbox.FileErrorLine, sandbox.FileErrorWhole, sandbox.FileErrorHTML)
		}, broken, false},
	}
}

func lineVariations() []variation {
	return []variation{
		{"blankLines", func(k *sandbox.Knobs, r *rand.Rand) { k.BlankLines = 1 + r.IntN(5) }, nil, false},
		{"eol", set(func(k *sandbox.Knobs) { k.EOL = sandbox.EOLCRLF }), nil, false},
		{"bom", set(func(k *sandbox.Knobs) { k.BOM = true }), nil, false},
		{"noFinalEol", set(func(k *sandbox.Knobs) { k.NoFinalEOL = true }), nil, false},
		{"splitLine", set(func(k *sandbox.Knobs) { k.SplitLine = 2 }), nil, false},
		{"prettyLine", set(func(k *sandbox.Knobs) { k.PrettyLine = 1 }), nil, false},
		{"bigLine", set(func(k *sandbox.Knobs) { k.BigLine = 1 }), nil, false},
		{"dup", set(func(k *sandbox.Knobs) { k.Dup, k.FilesPer = 30, 10 }), nil, false},
		{"longId", set(func(k *sandbox.Knobs) { k.LongID = 100 }), nil, false},
		{"noMeta", set(func(k *sandbox.Knobs) { k.NoMeta = 50 }), nil, false},
		{"silentEdit", set(func(k *sandbox.Knobs) { k.SilentEdit = 20 }), nil, false},
		{"refs", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Refs = pick(r, sandbox.RefsRelative, sandbox.RefsAbsolute, sandbox.RefsDangling)
		}, nil, false},
		{"hideMembers", set(func(k *sandbox.Knobs) { k.HideMembers = true }), nil, false},
		{"joins", set(func(k *sandbox.Knobs) { k.Joins, k.Leaves = 30, 10 }), nil, false},
		{"wrongType", func(k *sandbox.Knobs, r *rand.Rand) { k.WrongType = 1 + r.IntN(3) }, nil, false},
		{"noId", func(k *sandbox.Knobs, r *rand.Rand) { k.NoID = 1 + r.IntN(3) }, nil, false},
		{"badBytes", func(k *sandbox.Knobs, r *rand.Rand) {
			k.BadBytes = sandbox.Names{pick(r, sandbox.BadNUL, sandbox.BadUTF8, sandbox.BadSurrogate, sandbox.BadDuplicate, sandbox.BadHugeNumber)}
		}, nil, false},
		{"bad", set(func(k *sandbox.Knobs) {
			k.Bad = []sandbox.BadLines{{Type: "Observation", Broken: 2, NoID: 1}, {Type: "Patient", WrongType: 1}}
		}), nil, false},
	}
}

func tokenVariations() []variation {
	refused := codes(problem.TokenRefused)
	return []variation{
		{"expiresIn", func(k *sandbox.Knobs, r *rand.Rand) { k.Token.ExpiresIn = pick(r, "string", "missing", "1200") }, nil, false},
		{"expiresIn nonsense", set(func(k *sandbox.Knobs) { k.Token.ExpiresIn = "soon" }), refused, false},
		{"token.limit", set(func(k *sandbox.Knobs) { k.Token.Limit, k.Token.LimitWindow = 1, 2*time.Minute }), nil, false},
		{"token.life", func(k *sandbox.Knobs, r *rand.Rand) { k.Token.Life = pick(r, 5*time.Second, 30*time.Second, time.Hour) }, nil, false},
		{
			"token.narrow", set(func(k *sandbox.Knobs) { k.Token.Narrow = sandbox.Names{"Observation"} }),
			codes(problem.TokenRefused, problem.AccessDenied, problem.KickoffRefused), false,
		},
		{
			"algorithms", func(k *sandbox.Knobs, r *rand.Rand) { k.Token.Algorithms = []string{pick(r, "RS384", "ES384")} },
			codes(problem.TokenRefused, problem.DiscoveryFailed, problem.KeyInvalid), false,
		},
		{"jwks", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Token.JWKS = pick(r, sandbox.JWKSUnreachable, sandbox.JWKSUnknownKID)
		}, refused, false},
		{"jwksURLOnly", set(func(k *sandbox.Knobs) { k.Token.JWKSURLOnly = true }), refused, false},
		{"propagationDelay", set(func(k *sandbox.Knobs) { k.Token.Propagation = 3 * time.Hour }), refused, false},
		{"skew", func(k *sandbox.Knobs, r *rand.Rand) {
			k.Token.Skew = pick(r, 30*time.Second, -30*time.Second)
		}, nil, false},
		{"skew large", func(k *sandbox.Knobs, r *rand.Rand) { k.Token.Skew = pick(r, 10*time.Minute, -10*time.Minute) }, refused, false},
		{"replay", func(k *sandbox.Knobs, r *rand.Rand) { k.Token.Replay = 1 + r.IntN(3) }, nil, false},
	}
}
