package units

import (
	"github.com/anchore/grype/cmd/grype/cli/options"
	"github.com/anchore/grype/grype/db/v6/name"
	"github.com/anchore/grype/grype/match"
	syftPkg "github.com/anchore/syft/syft/pkg"
)

// Fields tells which fields the matchers read under given options.
type Fields struct {
	options  *options.Grype
	matchers map[syftPkg.Type]match.MatcherType
}

// NewFields learns from the matchers which of them is asked for which type.
func NewFields(opts *options.Grype, matchers []match.Matcher) *Fields {
	fields := &Fields{options: opts, matchers: map[syftPkg.Type]match.MatcherType{}}
	for _, matcher := range matchers {
		for _, packageType := range matcher.PackageTypes() {
			fields.matchers[packageType] = matcher.Type()
		}
	}
	return fields
}

// cpes follows the matchers' MatcherConfig: whether a package's matcher searches by CPE.
func (f *Fields) cpes(packageType syftPkg.Type, packageName string) bool {
	settings := f.options.Match
	switch f.matchers[packageType] {
	case match.ApkMatcher:
		return true
	case match.DpkgMatcher:
		return settings.Dpkg.UseCPEs || settings.Dpkg.UseCPEsForEOL
	case match.RpmMatcher:
		return settings.Rpm.UseCPEs || settings.Rpm.UseCPEsForEOL
	case match.GoModuleMatcher:
		return settings.Golang.UseCPEs || settings.Golang.AlwaysUseCPEForStdlib && packageName == "stdlib"
	case match.JavaMatcher:
		return settings.Java.UseCPEs
	case match.JavascriptMatcher:
		return settings.Javascript.UseCPEs
	case match.PythonMatcher:
		return settings.Python.UseCPEs
	case match.RubyGemMatcher:
		return settings.Ruby.UseCPEs
	case match.RustMatcher:
		return settings.Rust.UseCPEs
	case match.DotnetMatcher:
		return settings.Dotnet.UseCPEs
	case match.HexMatcher:
		return settings.Hex.UseCPEs
	case match.PortageMatcher, match.PacmanMatcher, match.BitnamiMatcher, match.MsrcMatcher:
		return false
	case "":
		return settings.Stock.UseCPEs
	default:
		// A matcher that is not known here: holding too much costs room, too little would lose matches.
		return true
	}
}

// purl says whether a type's names in the database are taken from the package URL.
func (f *Fields) purl(packageType syftPkg.Type) bool {
	switch name.FromType(packageType).(type) {
	case nil, *name.PythonResolver:
		return false
	default:
		return true
	}
}

// filtersByName says whether a type's matcher returns filters by type, name and version: those that search by language do, those that
// search in a distribution's feed return filters by relation only.
func (f *Fields) filtersByName(packageType syftPkg.Type) bool {
	switch f.matchers[packageType] {
	case match.ApkMatcher, match.DpkgMatcher, match.RpmMatcher, match.PortageMatcher, match.PacmanMatcher:
		return false
	default:
		return true
	}
}
