package engine_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/pharos-security/pharos/tools/internal/engine/layercache"
	"github.com/pharos-security/pharos/tools/internal/testimage"
)

func TestANewDatabaseChangesWhatAKeptSBOMIsMatchedTo(t *testing.T) {
	p := start(t, layercache.Limits{})
	image := testimage.Write(t, testimage.OldDebian(), testimage.NodeModules(map[string]string{"lodash": "4.17.20", "minimist": "0.0.8"}))
	out := t.TempDir()
	sbomPath, reportPath := filepath.Join(out, "sbom.json.gz"), filepath.Join(out, "report.json")
	p.must("catalogue", map[string]any{"layout": image.Layout, "manifestDigest": image.ManifestDigest, "reference": "x", "sbomPath": sbomPath}, nil)

	matchWith := func(factsName string) report {
		t.Helper()
		p.must("openDatabase", map[string]any{"directory": sampleDatabase(t, factsName)}, nil)
		p.must("match", map[string]any{"sbomPath": sbomPath, "reportPath": reportPath}, nil)
		var got report
		readJSON(t, reportPath, &got)
		return got
	}
	before, after := matchWith("facts.json"), matchWith("facts-next.json")

	ids := func(r report) []string {
		var list []string
		for _, m := range r.Matches {
			list = append(list, m.Vulnerability.ID)
		}
		return list
	}
	for id, want := range map[string][2]bool{
		"CVE-2026-90001":      {false, true},
		"GHSA-9000-2222-xxxx": {false, true},
		"GHSA-vh95-rmgr-6w4m": {true, false},
		"CVE-2023-38546":      {true, false},
		"CVE-2023-4911":       {true, true},
	} {
		if got := [2]bool{slices.Contains(ids(before), id), slices.Contains(ids(after), id)}; got != want {
			t.Errorf("%s: before and after it is found: %v, want %v", id, got, want)
		}
	}
	severity := func(r report, id string) string {
		for _, m := range r.Matches {
			if m.Vulnerability.ID == id {
				return m.Vulnerability.Severity
			}
		}
		return ""
	}
	if was, is := severity(before, "GHSA-35jh-r3h4-6jhm"), severity(after, "GHSA-35jh-r3h4-6jhm"); was != "High" || is != "Critical" {
		t.Errorf("the severity of GHSA-35jh-r3h4-6jhm went from %q to %q", was, is)
	}
	fixState := func(r report, id string) any {
		for _, m := range r.Matches {
			if m.Vulnerability.ID == id {
				return m.Vulnerability.Fix.(map[string]any)["state"]
			}
		}
		return nil
	}
	if was, is := fixState(before, "CVE-2005-2541"), fixState(after, "CVE-2005-2541"); was != "not-fixed" || is != "fixed" {
		t.Errorf("the fix of CVE-2005-2541 went from %v to %v", was, is)
	}
}
