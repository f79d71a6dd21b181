package units

import (
	"bytes"
	"slices"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/artifact"
	syftPkg "github.com/anchore/syft/syft/pkg"
)

// Made is the unit of one package of an SBOM.
type Made struct {
	ArtifactID string
	Key        string
	Canonical  []byte
}

// droppedUnit is the one unit of all packages that are dropped: without matches in any database they need no fields.
var droppedUnit = &Unit{Version: Version, Dropped: true}

// Make hands the units of an image's packages to each, in their order: first those that Grype matches, then those that it dropped.
func (f *Fields) Make(matched []pkg.Package, droppedIDs []string, each func(Made) error) error {
	ids := make(map[pkg.ID]bool, len(matched))
	for i := range matched {
		ids[matched[i].ID] = true
	}
	siblings, err := f.groupSiblings(matched)
	if err != nil {
		return err
	}
	for i := range matched {
		p := &matched[i]
		unit := &Unit{Version: Version}
		if unit.Package, err = f.reduce(p); err != nil {
			return err
		}
		if unit.Owners, err = f.owners(p, ids); err != nil {
			return err
		}
		if unit.Siblings, err = siblings.of(p); err != nil {
			return err
		}
		if err := hand(string(p.ID), unit, each); err != nil {
			return err
		}
	}
	for _, id := range droppedIDs {
		if err := hand(id, droppedUnit, each); err != nil {
			return err
		}
	}
	return nil
}

func hand(id string, unit *Unit, each func(Made) error) error {
	canonical, err := unit.Encode()
	if err != nil {
		return err
	}
	return each(Made{ArtifactID: id, Key: Key(canonical), Canonical: canonical})
}

func (f *Fields) reduce(p *pkg.Package) (*Package, error) {
	metadata, err := metadataOf(p)
	if err != nil {
		return nil, err
	}
	reduced := &Package{
		Type: string(p.Type), Name: p.Name, Version: p.Version, Language: string(p.Language), Distro: distroOf(p.Distro), Metadata: metadata,
	}
	if f.purl(p.Type) {
		reduced.PURL = p.PURL
	}
	if f.cpes(p.Type, p.Name) {
		cpes := make([]CPE, 0, len(p.CPEs))
		for _, c := range p.CPEs {
			cpes = append(cpes, CPE{c.Attributes})
		}
		reduced.CPEs = &cpes
	}
	for _, upstream := range p.Upstreams {
		reduced.Upstreams = append(reduced.Upstreams, Upstream(upstream))
	}
	return reduced, nil
}

// distroOf leaves out what only the dropping of packages (ID_LIKE) and the search by CPE at a distribution's end of life (SUPPORT_END, which
// the grype command's options switch off) read.
func distroOf(d *distro.Distro) *Distro {
	if d == nil {
		return nil
	}
	return &Distro{Type: string(d.Type), Version: d.Version, Codename: d.Codename, Channels: d.Channels}
}

// owners are the packages whose filters reach p by match.IgnoreRelatedPackage. One that Grype dropped is not matched, so it has none.
func (f *Fields) owners(p *pkg.Package, matched map[pkg.ID]bool) ([]*Package, error) {
	related := p.RelatedPackages[artifact.OwnershipByFileOverlapRelationship]
	var set packageSet
	for _, owner := range related {
		if owner == nil || !matched[owner.ID] {
			continue
		}
		reduced, err := f.reduce(owner)
		if err != nil {
			return nil, err
		}
		if err := set.add(reduced); err != nil {
			return nil, err
		}
	}
	return set.list(), nil
}

// siblingGroups hold, by type, name and version, the packages whose filters act on one another.
//
// A matcher that searches by language returns for each record that calls its package unaffected a match.IgnoreRule with the package's type,
// name and version (matcher/internal/language.go, constructIgnoreFilters): it acts on all packages of the image that share these. Which
// records these are depends on more: the names searched by (a Java archive's group, a package URL), the distribution (platform CPE
// qualifier), the language, and whether a Go module is the main one (then nothing is searched). So packages that share the three can return
// different filters, e.g. a patched rebuild of a Java archive beside the original, and each needs the other's.
//
// Not compared, and not held: CPEs and upstreams, which lead to filters by relation only, and Go symbols. Grype's database builder gives
// imports, which symbols are held against, to affected packages only (build/transformers/osv/transform_go_vuln_db.go and
// build/govulndb_merge.go), so records that call a Go module unaffected do not depend on them; comparing symbols would make every module of
// an image with several binaries unique to the image.
type siblingGroups struct {
	fields *Fields
	groups map[string]*packageSet
}

