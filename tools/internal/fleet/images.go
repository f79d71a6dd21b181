package fleet

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Image is one of the fleet, as far as a cataloguer sees it.
type Image struct {
	Repository string
	Tag        string
	CreatedAt  time.Time
	// Layers name the content of each layer; equal names are equal layers.
	Layers      []string
	Occurrences []Occurrence
	release     int
}

// Occurrence is a package at a place.
type Occurrence struct {
	Package *Package
	// Layer is the position in the image's layers, Root the position in Roots below which the package's path lies.
	Layer, Root int
}

// Roots are the folders in which images keep their application. The first is that of the system.
var Roots = []string{"", "/app", "/usr/src/app", "/srv/app", "/opt/app", "/home/node/app", "/app/vendor", "/usr/src/app/vendor", "/srv/app/vendor", "/opt/app/vendor", "/home/node/app/vendor"}

// buildsOfAnApplication is how many images one application has.
const buildsOfAnApplication = 4

// application is what the builds of one application share.
type application struct {
	index     int
	name      string
	dice      dice
	ecosystem Ecosystem
	release   int
	root      int
	refreshed int
	// lastMonth is when its newest image was built, span how many months all its images took.
	lastMonth, span int
	dependencies    []*project
	system          []*project
}

// dependencyCounts are the packages that an application brings: a middle, and how far it may lie from it.
var dependencyCounts = map[Ecosystem]struct {
	middle int
	part   float64
}{NPM: {215, 0.6}, PyPI: {120, 0.6}, Go: {105, 0.6}, Maven: {150, 0.6}, RubyGems: {160, 0.5}, Crates: {210, 0.6}}

// Composer makes images of a world. It remembers packages and the last applications, so images are asked for in order.
type Composer struct {
	world    *World
	packages map[string]*Package
	order    []*Package
	current  *application
	ranked   map[Ecosystem][]*project
}

// NewComposer starts with no package known.
func NewComposer(world *World) *Composer {
	return &Composer{world: world, packages: map[string]*Package{}, ranked: map[Ecosystem][]*project{}}
}

// Image makes the image of a number, from 0.
func (c *Composer) Image(number int) *Image {
	app := c.application(number / buildsOfAnApplication)
	build := number % buildsOfAnApplication
	month := app.lastMonth - (buildsOfAnApplication-1-build)*app.span/buildsOfAnApplication
	baseMonth := max(0, month-app.dice.sub("base age").at(build).below(4))
	r := releases[app.release]
	base := fmt.Sprintf("%s-%s/%d", r.id, r.version, baseMonth)
	image := &Image{
		Repository: app.name,
		Tag:        fmt.Sprintf("1.%d.0", build),
		CreatedAt:  epoch.AddDate(0, month, app.dice.sub("day").at(build).below(28)),
		Layers: []string{
			"base/" + base,
			fmt.Sprintf("runtime/%s/%s", app.ecosystem, base),
			fmt.Sprintf("system/%d/%s", app.index, base),
			fmt.Sprintf("dependencies/%d/%d", app.index, build),
			fmt.Sprintf("application/%d/%d", app.index, build),
		},
		release: app.release,
	}
	c.addSystem(image, app, baseMonth)
	c.addDependencies(image, app, build, month)
	return image
}

// addSystem adds what the distribution brings: the base, what the language's runtime needs, and what this application installs.
func (c *Composer) addSystem(image *Image, app *application, month int) {
	seen := map[*project]bool{}
	add := func(layer int, p *project) {
		if seen[p] {
			return
		}
		seen[p] = true
		for _, binary := range p.binaries {
			owner := c.systemPackage(p, app.release, p.versionAt(month), binary)
			image.Occurrences = append(image.Occurrences, Occurrence{owner, layer, 0})
			if owned := c.ownedPackage(owner); owned != nil {
				image.Occurrences = append(image.Occurrences, Occurrence{owned, layer, 0})
			}
		}
	}
	list := c.world.projects[releases[app.release].ecosystem]
	for _, p := range list {
		if p.isBase {
			add(0, p)
		}
	}
	runtime := roll(c.world.seed, fmt.Sprintf("runtime/%s/%s", app.ecosystem, releases[app.release].ecosystem))
	for _, p := range sample(list, runtime, map[Ecosystem]int{Debian: 34, Alpine: 18}[releases[app.release].ecosystem]) {
		add(1, p)
	}
	for _, p := range app.system {
		add(2, p)
	}
}

