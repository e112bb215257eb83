package sandbox

import (
	"fmt"
	"slices"
)

// check refuses knobs that mean nothing, so that a slip in a file of knobs is
// not taken for the default.
func (k Knobs) check() error {
	for _, l := range k.Levels {
		if !slices.Contains([]Level{LevelSystem, LevelPatient, LevelGroup}, l) {
			return fmt.Errorf("unknown level %q", l)
		}
	}
	switch {
	case !slices.Contains([]Duplicate{DuplicateAllowed, Duplicate200, Duplicate409, Duplicate429}, k.Duplicate):
		return fmt.Errorf("unknown answer to a duplicate %q", k.Duplicate)
	case !slices.Contains([]Gone{Gone404, Gone410, GoneCancelled}, k.Gone):
		return fmt.Errorf("unknown answer for a cancelled export %q", k.Gone)
	case !slices.Contains([]Access{AccessBearer, AccessRedirect, AccessPresigned}, k.Access):
		return fmt.Errorf("unknown access to files %q", k.Access)
	case k.TypeScopeStatus < 400 || k.TypeScopeStatus > 599 || k.NoGroupStatus < 400 || k.NoGroupStatus > 599:
		return fmt.Errorf("typeScopeStatus %d and noGroupStatus %d must be from 400 to 599", k.TypeScopeStatus, k.NoGroupStatus)
	case min(k.Takes, k.RetryAfter, k.Expiry, k.LinkLife, k.RateWindow) < 0 || min(k.FilesPer, k.Rate) < 0:
		return fmt.Errorf("a duration or a number is negative")
	}
	if err := checkFaults(k.Faults); err != nil {
		return err
	}
	return k.Token.check()
}

func (k TokenKnobs) check() error {
	for _, alg := range k.Algorithms {
		if alg != "RS384" && alg != "ES384" {
			return fmt.Errorf("unknown algorithm %q", alg)
		}
	}
	if min(k.Life, k.JWKSRefresh) < 0 {
		return fmt.Errorf("a duration of the token endpoint is negative")
	}
	return checkFaults(k.Faults)
}

var (
	kinds = []Kind{
		"", KindMetadata, KindSMART, KindGroup, KindKickoff, KindPoll, KindDelete, KindFile, KindStorage, KindToken, KindOther,
	}
	actions = []Action{ActionStatus, ActionReset, ActionTruncate, ActionHang, ActionLost, ActionGone}
)

func checkFaults(faults []Fault) error {
	for i, f := range faults {
		switch {
		case !slices.Contains(kinds, f.On):
			return fmt.Errorf("fault %d: unknown kind of request %q", i+1, f.On)
		case !slices.Contains(actions, f.Do):
			return fmt.Errorf("fault %d: unknown action %q", i+1, f.Do)
		case f.Status != 0 && (f.Status < 400 || f.Status > 599):
			return fmt.Errorf("fault %d: status %d is not from 400 to 599", i+1, f.Status)
		case min(f.After, f.Times) < 0 || f.AtByte < 0:
			return fmt.Errorf("fault %d: a number is negative", i+1)
		}
	}
	return nil
}
