package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pharos-security/pharos/tools/internal/engine/layercache"
	"github.com/pharos-security/pharos/tools/internal/testimage"
	"github.com/pharos-security/pharos/tools/internal/testlines"
)

// unitsOf catalogues an image and returns the match units of its packages.
func (p *process) unitsOf(layers ...testimage.Layer) []unitRecord {
	p.t.Helper()
	image := testimage.Write(p.t, layers...)
	out := p.t.TempDir()
	var catalogued struct {
		SBOMID string `json:"sbomId"`
	}
	p.must("catalogue", map[string]any{
		"layout": image.Layout, "manifestDigest": image.ManifestDigest, "reference": "x", "sbomPath": filepath.Join(out, "sbom.json.gz"),
	}, &catalogued)
	unitsPath := filepath.Join(out, "units.jsonl")
	p.must("match", map[string]any{"sbomId": catalogued.SBOMID, "reportPath": filepath.Join(out, "report.json"), "unitsPath": unitsPath}, nil)
	return testlines.Read[unitRecord](p.t, unitsPath)
}

// settled renders findings without what belongs to vulnerabilities and moves daily: scores, known exploitation, what is related.
func settled(t *testing.T, found []unitFinding) []string {
	t.Helper()
	lines := []string{}
	for _, f := range found {
		var document grypeDocument
		document.Matches = append(document.Matches, struct {
			Vulnerability map[string]rawValue `json:"vulnerability"`
			Related       rawValue            `json:"relatedVulnerabilities"`
			Details       rawValue            `json:"matchDetails"`
			Artifact      struct{ ID, Name, Version string }
		}{Vulnerability: fieldsOf(t, f.Vulnerability), Related: rawValue("null"), Details: f.Details})
		for _, moving := range []string{"epss", "risk", "knownExploited", "cwes"} {
			delete(document.Matches[0].Vulnerability, moving)
		}
		document.Matches[0].Vulnerability["fix"] = f.Fix
		lines = append(lines, document.lines(t)...)
	}
	slices.Sort(lines)
	return lines
}

func TestSkippedUnitsMatchWhatTheyMatchedInTheFormerDatabase(t *testing.T) {
	p := start(t, layercache.Limits{})
	from, to := sampleDatabase(t, "facts.json"), sampleDatabase(t, "facts-next.json")
	p.must("openDatabase", map[string]any{"directory": from}, nil)
	var inputs []string
	for _, c := range sampleCases(t) {
		inputs = append(inputs, inputsOf(p.unitsOf(c.layers...))...)
	}
	slices.Sort(inputs)
	inputs = slices.Compact(inputs)
	former := p.matchUnits(inputs, nil)

	p.must("openDatabase", map[string]any{"directory": to}, nil)
	full := p.matchUnits(inputs, nil)
	narrowed := p.matchUnits(inputs, map[string]any{"touchedBy": map[string]any{"from": from, "to": to}})
	var told differenceFile
	path := filepath.Join(t.TempDir(), "difference.json")
	p.must("diffDatabases", map[string]any{"from": from, "to": to, "resultPath": path}, nil)
	readJSON(t, path, &told)
	for i, keys := range p.keysOfUnits(inputs) {
		isTouched := slices.ContainsFunc(keys, func(key uint64) bool { return slices.Contains(told.Keys, key) })
		if isTouched != (narrowed[i] != nil) {
			t.Errorf("%s has the keys %v, so it is touched: %v; it was skipped: %v", inputs[i], keys, isTouched, narrowed[i] == nil)
		}
	}
	skipped, changed := 0, 0
	for i := range inputs {
		if !slices.Equal(settled(t, former[i]), settled(t, full[i])) {
			changed++
		}
		result := narrowed[i]
		if result == nil {
			skipped++
			result = former[i]
		}
		compare(t, inputs[i], settled(t, result), settled(t, full[i]))
	}
	if changed == 0 || skipped < len(inputs)/2 {
		t.Errorf("of %d units %d were skipped, and %d changed: the databases are to differ, in few of them", len(inputs), skipped, changed)
	}
}

type differenceFile struct {
	Keys            []uint64
	Records, Scores []string
}

