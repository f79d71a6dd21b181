import { readJsonFile } from '../process/json-file.js'
import type { Catalogue } from '../model/catalogue.js'
import { mapSyftDocument } from './mapping.js'
import { SyftDocument } from './schema.js'

/** Reads an SBOM (syft-json, plain or gzip). @throws PharosError `sbom-invalid` */
export async function readCatalogue(sbomPath: string, limitBytes: number): Promise<Catalogue> {
  return mapSyftDocument(await readJsonFile(sbomPath, { schema: SyftDocument, name: 'The SBOM', limitBytes, problem: 'sbom-invalid' }))
}
