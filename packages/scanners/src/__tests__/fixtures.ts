import { readFileSync } from 'node:fs'
import { GrypeReport } from '../grype/schema.js'
import { parseJson } from '../process/json-file.js'
import { mapSyftDocument } from '../syft/mapping.js'
import { SyftDocument } from '../syft/schema.js'

/** Images whose real syft and grype output is kept as a fixture. */
export type FixtureName = 'npm' | 'debian-app'

const limitBytes = 10 * 1024 * 1024

export function fixtureText(tool: 'syft' | 'grype', name: FixtureName): Buffer {
  return readFileSync(new URL(`../${tool}/__fixtures__/${name}.json`, import.meta.url))
}

export function fixtureCatalogue(name: FixtureName) {
  return mapSyftDocument(parseJson(fixtureText('syft', name), { schema: SyftDocument, name, limitBytes, problem: 'sbom-invalid' }))
}

export function fixtureReport(name: FixtureName) {
  return parseJson(fixtureText('grype', name), { schema: GrypeReport, name, limitBytes, problem: 'engine-output-invalid' })
}
