package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pharos-security/pharos/tools/internal/engine/layercache"
	"github.com/pharos-security/pharos/tools/internal/testimage"
	"github.com/pharos-security/pharos/tools/internal/testlines"
)

// unitRecord is a line of the file that a match writes for its packages.
type unitRecord struct {
	ArtifactID string `json:"artifactId"`
	Key        string `json:"key"`
	Input      string `json:"input"`
}

// unitFinding is a match without its package: what a unit, which may stand for many packages, can tell.
type unitFinding struct {
	Vulnerability json.RawMessage `json:"vulnerability"`
	Related       json.RawMessage `json:"relatedVulnerabilities"`
	Fix           json.RawMessage `json:"fix"`
	Details       json.RawMessage `json:"details"`
}

type unitResult struct {
	ID      *int `json:"id"`
	Skipped bool
	Failed  string
	Matches []struct {
		Vulnerability int             `json:"vulnerability"`
		Fix           json.RawMessage `json:"fix"`
		Details       json.RawMessage `json:"details"`
	} `json:"matches"`
	Vulnerability int `json:"vulnerability"`
	Record        struct {
		Vulnerability json.RawMessage `json:"vulnerability"`
		Related       json.RawMessage `json:"relatedVulnerabilities"`
	} `json:"record"`
}

// matchUnits matches inputs, by position, and returns the findings of each; nil for one that was skipped.
func (p *process) matchUnits(inputs []string, fields map[string]any) [][]unitFinding {
	p.t.Helper()
	directory := p.t.TempDir()
	unitsPath, resultPath := filepath.Join(directory, "units.jsonl"), filepath.Join(directory, "result.jsonl")
	var content bytes.Buffer
	for i, input := range inputs {
		fmt.Fprintf(&content, "{\"id\":%d,\"input\":%s}\n", i, input)
	}
	if err := os.WriteFile(unitsPath, content.Bytes(), 0o600); err != nil {
		p.t.Fatal(err)
	}
	request := map[string]any{"unitsPath": unitsPath, "resultPath": resultPath}
	for key, value := range fields {
		request[key] = value
	}
	var counted struct{ UnitCount, MatchCount, VulnerabilityCount, FailedCount, SkippedCount int }
	p.must("matchUnits", request, &counted)
	found := make([][]unitFinding, len(inputs))
	records := map[int]unitResult{}
	seen, skipped, matches := 0, 0, 0
	for _, line := range testlines.Read[unitResult](p.t, resultPath) {
		if line.ID == nil {
			records[line.Vulnerability] = line
			continue
		}
		if *line.ID != seen {
			p.t.Fatalf("the result of unit %d stands where that of %d belongs", *line.ID, seen)
		}
		seen++
		if line.Failed != "" {
			p.t.Errorf("unit %d failed: %s\n%s", *line.ID, line.Failed, inputs[*line.ID])
		}
		if line.Skipped {
			skipped++
			continue
		}
		found[*line.ID] = []unitFinding{}
		for _, m := range line.Matches {
			record, ok := records[m.Vulnerability]
			if !ok {
				p.t.Fatalf("unit %d names vulnerability %d before it is written", *line.ID, m.Vulnerability)
			}
			matches++
			found[*line.ID] = append(found[*line.ID], unitFinding{record.Record.Vulnerability, record.Record.Related, m.Fix, m.Details})
		}
	}
	if counted.UnitCount != seen || counted.MatchCount != matches || counted.SkippedCount != skipped || counted.VulnerabilityCount != len(records) || counted.FailedCount > 0 {
		p.t.Errorf("counted %+v, found %d units, %d matches, %d skipped", counted, seen, matches, skipped)
	}
	return found
}

type rawValue = json.RawMessage

