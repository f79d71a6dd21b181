package fleet

import (
	"embed"
	"strings"
)

//go:embed data
var names embed.FS

// Ecosystem is where packages come from.
type Ecosystem string

// The ecosystems of the fleet, each with a list of names in data/.
const (
	Debian   Ecosystem = "debian"
	Alpine   Ecosystem = "alpine"
	NPM      Ecosystem = "npm"
	PyPI     Ecosystem = "pypi"
	Go       Ecosystem = "go"
	Maven    Ecosystem = "maven"
	RubyGems Ecosystem = "rubygems"
	Crates   Ecosystem = "crates"
)

// Ecosystems in the order in which figures are given.
var Ecosystems = []Ecosystem{Debian, Alpine, NPM, PyPI, Go, Maven, RubyGems, Crates}

// applicationEcosystems are those whose packages an application brings, with the share of applications written in each.
var applicationEcosystems = []Ecosystem{NPM, PyPI, Go, Maven, RubyGems, Crates}
var applicationShares = []float64{36, 20, 13, 18, 6, 7}

// release is a release of a distribution, with the share of applications based on it.
type release struct {
	ecosystem       Ecosystem
	id, version     string
	codename        string
	prettyName      string
	share           float64
	upstreamRevised int
}

// releases are the bases of the fleet. A newer one has newer upstream versions.
var releases = []release{
	{Debian, "debian", "11", "bullseye", "Debian GNU/Linux 11 (bullseye)", 9, 0},
	{Debian, "debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)", 44, 1},
	{Debian, "debian", "13", "trixie", "Debian GNU/Linux 13 (trixie)", 12, 2},
	{Alpine, "alpine", "3.18", "", "Alpine Linux v3.18", 8, 0},
	{Alpine, "alpine", "3.19", "", "Alpine Linux v3.19", 10, 1},
	{Alpine, "alpine", "3.20", "", "Alpine Linux v3.20", 17, 2},
}

// project publishes packages: one of its own name, or, in a distribution, the binary packages of a source.
type project struct {
	ecosystem Ecosystem
	name      string
	binaries  []string
	// isBase says that every image of the distribution holds it.
	isBase bool
	// isSymbolic says that the advisories of this Go module name symbols.
	isSymbolic bool
	dice       dice
	// versions is how many were published in all months; in a distribution, in each release.
	versions   int
	advisories []advisory
}

// loadProjects reads the names of an ecosystem.
func loadProjects(seed uint64, ecosystem Ecosystem) []*project {
	content, err := names.ReadFile("data/" + string(ecosystem) + ".txt")
	if err != nil {
		panic(err) // embedded when the program was built
	}
	var list []*project
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, binaries, _ := strings.Cut(line, " ")
		p := &project{ecosystem: ecosystem, name: strings.TrimPrefix(name, "*"), isBase: strings.HasPrefix(name, "*")}
		if binaries != "" {
			p.binaries = strings.Split(binaries, ",")
		}
		p.dice = roll(seed, string(ecosystem)+"/"+p.name)
		p.versions = versionCount(p)
		p.isSymbolic = ecosystem == Go && p.dice.sub("symbols").below(4) == 0
		list = append(list, p)
	}
	return list
}

func (p *project) isOfDistribution() bool {
	return p.ecosystem == Debian || p.ecosystem == Alpine
}