// addDependencies adds the packages of the application as its lock file had them at a build.
func (c *Composer) addDependencies(image *Image, app *application, build, month int) {
	// A lock file is refreshed every few months; some of its entries stay behind.
	refreshed := month - month%app.refreshed
	for _, p := range app.dependencies {
		d := app.dice.sub(p.name)
		if d.sub("absent").at(build).below(25) == 0 {
			continue
		}
		position := p.versionAt(refreshed - d.sub("lag").below(2))
		switch kind := d.sub("habit").below(100); {
		case kind < 4:
			position = p.versionAt(refreshed - d.sub("lag").between(2, 14))
		case kind < 6:
			// Pinned to some version of the past, for good.
			position = min(position, d.sub("pin").below(p.versions))
		}
		variant := 0
		if p.isSymbolic {
			variant = d.sub("variant").below(symbolVariants)
		}
		found := c.applicationPackage(p, app.release, position, variant)
		image.Occurrences = append(image.Occurrences, Occurrence{found, 3, app.root})
		if d.sub("twice").below(16) == 0 && (p.ecosystem == NPM || p.ecosystem == Maven) {
			again := found
			if d.sub("older").below(2) == 0 && position > 0 {
				again = c.applicationPackage(p, app.release, position-1-d.sub("by").below(position), variant)
			}
			image.Occurrences = append(image.Occurrences, Occurrence{again, 4, app.root + (len(Roots)-1)/2})
		}
	}
}

var teams = []string{"billing", "checkout", "identity", "search", "media", "platform", "data", "mobile", "logistics", "support", "ads", "risk"}

// nouns keep repository names from looking alike to a text index.
var nouns = []string{"gateway", "worker", "api", "portal", "sync", "importer", "exporter", "scheduler", "ledger", "catalog", "notifier", "router", "indexer", "broker", "proxy", "console"}

func (c *Composer) application(index int) *application {
	if c.current != nil && c.current.index == index {
		return c.current
	}
	d := roll(c.world.seed, fmt.Sprintf("application/%d", index))
	app := &application{index: index, dice: d}
	app.name = fmt.Sprintf("%s/%s-%s-%d", teams[d.sub("team").below(len(teams))], nouns[d.sub("noun").below(len(nouns))], nouns[d.sub("other").below(len(nouns))], index)
	app.ecosystem = applicationEcosystems[d.sub("ecosystem").weighted(applicationShares)]
	shares := make([]float64, len(releases))
	for i, r := range releases {
		shares[i] = r.share
	}
	app.release = d.sub("release").weighted(shares)
	app.root = 1 + d.sub("root").below((len(Roots)-1)/2)
	app.refreshed = d.sub("refreshed").between(1, 5)
	// Most applications are at work; some were last built long ago, a few so long that most of what they hold has known faults.
	idle := []int{0, d.sub("idle").between(3, 9), d.sub("idle").between(21, 30)}[d.sub("pace").weighted([]float64{84, 11, 5})]
	app.lastMonth, app.span = months-1-idle, d.sub("span").between(1, 8)
	if idle > 20 {
		app.refreshed, app.span = 1, max(1, app.lastMonth)
	}
	size := dependencyCounts[app.ecosystem]
	app.dependencies = c.popular(app.ecosystem, d.sub("dependencies"), d.sub("size").around(size.middle, size.part))
	app.system = sample(c.world.projects[releases[app.release].ecosystem], d.sub("system"), d.sub("extra").below(24))
	c.current = app
	return app
}

// popular picks projects, the one of rank r with a chance that falls as 1/r (Zipf), without picking one twice.
func (c *Composer) popular(ecosystem Ecosystem, d dice, count int) []*project {
	ranked := c.ranked[ecosystem]
	if ranked == nil {
		ranked = slices.Clone(c.world.projects[ecosystem])
		slices.SortFunc(ranked, func(a, b *project) int { return cmp.Compare(a.dice.sub("rank"), b.dice.sub("rank")) })
		c.ranked[ecosystem] = ranked
	}
	// Weighted sampling after Efraimidis and Spirakis: the largest u^(1/weight); logarithms keep small weights apart.
	type entry struct {
		project *project
		key     float64
	}
	keys := make([]entry, len(ranked))
	for rank, p := range ranked {
		keys[rank] = entry{p, math.Log(d.at(rank).share()+1e-18) * float64(rank+8)}
	}
	slices.SortFunc(keys, func(a, b entry) int { return cmp.Compare(b.key, a.key) })
	list := make([]*project, 0, count)
	for _, picked := range keys[:min(count, len(keys))] {
		list = append(list, picked.project)
	}
	return list
}

// sample picks projects that all have the same chance.
func sample(list []*project, d dice, count int) []*project {
	shuffled := slices.Clone(list)
	for i := range min(count, len(shuffled)) {
		j := i + d.at(i).below(len(shuffled)-i)
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	}
	return shuffled[:min(count, len(shuffled))]
}
