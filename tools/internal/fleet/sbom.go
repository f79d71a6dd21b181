package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/license"
	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"
)

// layerDigest stands for the content of a layer.
func layerDigest(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// WriteSBOM writes what Syft would say of an image, in syft-json.
func (i *Image) WriteSBOM(path string) error {
	var layers []source.LayerMetadata
	for _, name := range i.Layers {
		layers = append(layers, source.LayerMetadata{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Digest: layerDigest(name), Size: 1})
	}
	made := newSBOM(i.release, i.Repository, source.ImageMetadata{UserInput: i.Repository + ":" + i.Tag, Layers: layers, OS: "linux", Architecture: "amd64"})
	owners := map[*Package]pkg.Package{}
	for _, o := range i.Occurrences {
		add(made, o.Package, Roots[o.Root]+o.Package.Path(), layerDigest(i.Layers[o.Layer]), owners)
	}
	return encode(path, made)
}

func encode(path string, made *sbom.SBOM) error {
	return writeFile(path, false, func(out io.Writer) error { return syftjson.NewFormatEncoder().Encode(out, *made) })
}

// writeDocument writes packages of one release as an SBOM; an owner that is not among them joins them. Answers their ids.
func writeDocument(path string, release int, packages []*Package) ([]string, error) {
	made := newSBOM(release, filepath.Base(path), source.DirectoryMetadata{Path: "/"})
	owners := map[*Package]pkg.Package{}
	ids := make([]string, len(packages))
	for i, p := range packages {
		if p.owner != nil {
			if _, isThere := owners[p.owner]; !isThere {
				add(made, p.owner, p.owner.Path(), "", owners)
			}
		}
		ids[i] = string(add(made, p, p.Path(), "", owners))
	}
	return ids, encode(path, made)
}

func newSBOM(release int, name string, metadata any) *sbom.SBOM {
	r := releases[release]
	return &sbom.SBOM{
		Artifacts: sbom.Artifacts{
			Packages: pkg.NewCollection(),
			LinuxDistribution: &linux.Release{
				ID: r.id, VersionID: r.version, VersionCodename: r.codename, PrettyName: r.prettyName, Name: strings.Fields(r.prettyName)[0] + " " + strings.Fields(r.prettyName)[1],
			},
		},
		Source:     source.Description{ID: layerDigest(name)[7:], Name: name, Metadata: metadata},
		Descriptor: sbom.Descriptor{Name: "syft", Version: "1.57.0"},
	}
}

func add(made *sbom.SBOM, p *Package, path, layer string, owners map[*Package]pkg.Package) artifact.ID {
	entry := p.entry(file.NewLocationFromCoordinates(file.NewCoordinates(path, layer)))
	made.Artifacts.Packages.Add(entry)
	if p.Ecosystem == Debian {
		owners[p] = entry
	}
	if p.owner != nil {
		made.Relationships = append(made.Relationships, artifact.Relationship{From: owners[p.owner], To: entry, Type: artifact.OwnershipByFileOverlapRelationship})
	}
	return entry.ID()
}

var licences = []string{"MIT", "Apache-2.0", "BSD-3-Clause", "ISC", "GPL-2.0-or-later", "LGPL-2.1-or-later", "MPL-2.0"}

// entry is the package as Syft's cataloguer of its ecosystem writes it.
func (p *Package) entry(at file.Location) pkg.Package {
	r := releases[p.release]
	licence := licences[p.project.dice.sub("licence").below(len(licences))]
	made := pkg.Package{
		Name: p.Name, Version: p.Version, Locations: file.NewLocationSet(at),
		Licenses: pkg.NewLicenseSet(pkg.License{Value: licence, SPDXExpression: licence, Type: license.Declared}),
	}
	vendor, product := cpeName(p.Name), cpeName(p.Name)
	switch p.Ecosystem {
	case Debian:
		made.Type, made.FoundBy = pkg.DebPkg, "dpkg-db-cataloger"
		made.PURL = fmt.Sprintf("pkg:deb/debian/%s@%s?arch=amd64&distro=debian-%s", p.Name, escape(p.Version), r.version)
		metadata := pkg.DpkgDBEntry{Package: p.Name, Version: p.Version, Architecture: "amd64", Maintainer: "Debian", InstalledSize: 100, Files: []pkg.DpkgFileRecord{}}
		if p.project.name != p.Name {
			metadata.Source = p.project.name
			made.PURL += "&upstream=" + p.project.name
		}
		made.Metadata = metadata
	case Alpine:
		made.Type, made.FoundBy = pkg.ApkPkg, "apk-db-cataloger"
		made.PURL = fmt.Sprintf("pkg:apk/alpine/%s@%s?arch=x86_64&distro=alpine-%s", escape(p.Name), escape(p.Version), r.version)
		made.Metadata = pkg.ApkDBEntry{Package: p.Name, OriginPackage: p.project.name, Version: p.Version, Architecture: "x86_64", Size: 100, Files: []pkg.ApkFileRecord{}}
	case NPM:
		made.Type, made.Language, made.FoundBy = pkg.NpmPkg, pkg.JavaScript, "javascript-package-cataloger"
		made.PURL = "pkg:npm/" + strings.Replace(p.Name, "@", "%40", 1) + "@" + p.Version
		made.Metadata = pkg.NpmPackage{Name: p.Name, Version: p.Version}
		vendor = cpeName(strings.TrimPrefix(strings.Split(p.Name, "/")[0], "@"))
	case PyPI:
		made.Type, made.Language, made.FoundBy = pkg.PythonPkg, pkg.Python, "python-installed-package-cataloger"
		made.PURL = "pkg:pypi/" + p.Name + "@" + p.Version
		made.Metadata = pkg.PythonPackage{Name: p.Name, Version: p.Version}
		product = "python-" + product
	case Go:
		made.Type, made.Language, made.FoundBy = pkg.GoModulePkg, pkg.Go, "go-module-binary-cataloger"
		made.PURL = "pkg:golang/" + p.Name + "@" + p.Version
		metadata := pkg.GolangBinaryBuildinfoEntry{GoCompiledVersion: "go1.24.3", Architecture: "amd64", MainModule: "example.com/server"}
		if p.project.isSymbolic {
			metadata.Symbols = map[string][]string{p.Name: p.heldSymbols()}
		}
		made.Metadata = metadata
		product = cpeName(p.Name[strings.LastIndexByte(p.Name, '/')+1:])
	case Maven:
		group, name, _ := strings.Cut(p.Name, ":")
		made.Name, made.Type, made.Language, made.FoundBy = name, pkg.JavaPkg, pkg.Java, "java-archive-cataloger"
		made.PURL = "pkg:maven/" + group + "/" + name + "@" + p.Version
		made.Metadata = pkg.JavaArchive{
			VirtualPath:   at.RealPath,
			PomProperties: &pkg.JavaPomProperties{Path: "META-INF/maven/" + group + "/" + name + "/pom.properties", GroupID: group, ArtifactID: name, Version: p.Version},
		}
		vendor, product = cpeName(group), cpeName(name)
	case RubyGems:
		made.Type, made.Language, made.FoundBy = pkg.GemPkg, pkg.Ruby, "ruby-installed-gemspec-cataloger"
		made.PURL = "pkg:gem/" + p.Name + "@" + p.Version
		made.Metadata = pkg.RubyGemspec{Name: p.Name, Version: p.Version}
	case Crates:
		made.Type, made.Language, made.FoundBy = pkg.RustPkg, pkg.Rust, "cargo-auditable-binary-cataloger"
		made.PURL = "pkg:cargo/" + p.Name + "@" + p.Version
		made.Metadata = pkg.RustBinaryAuditEntry{Name: p.Name, Version: p.Version, Source: "crates.io"}
	}
	made.CPEs = []cpe.CPE{{
		Attributes: cpe.Attributes{Part: "a", Vendor: vendor, Product: product, Version: p.Version},
		Source:     cpe.GeneratedSource,
	}}
	made.SetID()
	return made
}

func escape(text string) string {
	return url.QueryEscape(text)
}

// cpeName is a name with only what needs no escape in a CPE.
func cpeName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
}