func (f *Fields) groupSiblings(matched []pkg.Package) (*siblingGroups, error) {
	groups := &siblingGroups{fields: f, groups: map[string]*packageSet{}}
	for i := range matched {
		if !f.filtersByName(matched[i].Type) {
			continue
		}
		sibling, err := f.siblingOf(&matched[i])
		if err != nil {
			return nil, err
		}
		group, ok := groups.groups[sibling.identity()]
		if !ok {
			group = &packageSet{}
			groups.groups[sibling.identity()] = group
		}
		if err := group.add(sibling); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// siblingOf is what decides a package's filters by name.
func (f *Fields) siblingOf(p *pkg.Package) (*Package, error) {
	sibling, err := f.reduce(p)
	if err != nil {
		return nil, err
	}
	sibling.CPEs, sibling.Upstreams = nil, nil
	if sibling.Metadata != nil && sibling.Metadata.Golang != nil {
		sibling.Metadata.Golang.Symbols = nil
	}
	return sibling, nil
}

// of are the others of p's group.
func (g *siblingGroups) of(p *pkg.Package) ([]*Package, error) {
	if !g.fields.filtersByName(p.Type) {
		return nil, nil
	}
	own, err := g.fields.siblingOf(p)
	if err != nil {
		return nil, err
	}
	group := g.groups[own.identity()]
	if group == nil || len(group.members) < 2 {
		return nil, nil
	}
	canonical, err := encode(own)
	if err != nil {
		return nil, err
	}
	return group.listWithout(canonical), nil
}

// packageSet holds packages once, in the order of their canonical form.
type packageSet struct{ members []member }

type member struct {
	canonical []byte
	reduced   *Package
}

func (s *packageSet) add(reduced *Package) error {
	canonical, err := encode(reduced)
	if err != nil {
		return err
	}
	at, isKnown := slices.BinarySearchFunc(s.members, canonical, func(m member, target []byte) int { return bytes.Compare(m.canonical, target) })
	if !isKnown {
		s.members = slices.Insert(s.members, at, member{canonical, reduced})
	}
	return nil
}

func (s *packageSet) list() []*Package { return s.listWithout(nil) }

func (s *packageSet) listWithout(canonical []byte) []*Package {
	var list []*Package
	for _, m := range s.members {
		if canonical == nil || !bytes.Equal(m.canonical, canonical) {
			list = append(list, m.reduced)
		}
	}
	return list
}

// Packages are what Grype is to match for the unit: its own package first, with its owners related to it, then owners and siblings. Their ids
// begin with scope. Its errors have the code bad-request. None for a dropped unit.
func (u *Unit) Packages(fields *Fields, scope string) ([]pkg.Package, error) {
	if u.Dropped || u.Package == nil {
		return nil, nil
	}
	packages := make([]pkg.Package, 0, 1+len(u.Owners)+len(u.Siblings))
	add := func(p *Package, id pkg.ID, readsCPEs bool) error {
		decoded, err := p.decode(fields, id, readsCPEs)
		if err == nil {
			packages = append(packages, *decoded)
		}
		return err
	}
	if err := add(u.Package, pkg.ID(scope+"package"), true); err != nil {
		return nil, err
	}
	for i, owner := range u.Owners {
		if err := add(owner, numbered(scope+"owner-", i), true); err != nil {
			return nil, err
		}
	}
	for i, sibling := range u.Siblings {
		if err := add(sibling, numbered(scope+"sibling-", i), false); err != nil {
			return nil, err
		}
	}
	if len(u.Owners) > 0 {
		related := make([]*pkg.Package, len(u.Owners))
		for i := range u.Owners {
			related[i] = &packages[1+i]
		}
		packages[0].RelatedPackages = map[artifact.RelationshipType][]*pkg.Package{artifact.OwnershipByFileOverlapRelationship: related}
	}
	return packages, nil
}

func (p *Package) packageType() syftPkg.Type { return syftPkg.Type(p.Type) }
