package units

import (
	"strconv"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/cpe"
	syftPkg "github.com/anchore/syft/syft/pkg"

	"github.com/pharos-security/pharos/tools/internal/engine/failure"
)

func numbered(prefix string, number int) pkg.ID { return pkg.ID(prefix + strconv.Itoa(number)) }

// decode is the Grype package that a reduced one stands for.
func (p *Package) decode(fields *Fields, id pkg.ID, readsCPEs bool) (*pkg.Package, error) {
	metadata, err := p.Metadata.decode(p.Name)
	if err != nil {
		return nil, failure.Wrap(failure.BadRequest, err)
	}
	decoded := &pkg.Package{
		ID: id, Name: p.Name, Version: p.Version, Language: syftPkg.Language(p.Language), Type: p.packageType(), PURL: p.PURL,
		Distro: p.Distro.decode(), Metadata: metadata,
	}
	switch {
	case p.CPEs != nil:
		for _, c := range *p.CPEs {
			decoded.CPEs = append(decoded.CPEs, cpe.CPE{Attributes: c.Attributes})
		}
	case readsCPEs && fields.cpes(decoded.Type, p.Name):
		// Made by an engine whose options did not search by CPE: to match it without would lose matches.
		return nil, failure.New(failure.BadRequest, "the match unit of %s %s has no CPEs, which this engine searches by", p.Type, p.Name)
	}
	for _, upstream := range p.Upstreams {
		decoded.Upstreams = append(decoded.Upstreams, pkg.UpstreamPackage(upstream))
	}
	return decoded, nil
}

func (d *Distro) decode() *distro.Distro {
	if d == nil {
		return nil
	}
	// The constructor takes the version apart; the channels have left its text long ago.
	made := distro.New(distro.Type(d.Type), d.Version, d.Codename)
	made.Channels = d.Channels
	return made
}
