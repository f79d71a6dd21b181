package unitmatch_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/anchore/grype/grype"
	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/pkg"
	syftPkg "github.com/anchore/syft/syft/pkg"
	_ "github.com/glebarez/sqlite"

	"github.com/pharos-security/pharos/tools/internal/engine/capture"
	"github.com/pharos-security/pharos/tools/internal/engine/database"
	"github.com/pharos-security/pharos/tools/internal/engine/grypeoptions"
	"github.com/pharos-security/pharos/tools/internal/engine/lookup"
	"github.com/pharos-security/pharos/tools/internal/engine/unitmatch"
	"github.com/pharos-security/pharos/tools/internal/engine/units"
)

// rebuiltDatabase knows a vulnerability of a Java archive, and that a rebuild of it by another group is not affected.
func rebuiltDatabase(t *testing.T) v6.Reader {
	t.Helper()
	directory := t.TempDir()
	writer, err := v6.NewWriter(v6.Config{DBDirPath: directory, CacheSizeKiB: 1024})
	if err != nil {
		t.Fatal(err)
	}
	vulnerability := func(id, provider string, aliases ...string) *v6.VulnerabilityHandle {
		handle := &v6.VulnerabilityHandle{
			Name: id, Status: v6.VulnerabilityActive, ProviderID: provider, Provider: &v6.Provider{ID: provider},
			BlobValue: &v6.VulnerabilityBlob{ID: id, Aliases: aliases},
		}
		if err := writer.AddVulnerabilities(handle); err != nil {
			t.Fatal(err)
		}
		return handle
	}
	isRebuild := true
	blob := func(constraint string, qualifiers *v6.PackageQualifiers) *v6.PackageBlob {
		return &v6.PackageBlob{Qualifiers: qualifiers, Ranges: []v6.Range{{Version: v6.Version{Type: "maven", Constraint: constraint}}}}
	}
	if err := writer.AddAffectedPackages(&v6.AffectedPackageHandle{
		Vulnerability: vulnerability("GHSA-aaaa-bbbb-cccc", "github", "CVE-2026-1"),
		Package:       &v6.Package{Ecosystem: string(syftPkg.JavaPkg), Name: "org.example:core"}, BlobValue: blob("<2.0", nil),
	}); err != nil {
		t.Fatal(err)
	}
	if err := writer.AddUnaffectedPackages(&v6.UnaffectedPackageHandle{
		Vulnerability: vulnerability("ROOT-1", "rootio", "CVE-2026-1", "GHSA-aaaa-bbbb-cccc"),
		Package:       &v6.Package{Ecosystem: string(syftPkg.JavaPkg), Name: "io.root.org.example:core"},
		BlobValue:     blob(">=1.0", &v6.PackageQualifiers{RootIO: &isRebuild}),
	}); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := v6.NewReader(v6.Config{DBDirPath: directory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	})
	return reader
}

func archive(id, group string) pkg.Package {
	return pkg.Package{
		ID: pkg.ID(id), Name: "core", Version: "1.0", Type: syftPkg.JavaPkg, Language: syftPkg.Java, PURL: "pkg:maven/" + group + "/core@1.0",
		Metadata: pkg.JavaMetadata{PomGroupID: group, PomArtifactID: "core"},
	}
}

func TestAPackageIsFilteredByItsSiblingAsInItsImage(t *testing.T) {
	reader := rebuiltDatabase(t)
	opts, sink := grypeoptions.Default("0.0.0"), capture.Install()
	matcher := unitmatch.New(opts, sink)
	original, rebuilt := archive("original", "org.example"), archive("rebuilt", "io.root.org.example")
	for sentence, c := range map[string]struct {
		image []pkg.Package
		want  []string
	}{
		"the original alone":      {[]pkg.Package{original}, []string{"original GHSA-aaaa-bbbb-cccc"}},
		"the rebuild alone":       {[]pkg.Package{rebuilt}, nil},
		"the rebuild beside it":   {[]pkg.Package{original, rebuilt}, nil},
		"another archive with it": {[]pkg.Package{original, archive("other", "com.example")}, []string{"original GHSA-aaaa-bbbb-cccc"}},
	} {
		inImage := grype.VulnerabilityMatcher{
			VulnerabilityProvider: v6.NewVulnerabilityProvider(reader), Matchers: grypeoptions.Matchers(opts), IgnoreRules: grypeoptions.IgnoreRules(opts),
		}
		remaining, _, err := inImage.FindMatches(c.image, pkg.Context{})
		if err != nil {
			t.Fatal(err)
		}
		var whole []string
		for _, m := range remaining.Sorted() {
			whole = append(whole, string(m.Package.ID)+" "+m.Vulnerability.ID)
		}
		byUnits := matchUnits(t, matcher, reader, c.image)
		if !slices.Equal(whole, c.want) || !slices.Equal(byUnits, c.want) {
			t.Errorf("%s: Grype finds %v, the units %v, want %v", sentence, whole, byUnits, c.want)
		}
	}
}

func matchUnits(t *testing.T, matcher *unitmatch.Matcher, reader v6.Reader, image []pkg.Package) []string {
	t.Helper()
	open, err := lookup.New(reader)
	if err != nil {
		t.Fatal(err)
	}
	var input bytes.Buffer
	var names []string
	if err := matcher.Fields().Make(image, nil, func(made units.Made) error {
		fmt.Fprintf(&input, "{\"id\":%d,\"input\":%s}\n", len(names), made.Canonical)
		names = append(names, made.ArtifactID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	unitsPath, resultPath := filepath.Join(t.TempDir(), "units"), filepath.Join(t.TempDir(), "result")
	if err := os.WriteFile(unitsPath, input.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := matcher.Run(t.Context(), database.Info{}, open, unitmatch.Request{UnitsPath: unitsPath, ResultPath: resultPath})
	if err != nil {
		t.Fatal(err)
	}
	if result.FailedCount > 0 {
		t.Errorf("%d units failed", result.FailedCount)
	}
	content, err := os.ReadFile(resultPath)
	if err != nil {
		t.Fatal(err)
	}
	var found, ids []string
	for scanner := bufio.NewScanner(bytes.NewReader(content)); scanner.Scan(); {
		var line struct {
			ID      *int
			Record  *struct{ Vulnerability struct{ ID string } }
			Matches []struct{ Vulnerability int }
		}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Record != nil {
			ids = append(ids, line.Record.Vulnerability.ID)
			continue
		}
		for _, m := range line.Matches {
			found = append(found, names[*line.ID]+" "+ids[m.Vulnerability])
		}
	}
	return found
}

// A matcher that could not search says so: Grype's matchers by language log the error and find nothing.
func TestAnErrorOfTheDatabaseFailsTheUnit(t *testing.T) {
	reader := rebuiltDatabase(t)
	matcher := unitmatch.New(grypeoptions.Default("0.0.0"), capture.Install())
	open, err := lookup.New(reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	unitsPath, resultPath := filepath.Join(directory, "units"), filepath.Join(directory, "result")
	line := `{"id":1,"input":{"v":1,"package":{"type":"java-archive","name":"core","version":"1.0","purl":"pkg:maven/org.example/core@1.0"}}}`
	if err := os.WriteFile(unitsPath, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := matcher.Run(t.Context(), database.Info{}, open, unitmatch.Request{UnitsPath: unitsPath, ResultPath: resultPath})
	if err != nil {
		t.Fatal(err)
	}
	if result.FailedCount != 1 {
		t.Errorf("%+v", result)
	}
}
