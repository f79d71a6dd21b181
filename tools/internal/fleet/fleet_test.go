package fleet

import (
	"reflect"
	"testing"

	"github.com/anchore/grype/grype/version"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/pkg"

	"github.com/pharos-security/pharos/tools/internal/facts"
)

var whole = NewWorld(WorldOptions{Seed: 1, Records: 100_000, TouchedProjects: 5})

func TestAnImageIsTheSameInEveryFleetOfItsSeed(t *testing.T) {
	first, later := NewComposer(whole), NewComposer(NewWorld(WorldOptions{Seed: 1, Records: 100_000, TouchedProjects: 5}))
	var want *Image
	for number := range 30 {
		want = first.Image(number)
	}
	got := later.Image(29)
	if !reflect.DeepEqual(namesOf(got), namesOf(want)) || got.Tag != want.Tag || !reflect.DeepEqual(got.Layers, want.Layers) {
		t.Error("image 29 is another one when it is asked for alone")
	}
	other := NewComposer(NewWorld(WorldOptions{Seed: 2, Records: 100_000})).Image(29)
	if reflect.DeepEqual(namesOf(other), namesOf(want)) {
		t.Error("another seed gives the same image")
	}
}

func namesOf(image *Image) []string {
	var list []string
	for _, o := range image.Occurrences {
		list = append(list, Roots[o.Root]+o.Package.Path()+" "+o.Package.Name+" "+o.Package.Version)
	}
	return list
}

func TestVersionsAreInTheOrderOfTheirEcosystem(t *testing.T) {
	formats := map[Ecosystem]version.Format{
		Debian: version.DebFormat, Alpine: version.ApkFormat, NPM: version.SemanticFormat, PyPI: version.PythonFormat,
		Go: version.GolangFormat, Maven: version.MavenFormat, RubyGems: version.GemFormat, Crates: version.SemanticFormat,
	}
	whole.each(func(p *project) {
		for at, r := range releases {
			if p.isOfDistribution() && r.ecosystem != p.ecosystem {
				continue
			}
			// One past the newest: the version of a fix that nobody has yet.
			for position := range p.versions {
				older, newer := version.New(p.version(at, position), formats[p.ecosystem]), version.New(p.version(at, position+1), formats[p.ecosystem])
				if order, err := older.Compare(newer); err != nil || order >= 0 {
					t.Fatalf("%s %s: %s is not before %s: %d, %v", p.ecosystem, p.name, older, newer, order, err)
				}
			}
		}
	})
}

func TestTheFleetHasTheShapeThatIsMeasured(t *testing.T) {
	if testing.Short() {
		t.Skip("composes 10,000 images")
	}
	got := whole.Summarize(10_000)
	for _, c := range []struct {
		what      string
		got       int
		low, high int
	}{
		{"packages of an image", got.Total.Occurrences / got.Images, 285, 315},
		{"findings of an image", got.Total.Findings / got.Images, 150, 210},
		{"unique packages", got.Total.Unique, 60_000, 150_000},
		{"matches", got.Total.Matches, 250_000, 350_000},
		{"records", got.Records, 100_000, 100_010},
		{"packages that the third database touches", got.Touched, 150, 260},
	} {
		if c.got < c.low || c.got > c.high {
			t.Errorf("%s: %d, not between %d and %d", c.what, c.got, c.low, c.high)
		}
	}
}

func TestGenerationsDifferAsTheySay(t *testing.T) {
	composer := NewComposer(whole)
	for number := range 2_000 {
		composer.Image(number)
	}
	one, two, three := whole.Generation(1), whole.Generation(2), whole.Generation(3)
	total, changed, touched := 0, 0, 0
	for _, p := range composer.Packages() {
		if p.position < 0 {
			continue
		}
		for i := range p.project.advisories {
			known := &p.project.advisories[i]
			first, second, third := stateOf(one, known, p), stateOf(two, known, p), stateOf(three, known, p)
			if first != "" || second != "" {
				total++
			}
			if first != second {
				changed++
			}
			if second != third {
				touched++
				if whole.touched[p.project] == nil {
					t.Fatalf("%s differs in the third generation and is none of its projects", p.Name)
				}
			}
		}
	}
	if share := float64(changed) / float64(total); share < 0.007 || share > 0.014 {
		t.Errorf("%d of %d matches change, not about 1 %%", changed, total)
	}
	if touched == 0 {
		t.Error("the third generation changes nothing that the fleet holds")
	}
}

// stateOf is what a generation says of an advisory and a package; ” when they do not match.
func stateOf(g *Generation, known *advisory, p *Package) string {
	a := g.of(known)
	if a == nil || !a.affects(p.release, p.position) {
		return ""
	}
	state := a.severity
	if a.fixed != noFix && !a.isFixUnknown {
		state += " fixed"
	}
	return state
}

func TestEveryEPSSMovesAndTheThirdGenerationLeavesThem(t *testing.T) {
	one, two, three := scoresOf(whole.Generation(1)), scoresOf(whole.Generation(2)), scoresOf(whole.Generation(3))
	if len(one) < 30_000 {
		t.Fatalf("only %d CVEs are scored", len(one))
	}
	for id, score := range one {
		if two[id] == score {
			t.Fatalf("%s stays at %v", id, score)
		}
		if two[id] != three[id] {
			t.Fatalf("%s goes from %v to %v with the third", id, two[id], three[id])
		}
	}
}

func scoresOf(g *Generation) map[string]facts.EPSS {
	scores := map[string]facts.EPSS{}
	for _, v := range g.Facts(nil).Vulnerabilities {
		scores[v.ID] = *v.EPSS
	}
	return scores
}

func TestEachPackageHasARecordOfItsOwnAmongTheDocuments(t *testing.T) {
	composer := NewComposer(whole)
	for number := range 400 {
		composer.Image(number)
	}
	total := 0
	for number, document := range documentsOf(composer.Packages()) {
		made := newSBOM(document[0].release, "document", nil)
		owners := map[*Package]pkg.Package{}
		known := map[artifact.ID]string{}
		for _, p := range document {
			if p.release != document[0].release {
				t.Fatalf("document %d holds %s of another release", number, p.Name)
			}
			id := add(made, p, p.Path(), "", owners)
			if other, isKnown := known[id]; isKnown {
				t.Fatalf("document %d tells %s %s from %s by nothing", number, p.Name, p.Version, other)
			}
			known[id] = p.Name + " " + p.Version
		}
		total += len(document)
	}
	if total != len(composer.Packages()) {
		t.Errorf("the documents hold %d of %d packages", total, len(composer.Packages()))
	}
}
