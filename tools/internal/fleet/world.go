package fleet

// World is everything that images and databases are made of.
type World struct {
	seed     uint64
	projects map[Ecosystem][]*project
	byName   map[Ecosystem]map[string]*project
	// records is how many vulnerability records the first database holds: one a CVE and one an advisory of each source.
	records int
	// touched are the projects of the third generation, each with the advisory that is rated anew; late are the advisories that it adds.
	touched map[*project]*advisory
	late    []advisory
}

// WorldOptions decide what a world is.
type WorldOptions struct {
	Seed uint64
	// Records is about how many records a database holds. It cannot be less than what the packages of the fleet need.
	Records int
	// Projects limits how many of each ecosystem there are, for a small database that is soon built; 0 takes all.
	Projects int
	// TouchedProjects is how many projects differ between the second generation and the third.
	TouchedProjects int
}

// NewWorld makes up projects with their versions and advisories.
func NewWorld(options WorldOptions) *World {
	w := &World{
		seed: options.Seed, projects: map[Ecosystem][]*project{}, byName: map[Ecosystem]map[string]*project{}, touched: map[*project]*advisory{},
	}
	ids := &identifiers{}
	for _, ecosystem := range Ecosystems {
		w.projects[ecosystem] = loadProjects(options.Seed, ecosystem)
		if count := options.Projects; count > 0 && count < len(w.projects[ecosystem]) {
			w.projects[ecosystem] = w.projects[ecosystem][:count]
		}
		w.byName[ecosystem] = map[string]*project{}
		for _, p := range w.projects[ecosystem] {
			p.publish(ids)
			w.byName[ecosystem][p.name] = p
		}
	}
	w.touchProjects(options.TouchedProjects, ids)
	w.addHistory(options.Records, ids)
	// Slices have grown: the advisory is found where it lies now.
	for p := range w.touched {
		w.touched[p] = &p.advisories[0]
	}
	return w
}

// addHistory fills the database up with records that concern no version of the fleet, as most of a real one do.
func (w *World) addHistory(records int, ids *identifiers) {
	w.records = ids.last
	w.each(func(p *project) { w.records += len(p.advisories) })
	for n := 0; w.records < records; n++ {
		w.each(func(p *project) {
			if w.records >= records {
				return
			}
			before := len(p.advisories)
			p.publishHistoric(ids, n)
			w.records += 1 + len(p.advisories) - before
		})
	}
}

// each calls a function with every project, always in the same order.
func (w *World) each(visit func(p *project)) {
	for _, ecosystem := range Ecosystems {
		for _, p := range w.projects[ecosystem] {
			visit(p)
		}
	}
}
