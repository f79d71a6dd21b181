// Package grypeoptions gives the engine the options that the grype command runs with.
//
// The values come from the command's own defaults (cmd/grype/cli/options). How they become library configuration stands in functions of
// cmd/grype/cli/commands/root.go that are not exported; Cataloguing, Matchers and IgnoreRules follow them. A test compares the text of those
// functions with the one that was followed, so that an upgrade of Grype cannot change them unseen.
package grypeoptions

import (
	"github.com/anchore/clio"
	"github.com/anchore/grype/cmd/grype/cli/options"
	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/matcher"
	"github.com/anchore/grype/grype/matcher/dotnet"
	"github.com/anchore/grype/grype/matcher/dpkg"
	"github.com/anchore/grype/grype/matcher/golang"
	"github.com/anchore/grype/grype/matcher/hex"
	"github.com/anchore/grype/grype/matcher/java"
	"github.com/anchore/grype/grype/matcher/javascript"
	"github.com/anchore/grype/grype/matcher/python"
	"github.com/anchore/grype/grype/matcher/rpm"
	"github.com/anchore/grype/grype/matcher/ruby"
	"github.com/anchore/grype/grype/matcher/rust"
	"github.com/anchore/grype/grype/matcher/stock"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/version"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	syftPkg "github.com/anchore/syft/syft/pkg"
)

// Default is what `grype IMAGE` runs with when no flag, file or variable says otherwise.
func Default(grypeVersion string) *options.Grype {
	return options.DefaultGrype(clio.Identification{Name: "grype", Version: grypeVersion})
}

// Cataloguing follows getProviderConfig.
func Cataloguing(opts *options.Grype) *syft.CreateSBOMConfig {
	config := syft.DefaultCreateSBOMConfig()
	config.Packages.JavaArchive.IncludeIndexedArchives = opts.Search.IncludeIndexedArchives
	config.Packages.JavaArchive.IncludeUnindexedArchives = opts.Search.IncludeUnindexedArchives
	config.Packages.Golang = config.Packages.Golang.WithCaptureSymbols(cataloging.SymbolScopeAll)
	config.Compliance.MissingVersion = cataloging.ComplianceActionDrop
	return config
}

// Provider follows getProviderConfig for packages that come from an SBOM.
func Provider(opts *options.Grype) pkg.ProviderConfig {
	return pkg.ProviderConfig{
		SyftProviderConfig: pkg.SyftProviderConfig{SBOMOptions: Cataloguing(opts)},
		SynthesisConfig: pkg.SynthesisConfig{
			GenerateMissingCPEs: opts.GenerateMissingCPEs,
			Distro:              pkg.DistroConfig{FixChannels: fixChannels(opts.FixChannel)},
		},
	}
}

// fixChannels follows getFixChannels.
func fixChannels(opts options.FixChannels) []distro.FixChannel {
	defaults := distro.DefaultFixChannels()
	apply := func(name string, enabled string, versions string) distro.FixChannel {
		channel := *defaults.Get(name)
		channel.Apply = distro.FixChannelEnabled(enabled)
		if versions != "" {
			channel.Versions = version.MustGetConstraint(versions, version.SemanticFormat)
		}
		return channel
	}
	return []distro.FixChannel{
		apply("eus", opts.RedHatEUS.Apply, opts.RedHatEUS.Versions),
		apply("esm", opts.UbuntuESM.Apply, opts.UbuntuESM.Versions),
	}
}

// Matchers follows getMatcherConfig and getMatchers.
func Matchers(opts *options.Grype) []match.Matcher {
	return matcher.NewDefaultMatchers(matcher.Config{
		Java: java.MatcherConfig{
			ExternalSearchConfig: opts.ExternalSources.ToJavaMatcherConfig(),
			UseCPEs:              opts.Match.Java.UseCPEs,
		},
		Ruby:       ruby.MatcherConfig(opts.Match.Ruby),
		Python:     python.MatcherConfig(opts.Match.Python),
		Dotnet:     dotnet.MatcherConfig(opts.Match.Dotnet),
		Javascript: javascript.MatcherConfig(opts.Match.Javascript),
		Golang: golang.MatcherConfig{
			UseCPEs:                                opts.Match.Golang.UseCPEs,
			AlwaysUseCPEForStdlib:                  opts.Match.Golang.AlwaysUseCPEForStdlib,
			AllowMainModulePseudoVersionComparison: opts.Match.Golang.AllowMainModulePseudoVersionComparison,
		},
		Rust:  rust.MatcherConfig(opts.Match.Rust),
		Hex:   hex.MatcherConfig(opts.Match.Hex),
		Stock: stock.MatcherConfig(opts.Match.Stock),
		Dpkg: dpkg.MatcherConfig{
			MissingEpochStrategy: opts.Match.Dpkg.MissingEpochStrategy,
			UseCPEsForEOL:        opts.Match.Dpkg.UseCPEsForEOL,
			UseCPEs:              opts.Match.Dpkg.UseCPEs,
		},
		Rpm: rpm.MatcherConfig{
			MissingEpochStrategy: opts.Match.Rpm.MissingEpochStrategy,
			UseCPEsForEOL:        opts.Match.Rpm.UseCPEsForEOL,
			UseCPEs:              opts.Match.Rpm.UseCPEs,
		},
	})
}

// IgnoreRules follows ignoreLinuxKernelHeaders, which runGrype adds unless asked otherwise.
func IgnoreRules(opts *options.Grype) []match.IgnoreRule {
	rules := append([]match.IgnoreRule{}, opts.Ignore...)
	if opts.MatchUpstreamKernelHeaders {
		return rules
	}
	return append(rules,
		match.IgnoreRule{Package: match.IgnoreRulePackage{Name: "kernel-headers", UpstreamName: "kernel", Type: string(syftPkg.RpmPkg)}, MatchType: match.ExactIndirectMatch},
		match.IgnoreRule{Package: match.IgnoreRulePackage{Name: "linux(-.*)?-headers-.*", UpstreamName: "linux.*", Type: string(syftPkg.DebPkg)}, MatchType: match.ExactIndirectMatch},
		match.IgnoreRule{Package: match.IgnoreRulePackage{Name: "linux-libc-dev", UpstreamName: "linux", Type: string(syftPkg.DebPkg)}, MatchType: match.ExactIndirectMatch},
		match.IgnoreRule{Package: match.IgnoreRulePackage{Name: "linux-kbuild-.*", UpstreamName: "linux.*", Type: string(syftPkg.DebPkg)}, MatchType: match.ExactIndirectMatch},
	)
}
