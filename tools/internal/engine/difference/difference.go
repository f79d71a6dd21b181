package difference

import (
	"github.com/anchore/grype/grype/db/v6/name"
	"github.com/anchore/grype/grype/pkg"

	"github.com/pharos-security/pharos/tools/internal/engine/units"
)

// Difference is what two databases differ in.
type Difference struct {
	// IsEverything says that it cannot be narrowed: something that decides any search differs.
	IsEverything    bool
	names, products map[string]bool
}

// Between compares two databases.
func Between(from, to *Fingerprint) *Difference {
	return &Difference{
		IsEverything: from.general != to.general,
		names:        differing(from.names, to.names),
		products:     differing(from.products, to.products),
	}
}

func differing(from, to map[string]uint64) map[string]bool {
	found := map[string]bool{}
	for key, sum := range from {
		if other, ok := to[key]; !ok || other != sum {
			found[key] = true
		}
	}
	for key := range to {
		if _, ok := from[key]; !ok {
			found[key] = true
		}
	}
	return found
}

// NameCount is the number of package names that differ, ProductCount that of CPE products.
func (d *Difference) NameCount() int    { return len(d.names) }
func (d *Difference) ProductCount() int { return len(d.products) }

// Touches says whether a unit's matches can differ: whether any name that matchers search by for its packages does.
func (d *Difference) Touches(unit *units.Unit, fields *units.Fields) bool {
	if d.IsEverything {
		return true
	}
	packages, err := unit.Packages(fields, "")
	if err != nil {
		// Matching says what is wrong with it.
		return true
	}
	for i := range packages {
		if d.touchesPackage(packages[i]) {
			return true
		}
		for _, upstream := range pkg.UpstreamPackages(packages[i]) {
			if d.touchesPackage(upstream) {
				return true
			}
		}
	}
	return false
}

func (d *Difference) touchesPackage(p pkg.Package) bool {
	if d.touchesName(p, p.Name) {
		return true
	}
	for _, searched := range name.PackageNames(p) {
		if d.touchesName(p, searched) {
			return true
		}
	}
	for _, c := range p.CPEs {
		if d.products[fold(c.Attributes.Product)] {
			return true
		}
	}
	return false
}

func (d *Difference) touchesName(p pkg.Package, searched string) bool {
	return d.names[fold(searched)] || d.names[fold(name.Normalize(searched, p.Type))]
}