func TestTheDifferenceOfTwoDatabases(t *testing.T) {
	p := start(t, layercache.Limits{})
	from, again, to := sampleDatabase(t, "facts.json"), sampleDatabase(t, "facts.json"), sampleDatabase(t, "facts-next.json")
	type counted struct {
		TouchedKeys int
		All         bool
	}
	difference := func(from, to string) (got counted, file differenceFile) {
		path := filepath.Join(t.TempDir(), "difference.json")
		p.must("diffDatabases", map[string]any{"from": from, "to": to, "resultPath": path}, &got)
		readJSON(t, path, &file)
		return got, file
	}
	if got, file := difference(from, again); got != (counted{}) || len(file.Keys)+len(file.Records)+len(file.Scores) != 0 {
		t.Errorf("two databases of the same facts: %+v, %+v", got, file)
	}
	// curl, glibc, tar and openssl of Debian; lodash, lodash-es and minimist.
	got, file := difference(from, to)
	if got != (counted{TouchedKeys: 7}) || len(file.Keys) != 7 {
		t.Errorf("the next database: %+v, %+v", got, file)
	}
	for name, isRecord := range map[string]bool{"cve-2026-90001": true, "ghsa-vh95-rmgr-6w4m": true, "ghsa-35jh-r3h4-6jhm": true} {
		if slices.Contains(file.Records, name) != isRecord {
			t.Errorf("%s differs: %v", name, file.Records)
		}
	}
	if slices.Contains(file.Records, "cve-2023-4911") {
		t.Errorf("CVE-2023-4911 is the same in both: %v", file.Records)
	}
	// A process that finds the fingerprints beside the databases says the same.
	other := start(t, layercache.Limits{})
	path := filepath.Join(t.TempDir(), "again.json")
	other.must("diffDatabases", map[string]any{"from": from, "to": to, "resultPath": path}, nil)
	var kept differenceFile
	readJSON(t, path, &kept)
	if !reflect.DeepEqual(kept, file) {
		t.Errorf("by kept fingerprints %+v, else %+v", kept, file)
	}
	p.fails("database-missing", "diffDatabases", map[string]any{"from": t.TempDir(), "to": to})
	p.fails("bad-request", "diffDatabases", map[string]any{"to": to})

	p.must("openDatabase", map[string]any{"directory": from}, nil)
	p.fails("bad-request", "matchUnits", map[string]any{
		"unitsPath": filepath.Join(t.TempDir(), "none"), "resultPath": filepath.Join(t.TempDir(), "none"), "touchedBy": map[string]any{"from": from, "to": to},
	})
}

func TestRequestsAboutUnitsThatCannotBeServed(t *testing.T) {
	p := start(t, layercache.Limits{})
	out := t.TempDir()
	units, result := filepath.Join(out, "units.jsonl"), filepath.Join(out, "result.jsonl")
	for operation, fields := range map[string]map[string]any{
		"matchUnits":              {"unitsPath": units, "resultPath": result},
		"describeVulnerabilities": {"inputPath": units, "resultPath": result},
	} {
		p.fails("bad-request", operation, nil)
		p.fails("database-missing", operation, fields)
	}
	p.must("openDatabase", map[string]any{"directory": sampleDatabase(t, "facts.json")}, nil)
	p.fails("bad-request", "matchUnits", map[string]any{"unitsPath": units, "resultPath": result})
	if err := os.WriteFile(units, []byte("not json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.fails("bad-request", "describeVulnerabilities", map[string]any{"inputPath": units, "resultPath": result})
	if _, err := os.Stat(result); err == nil {
		t.Error("a request that failed left a result")
	}
	p.fails("local-failure", "matchUnits", map[string]any{"unitsPath": units, "resultPath": filepath.Join(out, "none", "result.jsonl")})
	var counted struct{ UnitCount, FailedCount int }
	p.must("matchUnits", map[string]any{"unitsPath": units, "resultPath": result}, &counted)
	if counted.UnitCount != 1 || counted.FailedCount != 1 {
		t.Errorf("%+v", counted)
	}
}

// keysOfUnits returns the search keys of match units, in their order.
func (p *process) keysOfUnits(inputs []string) [][]uint64 {
	p.t.Helper()
	directory := p.t.TempDir()
	unitsPath, resultPath := filepath.Join(directory, "units.jsonl"), filepath.Join(directory, "result.jsonl")
	var lines strings.Builder
	for id, input := range inputs {
		fmt.Fprintf(&lines, "{\"id\":%d,\"input\":%s}\n", id, input)
	}
	if err := os.WriteFile(unitsPath, []byte(lines.String()), 0o600); err != nil {
		p.t.Fatal(err)
	}
	var answer struct{ KeysVersion string }
	p.must("matchUnits", map[string]any{"unitsPath": unitsPath, "resultPath": resultPath, "withKeys": true}, &answer)
	if answer.KeysVersion == "" {
		p.t.Error("the keys have no version")
	}
	var keys [][]uint64
	for _, line := range testlines.Read[struct {
		ID   *int64
		Keys []uint64
	}](p.t, resultPath) {
		if line.ID != nil {
			keys = append(keys, line.Keys)
		}
	}
	return keys
}
