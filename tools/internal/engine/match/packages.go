package match

import (
	"slices"
	"strings"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/version"
	"github.com/anchore/syft/syft/artifact"
	syftPkg "github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
)

// packagesOf does for an SBOM in memory what pkg.Provide of Grype does for one that it decodes. Grype exports no function for it: the steps
// below follow pkg/provider.go, pkg/syft_provider.go and pkg/package.go (Copyright Anchore, Inc., Apache-2.0). A test compares its result
// with that of pkg.ProvideFromReader over the same SBOM, another watches the text of the functions that it follows.
func packagesOf(made *sbom.SBOM, config pkg.ProviderConfig) ([]pkg.Package, pkg.Context) {
	description := made.Source
	found := distro.FromRelease(made.Artifacts.LinuxDistribution, config.Distro.FixChannels)
	applyFixChannels(found, config.Distro.FixChannels)
	packages := pkg.FromCollection(made.Artifacts.Packages, made.Relationships, config.SynthesisConfig)
	context := pkg.Context{
		Source:                &description,
		Distro:                found,
		DistroDetectionFailed: made.Artifacts.LinuxDistribution != nil && found == nil,
	}
	if context.Distro == nil {
		context.Distro = onlyDistro(packages)
	}
	if context.Distro != nil {
		for _, p := range packages {
			if p.Distro == nil {
				p.Distro = context.Distro
			}
		}
	}
	packages = slices.DeleteFunc(packages, isOwnedByAnother)
	return pkg.FromPtrs(packages), context
}

// onlyDistro is the distribution that all packages with one share (setContextDistro).
func onlyDistro(packages []*pkg.Package) *distro.Distro {
	var only *distro.Distro
	for _, p := range packages {
		switch {
		case p.Distro == nil:
		case only == nil:
			only = p.Distro
		case only.Type != p.Distro.Type || only.Version != p.Distro.Version || only.Codename != p.Distro.Codename:
			return nil
		}
	}
	return only
}

// applyFixChannels follows getDistroChannelApplier and applyChannelsToDistro.
func applyFixChannels(d *distro.Distro, channels []distro.FixChannel) {
	if d == nil {
		return
	}
	requested := map[string]bool{}
	for _, name := range d.Channels {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			requested[name] = true
		}
	}
	release := version.New(d.Version, version.SemanticFormat)
	var applied []string
	for _, channel := range channels {
		isForDistro := slices.ContainsFunc(channel.IDs, func(id string) bool { return id != "" && strings.EqualFold(id, d.ID()) })
		if channel.Name == "" || !isForDistro || !isForRelease(channel, release) {
			continue
		}
		switch channel.Apply {
		case distro.ChannelAlwaysEnabled:
			applied = append(applied, channel.Name)
		case distro.ChannelConditionallyEnabled:
			if requested[strings.ToLower(channel.Name)] {
				applied = append(applied, channel.Name)
			}
		}
	}
	d.Channels = applied
}

func isForRelease(channel distro.FixChannel, release *version.Version) bool {
	if channel.Versions == nil || release == nil {
		return true
	}
	isSatisfied, err := channel.Versions.Satisfied(release)
	// A version that cannot be compared does not switch a channel off.
	return err != nil || isSatisfied
}

// isOwnedByAnother follows removePackagesByOverlap and excludePackage: a package whose files belong to a package of the distribution is left
// to the distribution's own feed.
func isOwnedByAnother(p *pkg.Package) bool {
	return slices.ContainsFunc(p.RelatedPackages[artifact.OwnershipByFileOverlapRelationship], func(owner *pkg.Package) bool {
		if owner == nil || owner.Distro == nil {
			return false
		}
		if !strings.HasPrefix(owner.Version, p.Version) && !strings.HasPrefix(p.Version, owner.Version) {
			return false
		}
		if hasComprehensiveFeed(owner.Distro) && isOSPackage(owner) && !isOSPackage(p) {
			return true
		}
		return p.Type == syftPkg.BinaryPkg
	})
}

// comprehensiveDistros list also what they have not fixed.
var comprehensiveDistros = []distro.Type{
	distro.ArchLinux, distro.Azure, distro.Debian, distro.Mariner, distro.RedHat, distro.SLES, distro.Ubuntu,
}

// hasComprehensiveFeed follows distroFeedIsComprehensive.
func hasComprehensiveFeed(d *distro.Distro) bool {
	if d.Type == distro.AmazonLinux {
		return false
	}
	return slices.ContainsFunc(comprehensiveDistros, func(known distro.Type) bool {
		isKnown := func(name string) bool { return strings.EqualFold(string(known), name) }
		return isKnown(d.Name()) || slices.ContainsFunc(d.IDLike, isKnown)
	})
}

func isOSPackage(p *pkg.Package) bool {
	switch p.Type {
	case syftPkg.DebPkg, syftPkg.RpmPkg, syftPkg.PortagePkg, syftPkg.AlpmPkg, syftPkg.ApkPkg:
		return true
	default:
		return false
	}
}
