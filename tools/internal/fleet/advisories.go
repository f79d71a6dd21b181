package fleet

import "fmt"

// advisory says which positions of a project's versions are affected.
type advisory struct {
	project *project
	// cve is what all sources call it; id is what this source does: a CVE in a distribution, a GHSA elsewhere.
	cve, id string
	// release is the position in releases; -1 outside distributions.
	release int
	// introduced and fixed are positions, the first included and the last not. fixed is noFix where none was made.
	introduced, fixed int
	severity          string
	isRefused         bool
	// isHistoric affects only versions that no image of the fleet holds, as most records of a real database do.
	isHistoric bool
	// since is the generation that first knows it; 0 for all.
	since int
	// isFixUnknown says that the source has not named its fix yet.
	isFixUnknown bool
	dice         dice
}

const noFix = -1

// affects answers for the version at a position in a release.
func (a *advisory) affects(release, position int) bool {
	if a.isHistoric || a.release >= 0 && a.release != release {
		return false
	}
	return position >= a.introduced && (a.fixed == noFix || position < a.fixed)
}

// severities with the shares that published advisories have.
var severities = []string{"critical", "high", "medium", "low"}
var severityShares = []float64{8, 33, 44, 15}
var debianSeverities = []string{"critical", "high", "medium", "low", "negligible"}
var debianSeverityShares = []float64{4, 18, 36, 17, 25}

// identifiers numbers vulnerabilities. CVE-1900 is a year without real ones; "xxxx" begins no real GHSA.
type identifiers struct{ last int }

func (n *identifiers) next() (cve, ghsa string) {
	n.last++
	return fmt.Sprintf("CVE-1900-%05d", n.last), "GHSA-xxxx-" + ghsaBlock(n.last/160_000) + "-" + ghsaBlock(n.last%160_000)
}

func ghsaBlock(number int) string {
	const letters = "23456789cfghjmpqrvwx"
	block := make([]byte, 4)
	for i := range block {
		block[len(block)-1-i] = letters[number%len(letters)]
		number /= len(letters)
	}
	return string(block)
}

// publish gives a project the advisories that concern versions of the fleet.
func (p *project) publish(ids *identifiers) {
	count := advisoryCount(p)
	for n := range count {
		cve, ghsa := ids.next()
		d := p.dice.sub("advisory").at(n)
		if p.isOfDistribution() {
			p.publishInReleases(cve, d)
			continue
		}
		a := advisory{project: p, cve: cve, id: ghsa, release: -1, severity: severities[d.sub("severity").weighted(severityShares)], dice: d}
		// Most faults were found long ago: what is new has few known ones, what is old has many.
		a.fixed = d.sub("fixed").between(1, p.versions-1)
		if u := d.sub("when").share(); u < 0.975 {
			u = d.sub("fixed").share()
			a.fixed = 1 + int(u*u*0.6*float64(p.versions-1))
		}
		// Few are never fixed, and those began late: an old one without a fix would be in every image.
		if d.sub("no fix").below(120) == 0 {
			a.introduced, a.fixed = p.versions-1-d.sub("late").below(1+p.versions/4), noFix
		} else if d.sub("introduced").below(100) < 15 {
			a.introduced = d.sub("first").below(a.fixed)
		}
		p.advisories = append(p.advisories, a)
	}
}

// publishInReleases says for each release whether it is affected, and where it was fixed.
func (p *project) publishInReleases(cve string, d dice) {
	isFixed := d.sub("is fixed").below(100) < map[Ecosystem]int{Debian: 95, Alpine: 99}[p.ecosystem]
	for at, r := range releases {
		if r.ecosystem != p.ecosystem || d.sub("affected").at(at).below(5) == 0 {
			continue
		}
		a := advisory{project: p, cve: cve, id: cve, release: at, fixed: noFix, dice: d.at(at)}
		if p.ecosystem == Debian {
			a.severity = debianSeverities[d.sub("severity").weighted(debianSeverityShares)]
			// What Debian does not fix is seldom grave.
			if !isFixed {
				a.severity = debianSeverities[2+d.sub("severity").below(3)]
				a.isRefused = d.sub("refused").below(3) > 0
			}
		} else {
			a.severity = severities[d.sub("severity").weighted(severityShares)]
		}
		if isFixed {
			if p.versions < 2 {
				continue
			}
			a.fixed = a.dice.sub("fixed").between(1, p.versions-1)
		}
		p.advisories = append(p.advisories, a)
	}
}

// advisoryCount is spread as in practice: many projects have none, few have many.
func advisoryCount(p *project) int {
	d := p.dice.sub("count")
	u := d.share()
	switch p.ecosystem {
	case Debian:
		return int(14 * u * u * u * u)
	case Alpine:
		return int(9 * u * u * u)
	default:
		if u < 0.2 {
			return 0
		}
		return 1 + int(42*u*u)
	}
}

// publishHistoric adds one more advisory of versions that are long gone.
func (p *project) publishHistoric(ids *identifiers, n int) {
	cve, ghsa := ids.next()
	d := p.dice.sub("historic").at(n)
	if !p.isOfDistribution() {
		p.advisories = append(p.advisories, advisory{
			project: p, cve: cve, id: ghsa, release: -1, severity: severities[d.weighted(severityShares)], isHistoric: true, dice: d,
		})
		return
	}
	for at, r := range releases {
		if r.ecosystem == p.ecosystem {
			p.advisories = append(p.advisories, advisory{
				project: p, cve: cve, id: cve, release: at, severity: severities[d.weighted(severityShares)], isHistoric: true, dice: d.at(at),
			})
		}
	}
}
