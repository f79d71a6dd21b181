import type { EnricherFile } from '@pharos/contracts'

/** Looks an owner up in the site's YAML by a label, then by the repository. */
const owner = `def enrich(input):
    image = input.payload.Image
    labels = image.Labels
    team = getattr(labels, "org.opencontainers.image.vendor", "")
    for rule in input.meta.owners.rules:
        if team == "" and matches(rule.repository, image.ImageSpec):
            team = rule.team
    fixable = [f for f in input.payload.Findings if f.FixState == "fixed"]
    return {"team": team or "unknown", "fixable": len(fixable)}
`
const owners = `rules:
  - {repository: "/bench/new", team: newcomers}
  - {repository: "/bench/", team: bench}
`
/** End of support of the distribution, as upstream's first example has it. */
const support = `{{- $distro := .payload.Image.DistroName -}}
{{- $version := .payload.Image.DistroVersion -}}
distro: {{ $distro }}
version: {{ $version | quote }}
{{- range index .meta.ends $distro }}
{{- if eq (toString .version) $version }}
supportEnds: {{ .ends | quote }}
{{- end }}
{{- end }}
`
const ends = `debian:
  - {version: "12", ends: "2028-06-30"}
  - {version: "11", ends: "2026-08-31"}
alpine:
  - {version: "3.18", ends: "2025-05-09"}
`
/** Counts findings by severity and takes the worst. */
const summary = `func enrich(input map[string]interface{}) map[string]interface{} {
	payload := input["payload"].(map[string]interface{})
	counts := map[string]int{}
	worst := 0.0
	id := ""
	for _, item := range payload["Findings"].([]interface{}) {
		finding := item.(map[string]interface{})
		counts[finding["Severity"].(string)]++
		if risk := finding["Risk"].(float64); risk > worst {
			worst = risk
			id = finding["AdvId"].(string)
		}
	}
	return map[string]interface{}{"counts": counts, "worst": id, "risk": worst}
}
`

const all = {
  owner: [
    { path: 'owner/enricher.yaml', content: 'enricher:\n- {name: file, config: owners.yaml}\n- {name: starlark, config: owner.star}\n' },
    { path: 'owner/owners.yaml', content: owners },
    { path: 'owner/owner.star', content: owner },
  ],
  support: [
    { path: 'support/enricher.yaml', content: 'enricher:\n- {name: file, config: ends.yaml}\n- {name: hbs, config: support.hbs}\n' },
    { path: 'support/ends.yaml', content: ends },
    { path: 'support/support.hbs', content: support },
  ],
  summary: [
    { path: 'summary/enricher.yaml', content: 'enricher:\n- {name: yaegi, config: summary.go}\n' },
    { path: 'summary/summary.go', content: summary },
  ],
} satisfies Record<string, EnricherFile[]>

export type TypicalEnricher = keyof typeof all

/** One typical enricher of each engine: Starlark, Go template, Yaegi. */
export const typicalEnrichers = Object.keys(all) as TypicalEnricher[]

/** The files of a set of some of them. */
export function typicalSet(names: readonly TypicalEnricher[]): EnricherFile[] {
  const list = `order: [${names.join(', ')}]\nsources:\n${names.map((name) => `  - name: ${name}\n`).join('')}`
  return [{ path: 'enrichers.yaml', content: list }, ...names.flatMap((name) => all[name])]
}
