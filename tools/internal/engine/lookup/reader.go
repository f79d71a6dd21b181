package lookup

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/syft/syft/cpe"
	"gorm.io/gorm"
)

// rememberedHandles bounds the package records that are kept between searches that differ in the version only.
const rememberedHandles = 20_000

// reader is Grype's reader of a database, with what it is asked for again and again kept in memory.
type reader struct {
	v6.Reader
	db         *gorm.DB
	index      *index
	exploited  sync.Map
	affected   *memo[packagesAnswer[v6.AffectedPackageHandle]]
	unaffected *memo[packagesAnswer[v6.UnaffectedPackageHandle]]
}

var _ handle = (*reader)(nil)

func newReader(inner v6.Reader, made *index) *reader {
	return &reader{
		Reader: inner, db: inner.(handle).GetDB(), index: made,
		affected:   newMemo[packagesAnswer[v6.AffectedPackageHandle]](rememberedHandles),
		unaffected: newMemo[packagesAnswer[v6.UnaffectedPackageHandle]](rememberedHandles),
	}
}

// GetDB is what Grype's own helpers ask a reader for.
func (r *reader) GetDB() *gorm.DB { return r.db }

func (r *reader) GetEpss(cve string) ([]v6.EpssHandle, error) {
	return r.index.decorations.epss[fold(cve)], nil
}

func (r *reader) GetCWEs(cve string) ([]v6.CWEHandle, error) {
	return r.index.decorations.cwes[fold(cve)], nil
}

func (r *reader) GetKnownExploitedVulnerabilities(cve string) ([]v6.KnownExploitedVulnerabilityHandle, error) {
	key := fold(cve)
	if !r.index.decorations.exploited.has(key) {
		return nil, nil
	}
	if known, ok := r.exploited.Load(key); ok {
		return known.([]v6.KnownExploitedVulnerabilityHandle), nil
	}
	found, err := r.Reader.GetKnownExploitedVulnerabilities(cve)
	if err == nil {
		r.exploited.Store(key, found)
	}
	return found, err
}

// packagesAnswer is an answer of the database, or that it does not know the distribution.
type packagesAnswer[T any] struct {
	handles []T
	err     error
}

func weighAnswer[T any](answer packagesAnswer[T]) int { return 1 + len(answer.handles) }

func (r *reader) GetAffectedPackages(spec *v6.PackageSpecifier, options *v6.GetPackageOptions) ([]v6.AffectedPackageHandle, error) {
	return remembered(r.affected, spec, options, r.Reader.GetAffectedPackages)
}

func (r *reader) GetUnaffectedPackages(spec *v6.PackageSpecifier, options *v6.GetPackageOptions) ([]v6.UnaffectedPackageHandle, error) {
	return remembered(r.unaffected, spec, options, r.Reader.GetUnaffectedPackages)
}

func remembered[T any](
	known *memo[packagesAnswer[T]], spec *v6.PackageSpecifier, options *v6.GetPackageOptions,
	ask func(*v6.PackageSpecifier, *v6.GetPackageOptions) ([]T, error),
) ([]T, error) {
	key, isSimple := keyOf(spec, options)
	if !isSimple {
		return ask(spec, options)
	}
	answer, isKnown := known.get(key, weighAnswer)
	if !isKnown {
		answer.handles, answer.err = ask(spec, options)
		if answer.err != nil && !errors.Is(answer.err, v6.ErrOSNotPresent) {
			return answer.handles, answer.err
		}
		known.put(key, answer, weighAnswer(answer))
	}
	// Grype fills in what the records refer to: each caller gets records of its own.
	return slices.Clone(answer.handles), answer.err
}

// keyOf names a search of the kind that the provider makes for a package; other kinds are not remembered.
func keyOf(spec *v6.PackageSpecifier, options *v6.GetPackageOptions) (string, bool) {
	if spec == nil || options == nil || len(options.Vulnerabilities) > 0 || options.Limit > 0 || options.AllowBroadCPEMatching || !options.PreloadBlob ||
		options.PreloadOS || options.PreloadPackage || options.PreloadPackageCPEs || options.PreloadVulnerability {
		return "", false
	}
	var key strings.Builder
	write := func(parts ...string) {
		for _, part := range parts {
			key.WriteString(part)
			key.WriteByte(0)
		}
	}
	write(fold(spec.Name), fold(spec.Ecosystem))
	if spec.CPE != nil {
		writeCPE(write, *spec.CPE)
	}
	for _, os := range options.OSs {
		if os == nil {
			write("any")
			continue
		}
		write(os.Name, os.MajorVersion, os.MinorVersion, os.RemainingVersion, os.LabelVersion, os.Channel,
			strconv.FormatBool(os.DisableAliasing), strconv.FormatBool(os.DisableFallback))
	}
	return key.String(), true
}

// writeCPE writes the attributes that a search reads: version and update are compared later.
func writeCPE(write func(...string), c cpe.Attributes) {
	write("cpe", c.Part, c.Vendor, c.Product, c.Edition, c.Language, c.SWEdition, c.TargetSW, c.TargetHW, c.Other)
}
