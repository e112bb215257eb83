package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const asvsOut = "docs/security-checks.md"

func TestThePageOfSecurityChecksIsWhatTheTestsShow(t *testing.T) {
	if err := tellASVS("../..", asvsOut, true); err != nil {
		t.Error(err)
	}
}

func TestARequirementWithoutATestOrAWordIsTold(t *testing.T) {
	tests := map[string][]test{"1.1.1": {{"a", "TestX"}}}
	if _, err := asvsPage([]requirement{{"1.1.1", "what", ""}, {"1.1.2", "what", ""}}, tests); err == nil || !strings.Contains(err.Error(), "1.1.2") {
		t.Errorf("one that nothing shows: %v", err)
	}
	if _, err := asvsPage([]requirement{{"1.1.2", "what", "how"}}, tests); err == nil || !strings.Contains(err.Error(), "1.1.1") {
		t.Errorf("one that there is not: %v", err)
	}
	page, err := asvsPage([]requirement{{"1.1.1", "what", "how"}, {"1.1.2", "other", "not met"}}, tests)
	if err != nil || !strings.Contains(page, "| 1.1.1 | what | shown: how | a: TestX |") || !strings.Contains(page, "| 1.1.2 | other | not met |") {
		t.Errorf("%v: %s", err, page)
	}
}

func TestTheRequirementsPageIsWrittenAndCompared(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "docs"), 0o700); err != nil {
		t.Fatal(err)
	}
	source := "package a\n\nfunc TestX(t *testing.T) { t.Attr(\"asvs\", \"99.1.1\") }\n"
	if err := os.WriteFile(filepath.Join(root, "a_test.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tellASVS(root, asvsOut, false); err == nil {
		t.Error("requirements that nothing shows were taken")
	}
}
