package fleet

import (
	"fmt"
	"strings"
)

// symbolVariants is how many sets of linked symbols the binaries of the fleet have of one Go module.
const symbolVariants = 3

// Package is what a matcher tells apart: a version of a project in a distribution.
type Package struct {
	// Index is its position in the order in which packages were first met.
	Index     int
	Ecosystem Ecosystem
	Name      string
	Version   string
	project   *project
	release   int
	position  int
	// variant chooses the symbols that a Go binary holds.
	variant int
	// owner is the package of the distribution that owns this one's files.
	owner *Package
}

func (c *Composer) remember(key string, make func() *Package) *Package {
	if known := c.packages[key]; known != nil {
		return known
	}
	made := make()
	made.Index = len(c.order)
	c.packages[key] = made
	c.order = append(c.order, made)
	return made
}

// Packages are all that were met so far.
func (c *Composer) Packages() []*Package {
	return c.order
}

func (c *Composer) systemPackage(p *project, at, position int, binary string) *Package {
	return c.remember(fmt.Sprintf("%d/%s/%d", at, binary, position), func() *Package {
		return &Package{Ecosystem: p.ecosystem, Name: binary, Version: p.version(at, position), project: p, release: at, position: position}
	})
}

// applicationPackage is another one in each distribution: Grype stamps the image's on it.
func (c *Composer) applicationPackage(p *project, at, position, variant int) *Package {
	return c.remember(fmt.Sprintf("%d/%s/%s/%d/%d", at, p.ecosystem, p.name, position, variant), func() *Package {
		return &Package{
			Ecosystem: p.ecosystem, Name: p.name, Version: p.version(at, position), project: p, release: at, position: position, variant: variant,
		}
	})
}

// ownedPackage is the Python distribution whose files a Debian package owns; nil for other packages. Where its version is that of the Debian
// package, Grype leaves it to Debian's feed; where it is another, the Debian package's fixes are held against its matches.
func (c *Composer) ownedPackage(owner *Package) *Package {
	name, isPython := strings.CutPrefix(owner.Name, "python3-")
	if owner.Ecosystem != Debian || !isPython {
		return nil
	}
	published := c.world.byName[PyPI][name]
	if published == nil {
		return nil
	}
	return c.remember(fmt.Sprintf("owned/%d", owner.Index), func() *Package {
		made := &Package{Ecosystem: PyPI, Name: name, Version: upstreamOf(owner.Version), project: published, release: owner.release, position: -1, owner: owner}
		if published.dice.sub("owned").below(2) == 0 {
			made.position = published.versionAt(0)
			made.Version = published.version(owner.release, made.position)
		}
		return made
	})
}

// Path is where an image keeps the package's record, below the folder of its application.
func (p *Package) Path() string {
	switch p.Ecosystem {
	case Debian:
		return "/var/lib/dpkg/status"
	case Alpine:
		return "/lib/apk/db/installed"
	case NPM:
		return "/node_modules/" + p.Name + "/package.json"
	case PyPI:
		if p.owner != nil {
			return fmt.Sprintf("/usr/lib/python3/dist-packages/%s-%s.dist-info/METADATA", p.Name, p.Version)
		}
		return fmt.Sprintf("/venv/lib/python3.12/site-packages/%s-%s.dist-info/METADATA", p.Name, p.Version)
	case Maven:
		_, artifact, _ := strings.Cut(p.Name, ":")
		return fmt.Sprintf("/lib/%s-%s.jar", artifact, p.Version)
	case RubyGems:
		return fmt.Sprintf("/bundle/specifications/%s-%s.gemspec", p.Name, p.Version)
	default:
		return "/server"
	}
}

// expectedMatches is how many advisories of a generation affect it, by the rule that made them.
func (p *Package) expectedMatches(in *Generation) int {
	count := 0
	if p.position < 0 || p.owner != nil {
		return 0
	}
	for i := range p.project.advisories {
		a := in.of(&p.project.advisories[i])
		if a != nil && a.affects(p.release, p.position) && (!p.project.isSymbolic || p.holdsSymbolOf(a)) {
			count++
		}
	}
	return count
}
