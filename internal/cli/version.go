package cli

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

type versionCommand struct{}

// Run prints what this binary was built from.
func (*versionCommand) Run(g *Globals) error {
	version, revision := cmp.Or(g.streams.Version, "unreleased"), ""
	if build, ok := debug.ReadBuildInfo(); ok {
		if g.streams.Version == "" && build.Main.Version != "" && build.Main.Version != "(devel)" {
			version = build.Main.Version
		}
		for _, s := range build.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	if g.JSON {
		return g.emit(map[string]string{"version": version, "revision": revision, "go": runtime.Version()})
	}
	g.printf("bulkhead %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
