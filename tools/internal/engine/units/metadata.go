package units

import (
	"fmt"
	"slices"

	"github.com/anchore/grype/grype/pkg"
)

// Metadata is what matchers and qualifiers read of a package's metadata, by kind. That a package has metadata of some kind is itself read:
// the modularity qualifier tells a package without any from one of another kind, and a Java VM's version format follows from the kind.
type Metadata struct {
	Kind   string      `json:"kind"`
	Golang *golangPart `json:"golang,omitempty"`
	RPM    *rpmPart    `json:"rpm,omitempty"`
	Java   *javaPart   `json:"java,omitempty"`
	// Arch is an apk's.
	Arch string `json:"arch,omitempty"`
}

const (
	kindGolangBinary = "golang-binary"
	kindGolangModule = "golang-module"
	kindGolangSource = "golang-source"
	kindRPM          = "rpm"
	kindJava         = "java"
	kindJavaVM       = "java-vm"
	kindAPK          = "apk"
)

type golangPart struct {
	// IsMain says that the package is its binary's main module; that name is read for nothing else.
	IsMain bool `json:"isMain,omitempty"`
	// Symbols are the functions in the binary by import path, sorted. Grype's own JSON hides them; the gosymbols qualifier reads them.
	// A path without functions counts: it says that the binary holds the package.
	Symbols map[string][]string `json:"symbols,omitempty"`
}

type rpmPart struct {
	Epoch           *int    `json:"epoch,omitempty"`
	ModularityLabel *string `json:"modularityLabel,omitempty"`
	Arch            string  `json:"arch,omitempty"`
}

type javaPart struct {
	ArtifactID   string `json:"artifactId,omitempty"`
	GroupID      string `json:"groupId,omitempty"`
	ManifestName string `json:"manifestName,omitempty"`
}

// metadataOf reduces a package's metadata. Left out, for no matcher reads them under the grype command's options: Go build settings, compiler,
// architecture and h1 digest; a Java archive's path and digests (only the search on Maven Central reads these, and the engine has no network);
// a Java VM's release fields; an apk's files (read only when relations are made).
func metadataOf(p *pkg.Package) (*Metadata, error) {
	switch m := p.Metadata.(type) {
	case nil:
		return nil, nil
	case pkg.GolangBinMetadata:
		return &Metadata{Kind: kindGolangBinary, Golang: &golangPart{IsMain: m.MainModule == p.Name, Symbols: sortedSymbols(m.Symbols)}}, nil
	case pkg.GolangModMetadata:
		return &Metadata{Kind: kindGolangModule}, nil
	case pkg.GolangSourceMetadata:
		return &Metadata{Kind: kindGolangSource}, nil
	case pkg.RpmMetadata:
		return &Metadata{Kind: kindRPM, RPM: &rpmPart{Epoch: m.Epoch, ModularityLabel: m.ModularityLabel, Arch: m.Arch}}, nil
	case pkg.JavaMetadata:
		return &Metadata{Kind: kindJava, Java: &javaPart{ArtifactID: m.PomArtifactID, GroupID: m.PomGroupID, ManifestName: m.ManifestName}}, nil
	case pkg.JavaVMInstallationMetadata:
		return &Metadata{Kind: kindJavaVM}, nil
	case pkg.ApkMetadata:
		return &Metadata{Kind: kindAPK, Arch: m.Arch}, nil
	default:
		return nil, fmt.Errorf("match units do not know metadata of the type %T", p.Metadata)
	}
}

func sortedSymbols(given map[string][]string) map[string][]string {
	if len(given) == 0 {
		return nil
	}
	symbols := make(map[string][]string, len(given))
	for path, names := range given {
		names = slices.Clone(names)
		slices.Sort(names)
		symbols[path] = slices.Compact(names)
	}
	return symbols
}

// decode is the metadata that Grype would have made, without the fields that nothing reads.
func (m *Metadata) decode(name string) (any, error) {
	if m == nil {
		return nil, nil
	}
	switch m.Kind {
	case kindGolangBinary:
		made := pkg.GolangBinMetadata{}
		if m.Golang != nil {
			made.Symbols = m.Golang.Symbols
			if m.Golang.IsMain {
				made.MainModule = name
			}
		}
		return made, nil
	case kindGolangModule:
		return pkg.GolangModMetadata{}, nil
	case kindGolangSource:
		return pkg.GolangSourceMetadata{}, nil
	case kindRPM:
		made := pkg.RpmMetadata{}
		if m.RPM != nil {
			made.Epoch, made.ModularityLabel, made.Arch = m.RPM.Epoch, m.RPM.ModularityLabel, m.RPM.Arch
		}
		return made, nil
	case kindJava:
		made := pkg.JavaMetadata{}
		if m.Java != nil {
			made.PomArtifactID, made.PomGroupID, made.ManifestName = m.Java.ArtifactID, m.Java.GroupID, m.Java.ManifestName
		}
		return made, nil
	case kindJavaVM:
		return pkg.JavaVMInstallationMetadata{}, nil
	case kindAPK:
		return pkg.ApkMetadata{Arch: m.Arch}, nil
	default:
		return nil, fmt.Errorf("the match unit has metadata of the unknown kind %q", m.Kind)
	}
}