func fieldsOf(t *testing.T, raw rawValue) map[string]rawValue {
	t.Helper()
	fields := map[string]rawValue{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// grypeDocument is a report with its matches unread.
type grypeDocument struct {
	Matches []struct {
		Vulnerability map[string]json.RawMessage `json:"vulnerability"`
		Related       json.RawMessage            `json:"relatedVulnerabilities"`
		Details       json.RawMessage            `json:"matchDetails"`
		Artifact      struct{ ID, Name, Version string }
	} `json:"matches"`
}

// lines renders a document's matches as unitLines renders those of units.
func (d grypeDocument) lines(t *testing.T) []string {
	t.Helper()
	lines := []string{}
	for _, m := range d.Matches {
		fix := m.Vulnerability["fix"]
		delete(m.Vulnerability, "fix")
		delete(m.Vulnerability, "advisories")
		record, err := json.Marshal(m.Vulnerability)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, findingLine(t, m.Artifact.ID, unitFinding{record, m.Related, fix, m.Details}))
	}
	slices.Sort(lines)
	return lines
}

func findingLine(t *testing.T, artifactID string, f unitFinding) string {
	t.Helper()
	canonical := func(raw json.RawMessage) string {
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			t.Fatal(err)
		}
		content, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	return artifactID + " " + canonical(f.Vulnerability) + canonical(f.Related) + canonical(f.Fix) + canonical(f.Details)
}

func unitLines(t *testing.T, records []unitRecord, found [][]unitFinding) []string {
	t.Helper()
	lines := []string{}
	for i, record := range records {
		for _, f := range found[i] {
			lines = append(lines, findingLine(t, record.ArtifactID, f))
		}
	}
	slices.Sort(lines)
	return lines
}

func inputsOf(records []unitRecord) []string {
	var inputs []string
	for _, record := range records {
		inputs = append(inputs, record.Input)
	}
	return inputs
}

func TestTheUnitsOfAnImageMatchWhatTheImageDoes(t *testing.T) {
	p := start(t, layercache.Limits{})
	p.must("openDatabase", map[string]any{"directory": caseDatabase(t)}, nil)
	for _, c := range sampleCases(t) {
		t.Run(c.sentence, func(t *testing.T) {
			p.t = t
			image := testimage.Write(t, c.layers...)
			out := t.TempDir()
			sbomPath := filepath.Join(out, "sbom.json.gz")
			var catalogued struct {
				SBOMID       string `json:"sbomId"`
				PackageCount int    `json:"packageCount"`
			}
			p.must("catalogue", map[string]any{
				"layout": image.Layout, "manifestDigest": image.ManifestDigest, "reference": "registry.example.com/sample:1", "sbomPath": sbomPath,
			}, &catalogued)
			var fromMemory []unitRecord
			for _, fields := range []map[string]any{{"sbomId": catalogued.SBOMID}, {"sbomPath": sbomPath}} {
				fields["reportPath"], fields["unitsPath"] = filepath.Join(out, "report.json"), filepath.Join(out, "units.jsonl")
				p.must("match", fields, nil)
				records := testlines.Read[unitRecord](t, filepath.Join(out, "units.jsonl"))
				if fromMemory == nil {
					fromMemory = records
				} else if !slices.Equal(fromMemory, records) {
					t.Error("the SBOM in memory and its file give other units")
				}
				if len(records) != catalogued.PackageCount {
					t.Errorf("%d units for %d packages", len(records), catalogued.PackageCount)
				}
				var document grypeDocument
				readJSON(t, filepath.Join(out, "report.json"), &document)
				compare(t, "matches", unitLines(t, records, p.matchUnits(inputsOf(records), nil)), document.lines(t))
			}
		})
	}
}

// postedSBOM is a document as others make them, with packages of several distributions and of ecosystems that an image hides in binaries.
const postedSBOM = `{
  "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": {"component": {"type": "container", "name": "posted"}},
  "components": [
    {"type": "library", "bom-ref": "a", "name": "libc6", "version": "2.36-9", "purl": "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc"},
    {"type": "library", "bom-ref": "b", "name": "libcrypto3", "version": "3.1.1-r1", "purl": "pkg:apk/alpine/libcrypto3@3.1.1-r1?arch=x86_64&distro=alpine-3.18.2&upstream=openssl"},
    {"type": "library", "bom-ref": "c", "name": "libcrypto3", "version": "3.1.1-r1", "purl": "pkg:apk/alpine/libcrypto3@3.1.1-r1?arch=x86_64&distro=alpine-3.99&upstream=openssl"},
    {"type": "library", "bom-ref": "d", "name": "time", "version": "0.1.43", "purl": "pkg:cargo/time@0.1.43"},
    {"type": "library", "bom-ref": "e", "name": "log4j-core", "version": "2.14.1", "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"},
    {"type": "library", "bom-ref": "f", "name": "net", "version": "v0.16.0", "purl": "pkg:golang/golang.org/x/net@v0.16.0"},
    {"type": "library", "bom-ref": "g", "name": "rack", "version": "2.2.3", "purl": "pkg:gem/rack@2.2.3"}
  ]}`

func TestTheUnitsOfAPostedSBOMMatchWhatTheGrypeCommandFinds(t *testing.T) {
	grype := toolsBin(t, "grype")
	root := caseDatabase(t)
	p := start(t, layercache.Limits{})
	p.must("openDatabase", map[string]any{"directory": root}, nil)
	out := t.TempDir()
	sbomPath, reportPath, unitsPath := filepath.Join(out, "posted.json"), filepath.Join(out, "report.json"), filepath.Join(out, "units.jsonl")
	if err := os.WriteFile(sbomPath, []byte(postedSBOM), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(grype, "sbom:"+sbomPath, "-o", "json", "--file", filepath.Join(out, "grype.json"))
	command.Env = grypeEnvironment(root)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("grype: %v\n%s", err, output)
	}
	var want grypeDocument
	readJSON(t, filepath.Join(out, "grype.json"), &want)
	p.must("match", map[string]any{"sbomPath": sbomPath, "reportPath": reportPath, "unitsPath": unitsPath}, nil)
	records := testlines.Read[unitRecord](t, unitsPath)
	got := unitLines(t, records, p.matchUnits(inputsOf(records), nil))
	compare(t, "matches", withoutArtifact(got), withoutArtifact(want.lines(t)))
	if len(records) != 7 || len(got) < 6 {
		t.Errorf("%d units, %d matches", len(records), len(got))
	}
}

// withoutArtifact leaves out ids, which differ from one reading of a foreign document to the next.
func withoutArtifact(lines []string) []string {
	var rest []string
	for _, line := range lines {
		_, text, _ := strings.Cut(line, " ")
		rest = append(rest, text)
	}
	slices.Sort(rest)
	return rest
}
