package difference

import (
	"hash/fnv"
	"slices"

	"github.com/anchore/grype/grype/db/v6/name"
	"github.com/anchore/grype/grype/pkg"

	"github.com/pharos-security/pharos/tools/internal/engine/units"
)

// SearchKey stands for a name that matchers search by: a package name or a CPE product. Whoever keeps the keys of a unit knows later, without
// the unit, whether the difference of two databases touches it. Two names may share a key: a unit is then matched without need.
type SearchKey uint64

// SearchKeysVersion rises when units get other keys than before. The names follow Grype's rules, so Grype's version counts as well.
const SearchKeysVersion = 1

// keyBits fit the integers of JSON readers that know floating point numbers alone.
const keyBits = 52

type nameKind byte

const (
	packageKind nameKind = iota
	productKind
)

func keyOf(kind nameKind, folded string) SearchKey {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte{byte(kind)})
	_, _ = sum.Write([]byte(folded))
	return SearchKey(sum.Sum64() >> (64 - keyBits))
}

// SearchKeys are the keys of everything that matchers search by for a unit's packages, sorted. A unit that cannot be read has an error: whatever
// differs may touch it.
func SearchKeys(unit *units.Unit, fields *units.Fields) ([]SearchKey, error) {
	packages, err := unit.Packages(fields, "")
	if err != nil {
		return nil, err
	}
	keys := []SearchKey{}
	for i := range packages {
		keys = appendKeys(keys, packages[i])
		for _, upstream := range pkg.UpstreamPackages(packages[i]) {
			keys = appendKeys(keys, upstream)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

func appendKeys(keys []SearchKey, p pkg.Package) []SearchKey {
	keys = appendNames(keys, p, p.Name)
	for _, searched := range name.PackageNames(p) {
		keys = appendNames(keys, p, searched)
	}
	for _, c := range p.CPEs {
		keys = append(keys, keyOf(productKind, fold(c.Attributes.Product)))
	}
	return keys
}

func appendNames(keys []SearchKey, p pkg.Package, searched string) []SearchKey {
	return append(keys, keyOf(packageKind, fold(searched)), keyOf(packageKind, fold(name.Normalize(searched, p.Type))))
}
