package fleet

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pharos-security/pharos/tools/internal/facts"
)

// vectors are CVSS 3.1 vectors of each severity, with their scores.
var vectors = map[string]facts.CVSS{
	"critical":   {Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Score: 9.8},
	"high":       {Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", Score: 7.5},
	"medium":     {Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Score: 6.1},
	"low":        {Version: "3.1", Vector: "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:L/I:L/A:N", Score: 3.6},
	"negligible": {Version: "3.1", Vector: "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", Score: 1.6},
}

var weaknesses = []string{"CWE-20", "CWE-22", "CWE-79", "CWE-94", "CWE-125", "CWE-190", "CWE-287", "CWE-400", "CWE-416", "CWE-502", "CWE-601", "CWE-787", "CWE-918", "CWE-1333"}

// gitHubNames are the ecosystems as GitHub's feed calls them.
var gitHubNames = map[Ecosystem]string{NPM: "npm", PyPI: "python", Go: "go", Maven: "java", RubyGems: "gem", Crates: "rust"}

// scoreDay is the day of the first generation; a later one scores on later days.
var scoreDay = time.Date(2026, time.January, 15, 0, 0, 0, 0, time.UTC)

// Facts are the generation in the form that the database writers take, on top of base (nil for none).
func (g *Generation) Facts(base *facts.Facts) *facts.Facts {
	// The third generation comes on the day of the second: the date of a score is part of it.
	made := &facts.Facts{Name: "pharos-sample", Version: "fleet-" + strconv.Itoa(g.Number), Captured: scoreDay.AddDate(0, 0, min(1, g.Number-1))}
	if base != nil {
		*made = *base
		made.Version, made.Captured = "fleet-"+strconv.Itoa(g.Number), scoreDay.AddDate(0, 0, min(1, g.Number-1))
	}
	distributions := make([]facts.Distribution, len(releases))
	for i, r := range releases {
		distributions[i] = facts.Distribution{ID: r.id, Version: r.version}
	}
	described := ""
	add := func(known *advisory) {
		a := g.of(known)
		// The CVE stays known when its advisory is not: databases keep what NVD has said. Advisories of one CVE follow one another.
		if known.since <= g.Number && known.cve != described {
			described = known.cve
			made.Vulnerabilities = append(made.Vulnerabilities, g.vulnerability(known, a))
		}
		switch {
		case a == nil:
		case a.release >= 0:
			distributions[a.release].Advisories = append(distributions[a.release].Advisories, g.distributionAdvisory(a))
		default:
			made.GitHub = append(made.GitHub, gitHubAdvisory(a))
			if a.project.isSymbolic {
				made.Go = append(made.Go, goAdvisory(a))
			}
		}
	}
	g.world.each(func(p *project) {
		for i := range p.advisories {
			add(&p.advisories[i])
		}
	})
	for i := range g.world.late {
		add(&g.world.late[i])
	}
	made.Distributions = append(made.Distributions[:len(made.Distributions):len(made.Distributions)], distributions...)
	return made
}

func (g *Generation) vulnerability(known, a *advisory) facts.Vulnerability {
	// Releases of a distribution share the CVE, so its own facts hang on its name.
	d := roll(g.world.seed, known.cve)
	severity := known.severity
	if a != nil {
		severity = a.severity
	}
	score, percentile := epss(d, g.Number)
	published := facts.Date(epoch.AddDate(0, 0, d.sub("published").below(months*30)).Format(time.DateOnly))
	v := facts.Vulnerability{
		ID: known.cve, Published: published, Modified: published, Severity: strings.Replace(severity, "negligible", "low", 1),
		Summary: fmt.Sprintf("Made up, to measure with: the handling of crafted input in %s lets a remote attacker read or change what they should not, or makes the process end. Versions and dates of this record are made up too.", known.project.name),
		CVSS:    []facts.CVSS{vectors[severity]},
		CWEs:    []string{weaknesses[d.sub("weakness").below(len(weaknesses))]},
		EPSS:    &facts.EPSS{Score: score, Percentile: percentile},
	}
	if isExploited(d, g.Number) {
		v.KEV = &facts.KEV{
			Added: "2025-11-03", Due: "2025-11-24", Vendor: "Made up", Product: known.project.name, Name: "Made up, to measure with",
			Action: "Apply mitigations per vendor instructions.", Ransomware: "Unknown",
		}
	}
	return v
}

func (g *Generation) distributionAdvisory(a *advisory) facts.DistributionAdvisory {
	made := facts.DistributionAdvisory{Vulnerability: a.cve, Package: a.project.name, Severity: a.severity, WillNotFix: a.isRefused}
	switch {
	case a.isHistoric:
		made.Fixed, made.FixedAt = historicVersion, "2019-03-01"
	case a.fixed != noFix:
		made.Fixed, made.FixedAt = a.project.version(a.release, a.fixed), facts.Date(a.project.publishedAt(a.fixed).Format(time.DateOnly))
	}
	return made
}

// historicVersion is before every version of the fleet.
const historicVersion = "0.0.7-1"

func gitHubAdvisory(a *advisory) facts.GitHub {
	affected := facts.GitHubPackage{Ecosystem: gitHubNames[a.project.ecosystem], Name: a.project.name}
	text := func(position int) string { return strings.TrimPrefix(a.project.version(-1, position), "v") }
	switch {
	case a.isHistoric:
		affected.Affected, affected.Fixed, affected.FixedAt = "<0.0.7", "0.0.7", "2019-03-01"
	case a.fixed == noFix:
		affected.Affected = ">=" + text(a.introduced)
	default:
		affected.Affected, affected.Fixed = "<"+text(a.fixed), text(a.fixed)
		affected.FixedAt = facts.Date(a.project.publishedAt(a.fixed).Format(time.DateOnly))
		if a.introduced > 0 {
			affected.Affected = ">=" + text(a.introduced) + "," + affected.Affected
		}
	}
	if a.isFixUnknown {
		affected.Fixed, affected.FixedAt = "", ""
	}
	return facts.GitHub{
		ID: a.id, Aliases: []string{a.cve}, Severity: a.severity, Published: "2024-05-14", CVSS: []facts.CVSS{vectors[a.severity]},
		Packages: []facts.GitHubPackage{affected},
	}
}

// goAdvisory names the symbols of an advisory that GitHub's feed has too; the database's builder joins both.
func goAdvisory(a *advisory) facts.Go {
	fixed, fixedAt := "999.0.0", facts.Date("2025-12-01")
	switch {
	case a.isHistoric:
		fixed, fixedAt = "0.0.7", "2019-03-01"
	case a.fixed != noFix:
		fixed = strings.TrimPrefix(a.project.version(-1, a.fixed), "v")
		fixedAt = facts.Date(a.project.publishedAt(a.fixed).Format(time.DateOnly))
	}
	return facts.Go{
		ID: strings.Replace(a.cve, "CVE-", "GO-", 1), Aliases: []string{a.cve, a.id}, Summary: "Made up, to measure with.", Published: "2024-05-14",
		Module: a.project.name, Fixed: fixed, FixedAt: fixedAt,
		Imports: []facts.GoImport{{Path: a.project.name, Symbols: []string{a.symbol()}}},
	}
}

// symbols of a Go module that its advisories name; the binaries of the fleet hold all of them or one.
var symbols = []string{"Parse", "Client.Do"}

func (a *advisory) symbol() string {
	return symbols[a.dice.sub("symbol").below(len(symbols))]
}

// heldSymbols are those that a Go binary holds of a module.
func (p *Package) heldSymbols() []string {
	if p.variant == 0 {
		return symbols
	}
	return symbols[p.variant-1 : p.variant]
}

func (p *Package) holdsSymbolOf(a *advisory) bool {
	for _, held := range p.heldSymbols() {
		if held == a.symbol() {
			return true
		}
	}
	return false
}
