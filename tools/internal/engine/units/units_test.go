package units_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/anchore/grype/cmd/grype/cli/options"
	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/file"
	syftPkg "github.com/anchore/syft/syft/pkg"

	"github.com/pharos-security/pharos/tools/internal/engine/grypeoptions"
	"github.com/pharos-security/pharos/tools/internal/engine/units"
)

func fields(change func(*options.Grype)) *units.Fields {
	opts := grypeoptions.Default("0.0.0")
	if change != nil {
		change(opts)
	}
	return units.NewFields(opts, grypeoptions.Matchers(opts))
}

func unitsOf(t *testing.T, packages ...pkg.Package) []string {
	t.Helper()
	var made []string
	err := fields(nil).Make(packages, nil, func(unit units.Made) error {
		made = append(made, string(unit.Canonical))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

var bookworm = distro.New(distro.Debian, "12", "bookworm", "debian")

func deb(name, version string) pkg.Package {
	return pkg.Package{ID: pkg.ID(name), Name: name, Version: version, Type: syftPkg.DebPkg, Distro: bookworm}
}

func jar(id, group string) pkg.Package {
	return pkg.Package{
		ID: pkg.ID(id), Name: "core", Version: "1.0", Type: syftPkg.JavaPkg, Language: syftPkg.Java,
		PURL: "pkg:maven/" + group + "/core@1.0", Metadata: pkg.JavaMetadata{PomGroupID: group, PomArtifactID: "core", VirtualPath: "/" + id},
	}
}

func goModule(id string, symbols ...string) pkg.Package {
	return pkg.Package{
		ID: pkg.ID(id), Name: "golang.org/x/net", Version: "v0.16.0", Type: syftPkg.GoModulePkg, Language: syftPkg.Go,
		Metadata: pkg.GolangBinMetadata{MainModule: "example.com/" + id, GoCompiledVersion: "go1.2" + id, Symbols: map[string][]string{"golang.org/x/net/html": symbols}},
	}
}

func TestWhatNoMatcherReadsMakesNoOtherUnit(t *testing.T) {
	other := func(p pkg.Package, change func(*pkg.Package)) pkg.Package {
		change(&p)
		return p
	}
	for sentence, pair := range map[string][2]pkg.Package{
		"the id, the place, licences and annotations": {deb("a", "1"), other(deb("a", "1"), func(p *pkg.Package) {
			p.ID, p.Licenses, p.Annotations = "x", []string{"MIT"}, map[string][]string{"a": {"b"}}
			p.Locations = file.NewLocationSet(file.NewLocation("/etc/x"))
		})},
		"the package URL of a Debian package": {deb("a", "1"), other(deb("a", "1"), func(p *pkg.Package) { p.PURL = "pkg:deb/debian/a@1?arch=arm64" })},
		"the CPEs of a type that is not searched by them": {deb("a", "1"), other(deb("a", "1"), func(p *pkg.Package) {
			p.CPEs = []cpe.CPE{{Attributes: cpe.Attributes{Part: "a", Product: "a"}}}
		})},
		"what a distribution is like": {deb("a", "1"), other(deb("a", "1"), func(p *pkg.Package) { p.Distro = distro.New(distro.Debian, "12", "bookworm") })},
		"a Java archive's place":      {jar("a", "org.example"), jar("b", "org.example")},
		"a Go module's main module, compiler and the order of its symbols": {goModule("a", "Parse", "Render"), goModule("b", "Render", "Parse", "Parse")},
	} {
		if a, b := unitsOf(t, pair[0])[0], unitsOf(t, pair[1])[0]; a != b {
			t.Errorf("%s:\n%s\n%s", sentence, a, b)
		}
	}
}

func TestWhatMatchersReadMakesAnotherUnit(t *testing.T) {
	epoch, label := 1, "nodejs:18"
	rpm := pkg.Package{Name: "a", Version: "1", Type: syftPkg.RpmPkg, Distro: distro.New(distro.RedHat, "9", "")}
	withEpoch, withModule, withChannel := rpm, rpm, rpm
	withEpoch.Metadata = pkg.RpmMetadata{Epoch: &epoch}
	withModule.Metadata = pkg.RpmMetadata{ModularityLabel: &label}
	eus := *rpm.Distro
	eus.Channels = []string{"eus"}
	withChannel.Distro = &eus
	withUpstream := deb("a", "1")
	withUpstream.Upstreams = []pkg.UpstreamPackage{{Name: "b"}}
	apk := pkg.Package{Name: "a", Version: "1", Type: syftPkg.ApkPkg}
	apkWithCPE := apk
	apkWithCPE.CPEs = []cpe.CPE{{Attributes: cpe.Attributes{Part: "a", Product: "a"}}}
	mainModule := goModule("a", "Parse")
	mainModule.Metadata = pkg.GolangBinMetadata{MainModule: mainModule.Name, Symbols: map[string][]string{"golang.org/x/net/html": {"Parse"}}}
	all := []pkg.Package{
		deb("a", "1"), deb("a", "2"), deb("b", "1"), withUpstream, rpm, withEpoch, withModule, withChannel, apk, apkWithCPE,
		jar("a", "org.example"), jar("a", "io.root.org.example"), goModule("a", "Parse"), goModule("a", "Render"), goModule("a"), mainModule,
		{Name: "a", Version: "1", Type: syftPkg.NpmPkg}, {Name: "a", Version: "1", Type: syftPkg.NpmPkg, Metadata: pkg.JavaVMInstallationMetadata{}},
	}
	seen := map[string]int{}
	for i, p := range all {
		canonical := unitsOf(t, p)[0]
		if other, ok := seen[canonical]; ok {
			t.Errorf("packages %d and %d make one unit: %s", other, i, canonical)
		}
		seen[canonical] = i
	}
}

func TestAUnitComesBackAsThePackageItWas(t *testing.T) {
	owner := deb("python3-x", "1-1")
	owned := pkg.Package{
		ID: "owned", Name: "x+y", Version: "1", Type: syftPkg.PythonPkg, Language: syftPkg.Python, Distro: bookworm,
		RelatedPackages: map[artifact.RelationshipType][]*pkg.Package{artifact.OwnershipByFileOverlapRelationship: {&owner, &owner}},
	}
	apk := pkg.Package{
		ID: "apk", Name: "lib", Version: "1-r0", Type: syftPkg.ApkPkg, Distro: distro.New(distro.Alpine, "3.18.2", ""),
		CPEs:      []cpe.CPE{{Attributes: cpe.Attributes{Part: "a", Vendor: `we\:ird`, Product: "*?", Version: "-", TargetSW: "python"}, Source: "x"}},
		Upstreams: []pkg.UpstreamPackage{{Name: "origin"}}, Metadata: pkg.ApkMetadata{Arch: "x86_64"},
	}
	known := fields(nil)
	var canonical []string
	err := known.Make([]pkg.Package{owner, owned, apk}, []string{"dropped"}, func(made units.Made) error {
		unit, err := units.Decode(made.Canonical)
		if err != nil {
			return err
		}
		again, err := unit.Encode()
		if err != nil {
			return err
		}
		if string(again) != string(made.Canonical) || units.Key(again) != made.Key || len(made.Key) != 32 {
			t.Errorf("%s came back as %s", made.Canonical, again)
		}
		canonical = append(canonical, string(made.Canonical))
		packages, err := unit.Packages(known, "7/")
		if err != nil {
			return err
		}
		switch made.ArtifactID {
		case "owned":
			if len(packages) != 2 || packages[0].RelatedPackages[artifact.OwnershipByFileOverlapRelationship][0] != &packages[1] || packages[1].Name != "python3-x" {
				t.Errorf("the owner is lost: %+v", packages)
			}
			if packages[0].ID == packages[1].ID || !strings.HasPrefix(string(packages[0].ID), "7/") {
				t.Errorf("ids %s and %s", packages[0].ID, packages[1].ID)
			}
		case "apk":
			got := packages[0]
			if got.CPEs[0].Attributes != apk.CPEs[0].Attributes || got.Upstreams[0] != apk.Upstreams[0] || got.Metadata.(pkg.ApkMetadata).Arch != "x86_64" {
				t.Errorf("%+v", got)
			}
			if got.Distro.MajorVersion() != "3" || got.Distro.MinorVersion() != "18" || got.Distro.Type != distro.Alpine {
				t.Errorf("distribution %+v", got.Distro)
			}
		case "dropped":
			if len(packages) != 0 || !unit.Dropped {
				t.Errorf("%+v", unit)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(canonical) != 4 || strings.Contains(strings.Join(canonical, ""), "\n") {
		t.Errorf("%d units", len(canonical))
	}
}

func TestADroppedOwnerReturnsNoFilters(t *testing.T) {
	dropped := pkg.Package{ID: "dropped", Name: "x", Version: "1", Type: syftPkg.BinaryPkg, Distro: bookworm}
	owned := pkg.Package{
		ID: "owned", Name: "y", Version: "1", Type: syftPkg.PythonPkg,
		RelatedPackages: map[artifact.RelationshipType][]*pkg.Package{artifact.OwnershipByFileOverlapRelationship: {&dropped}},
	}
	if made := unitsOf(t, owned); strings.Contains(made[0], "owners") {
		t.Error(made[0])
	}
}

func TestPackagesOfOneTypeNameAndVersionHoldEachOtherWhereTheirFiltersDiffer(t *testing.T) {
	hasSibling := func(made []string) (with []bool) {
		for _, canonical := range made {
			with = append(with, strings.Contains(canonical, `"siblings"`))
		}
		return with
	}
	for sentence, c := range map[string]struct {
		packages []pkg.Package
		want     []bool
	}{
		"a patched rebuild beside the original":                {[]pkg.Package{jar("a", "org.example"), jar("b", "io.root.org.example")}, []bool{true, true}},
		"the same package in two places":                       {[]pkg.Package{jar("a", "org.example"), jar("b", "org.example")}, []bool{false, false}},
		"a Go module in two binaries":                          {[]pkg.Package{goModule("a", "Parse"), goModule("b", "Render")}, []bool{false, false}},
		"packages of a distribution, which filter by relation": {[]pkg.Package{deb("a", "1"), {ID: "b", Name: "a", Version: "1", Type: syftPkg.DebPkg}}, []bool{false, false}},
		"other versions": {[]pkg.Package{
			{ID: "a", Name: "a", Version: "1", Type: syftPkg.NpmPkg}, {ID: "b", Name: "a", Version: "2", Type: syftPkg.NpmPkg, Distro: bookworm},
		}, []bool{false, false}},
		"one of another distribution": {[]pkg.Package{
			{ID: "a", Name: "a", Version: "1", Type: syftPkg.NpmPkg}, {ID: "b", Name: "a", Version: "1", Type: syftPkg.NpmPkg, Distro: bookworm},
		}, []bool{true, true}},
	} {
		if got := hasSibling(unitsOf(t, c.packages...)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", sentence, got)
		}
	}
}

func TestAUnitWithoutCPEsIsRefusedWhereTheyAreSearchedBy(t *testing.T) {
	unit, err := units.Decode([]byte(unitsOf(t, pkg.Package{Name: "a", Version: "1", Type: syftPkg.NpmPkg})[0]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unit.Packages(fields(nil), ""); err != nil {
		t.Error(err)
	}
	if _, err := unit.Packages(fields(func(o *options.Grype) { o.Match.Javascript.UseCPEs = true }), ""); err == nil {
		t.Error("a unit that lacks what the options read was taken")
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{``, `{`, `null`, `{"v":2,"dropped":true}`, `{"v":1}`, `{"v":1,"dropped":true,"colour":"red"}`, `{"v":1,"package":{"type":1}}`} {
		if _, err := units.Decode([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	unit, err := units.Decode([]byte(`{"v":1,"package":{"type":"npm","name":"a","version":"1","metadata":{"kind":"unheard-of"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unit.Packages(fields(nil), ""); err == nil {
		t.Error("metadata of an unknown kind were taken")
	}
}
