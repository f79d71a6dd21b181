package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anchore/grype/grype/db/v6/installation"
	_ "github.com/glebarez/sqlite"

	"github.com/pharos-security/pharos/tools/internal/engine"
	"github.com/pharos-security/pharos/tools/internal/engine/layercache"
	"github.com/pharos-security/pharos/tools/internal/testlines"
)

// engineOfTest calls the operations of the scan engine without its process.
type engineOfTest struct {
	t      *testing.T
	engine *engine.Engine
}

func startEngine(t *testing.T) *engineOfTest {
	t.Helper()
	cache, err := layercache.Open(t.TempDir(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	made, err := engine.New(engine.Config{Version: "test", LayerCache: cache})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := made.Close(); err != nil {
			t.Error(err)
		}
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	})
	return &engineOfTest{t, made}
}

func (e *engineOfTest) must(operation string, fields map[string]string) {
	e.t.Helper()
	content, err := json.Marshal(fields)
	if err != nil {
		e.t.Fatal(err)
	}
	_, err = e.engine.Operations()[operation](context.Background(), func(into any) error { return json.Unmarshal(content, into) }, func(string) {})
	if err != nil {
		e.t.Fatalf("%s: %v", operation, err)
	}
}

func databaseRoot(t *testing.T, g *Generation) string {
	t.Helper()
	written, err := g.WriteDatabase(nil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	curator, err := installation.NewCurator(installation.Config{DBRootDir: root, ValidateChecksum: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := curator.Import(written.ArchivePath); err != nil {
		t.Fatal(err)
	}
	return root
}

type unitOfTest struct {
	ArtifactID string `json:"artifactId"`
	Key        string `json:"key"`
	Input      string `json:"input"`
}

type fixOfTest struct {
	State    string   `json:"state"`
	Versions []string `json:"versions"`
}

// resultOfTest is a line of a result file of matchUnits: a vulnerability or a unit.
type resultOfTest struct {
	ID            *int   `json:"id"`
	Failed        string `json:"failed"`
	Vulnerability *int   `json:"vulnerability"`
	Record        struct {
		Vulnerability idOfTest `json:"vulnerability"`
	} `json:"record"`
	Matches []struct {
		Vulnerability int       `json:"vulnerability"`
		Fix           fixOfTest `json:"fix"`
	} `json:"matches"`
}

type idOfTest struct {
	ID        string `json:"id"`
	Namespace string `json:"namespace"`
	Severity  string `json:"severity"`
}

func findingText(package_ string, of idOfTest, fix fixOfTest) string {
	return strings.Join([]string{package_, of.Namespace, of.ID, of.Severity, fix.State, strings.Join(fix.Versions, ",")}, " ")
}

// The fleet is loaded from units that were made of documents of many images' packages. That is right only if they are the units of each image,
// and their matches those of the image's own SBOM.
func TestTheFleetIsWhatItsImagesAre(t *testing.T) {
	const images = 24
	world := NewWorld(WorldOptions{Seed: 3, Projects: 24, TouchedProjects: 2})
	directory := t.TempDir()
	if _, err := world.WriteImages(images, directory); err != nil {
		t.Fatal(err)
	}
	e := startEngine(t)
	for number := 1; number <= 2; number++ {
		generation := world.Generation(number)
		e.must("openDatabase", map[string]string{"directory": databaseRoot(t, generation)})
		unitOf, findingsOf := matchDocuments(t, e, directory)
		composer := NewComposer(world)
		total, expected := 0, 0
		for i := range images {
			image := composer.Image(i)
			out := t.TempDir()
			sbomPath, reportPath, unitsPath := filepath.Join(out, "sbom.json"), filepath.Join(out, "report.json"), filepath.Join(out, "units.jsonl")
			if err := image.WriteSBOM(sbomPath); err != nil {
				t.Fatal(err)
			}
			e.must("match", map[string]string{"sbomPath": sbomPath, "reportPath": reportPath, "unitsPath": unitsPath})
			var keys, findings []string
			for _, o := range image.Occurrences {
				keys = append(keys, unitOf[o.Package.Index].Key)
				findings = append(findings, findingsOf[o.Package.Index]...)
				expected += o.Package.expectedMatches(generation)
			}
			var wantKeys []string
			for _, unit := range testlines.Read[unitOfTest](t, unitsPath) {
				wantKeys = append(wantKeys, unit.Key)
			}
			sameMultiset(t, fmt.Sprintf("generation %d, image %d: units", number, i), keys, wantKeys)
			want := reportOf(t, reportPath)
			total += len(want)
			sameMultiset(t, fmt.Sprintf("generation %d, image %d: findings", number, i), findings, want)
		}
		// Packages that a distribution's package owns are matched or dropped by Grype's rules, which expectedMatches leaves out.
		if total < 500 || total < expected || total-expected > total/20 {
			t.Errorf("generation %d: %d findings, expected about %d", number, total, expected)
		}
	}
}

// matchDocuments makes the unit of each unique package and matches each once. Answers both by the package's index.
func matchDocuments(t *testing.T, e *engineOfTest, directory string) ([]unitOfTest, [][]string) {
	t.Helper()
	packages := testlines.Read[packageLine](t, filepath.Join(directory, "packages.jsonl"))
	indexOf := map[string]int{}
	documents := 0
	for i, p := range packages {
		indexOf[fmt.Sprintf("%d %s", p.Document, p.ArtifactID)] = i
		documents = max(documents, p.Document+1)
	}
	out := t.TempDir()
	units := make([]unitOfTest, len(packages))
	namesOf := make([]string, len(packages))
	for document := range documents {
		unitsPath, sbomPath := filepath.Join(out, "units.jsonl"), filepath.Join(directory, "documents", fmt.Sprintf("%d.json", document))
		e.must("match", map[string]string{"sbomPath": sbomPath, "reportPath": filepath.Join(out, "report.json"), "unitsPath": unitsPath})
		for _, unit := range testlines.Read[unitOfTest](t, unitsPath) {
			if index, isOurs := indexOf[fmt.Sprintf("%d %s", document, unit.ArtifactID)]; isOurs {
				units[index] = unit
			}
		}
		for id, name := range artifactNames(t, sbomPath) {
			if index, isOurs := indexOf[fmt.Sprintf("%d %s", document, id)]; isOurs {
				namesOf[index] = name
			}
		}
	}
	inputs, results := filepath.Join(out, "inputs.jsonl"), filepath.Join(out, "results.jsonl")
	var lines []string
	for index, unit := range units {
		lines = append(lines, fmt.Sprintf(`{"id":%d,"input":%s}`, index, unit.Input))
	}
	if err := os.WriteFile(inputs, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	e.must("matchUnits", map[string]string{"unitsPath": inputs, "resultPath": results})
	findings := make([][]string, len(packages))
	known := map[int]idOfTest{}
	for _, line := range testlines.Read[resultOfTest](t, results) {
		if line.ID == nil {
			known[*line.Vulnerability] = line.Record.Vulnerability
			continue
		}
		if line.Failed != "" {
			t.Fatalf("unit %d: %s", *line.ID, line.Failed)
		}
		for _, m := range line.Matches {
			findings[*line.ID] = append(findings[*line.ID], findingText(namesOf[*line.ID], known[m.Vulnerability], m.Fix))
		}
	}
	return units, findings
}

func artifactNames(t *testing.T, sbomPath string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(sbomPath)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Artifacts []struct {
			ID, Type, Name, Version string
		} `json:"artifacts"`
	}
	if err := json.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, a := range document.Artifacts {
		names[a.ID] = a.Type + "/" + a.Name + "@" + a.Version
	}
	return names
}

func reportOf(t *testing.T, path string) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Matches []struct {
			Vulnerability struct {
				idOfTest
				Fix fixOfTest `json:"fix"`
			} `json:"vulnerability"`
			Artifact struct{ Type, Name, Version string } `json:"artifact"`
		} `json:"matches"`
	}
	if err := json.Unmarshal(content, &report); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range report.Matches {
		name := m.Artifact.Type + "/" + m.Artifact.Name + "@" + m.Artifact.Version
		list = append(list, findingText(name, m.Vulnerability.idOfTest, m.Vulnerability.Fix))
	}
	return list
}

func sameMultiset(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("%s: %d, want %d", what, len(got), len(want))
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("first difference at %d:\ngot  %s\nwant %s", i, strings.Join(got[min(i, len(got)):min(i+1, len(got))], ""), strings.Join(want[min(i, len(want)):min(i+1, len(want))], ""))
			return
		}
	}
}
