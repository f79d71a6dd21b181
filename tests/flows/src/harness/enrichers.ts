import {
  type EnricherFile,
  EnricherRun,
  EnricherRunDetail,
  type ImageContext,
  ImageContextPage,
  StoredEnricherSet,
  type WorkloadSnapshot,
} from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import type { GatewayApi } from './gateway-api.js'

const patienceMs = 300_000

/** A script with the step that runs it; the ending of its name says which engine it is of. */
export interface Script {
  step: 'starlark' | 'hbs' | 'yaegi'
  text: string
}

/** The files of a set, an enricher a folder. */
export function setOf(scripts: Readonly<Record<string, Script>>): EnricherFile[] {
  const names = Object.keys(scripts)
  return [
    { path: 'enrichers.yaml', content: `order: [${names.join(', ')}]\nsources:\n${names.map((name) => `  - name: ${name}\n`).join('')}` },
    ...Object.entries(scripts).flatMap(([name, { step, text }]) => [
      { path: `${name}/enricher.yaml`, content: `enricher:\n- {name: ${step}, config: script.${step}}\n` },
      { path: `${name}/script.${step}`, content: text },
    ]),
  ]
}

/** One of each engine. `version` is in the context of the first, so that two sets can be told apart. */
export function threeEngines(version: number): Record<string, Script> {
  return {
    owner: {
      step: 'starlark',
      text: `def enrich(input):
    root = input.payload.Image.ContextRoots[0]
    return {"team": getattr(root.Contexts[0].Data, "namespace", "nobody"), "version": ${version}}
`,
    },
    distro: { step: 'hbs', text: 'name: {{ .payload.Image.DistroName }}\nisAlpine: {{ eq .payload.Image.DistroName "alpine" }}\n' },
    findings: {
      step: 'yaegi',
      text: `func enrich(input map[string]interface{}) map[string]interface{} {
	payload := input["payload"].(map[string]interface{})
	return map[string]interface{}{"count": len(payload["Findings"].([]interface{}))}
}
`,
    },
  }
}

/** Enrichers as an operator uses them. */
export class EnricherApi {
  constructor(private readonly api: GatewayApi) {}

  /** Keeps a set, which must have no mistakes. */
  async push(files: readonly EnricherFile[]): Promise<StoredEnricherSet> {
    const { id } = await this.api.call('POST', '/enrichers/sets', StoredEnricherSet, { body: { files } })
    return pollUntil(
      async () => {
        const set = await this.api.call('GET', `/enrichers/sets/${id}`, StoredEnricherSet)
        return set.state === 'checking' ? undefined : set
      },
      { timeoutMs: patienceMs, intervalMs: 100, what: 'the check of the set' },
    )
  }

  begin(setId: string, action: 'activate' | 'compare'): Promise<EnricherRun> {
    return this.api.call('POST', `/enrichers/sets/${setId}:${action}`, EnricherRun)
  }

  ended(runId: string): Promise<EnricherRunDetail> {
    return pollUntil(
      async () => {
        const run = await this.run(runId)
        return ['done', 'cancelled'].includes(run.state) ? run : undefined
      },
      { timeoutMs: patienceMs, intervalMs: 100, what: 'the end of the run' },
    )
  }

  run(runId: string): Promise<EnricherRunDetail> {
    return this.api.call('GET', `/enrichers/runs/${runId}`, EnricherRunDetail)
  }

  /** Makes a set the active one and waits until it has run over everything. */
  async activate(files: readonly EnricherFile[]): Promise<EnricherRunDetail> {
    const { id } = await this.push(files)
    return this.ended((await this.begin(id, 'activate')).id)
  }

  contexts(digest: string): Promise<ImageContextPage> {
    return this.api.call('GET', `/images/${digest}/contexts`, ImageContextPage)
  }

  /** The contexts of an image with this key by their owners, once it has one of each and none of them is pending. */
  async settled(digest: string, owners: readonly string[], key = ''): Promise<Record<string, ImageContext>> {
    let last: unknown
    try {
      return await pollUntil(
        async () => {
          const page = await this.contexts(digest)
          last = page
          const items = page.items.filter((item) => item.key === key && owners.includes(item.owner))
          if (items.length < owners.length || items.some(({ state }) => state === 'pending')) return undefined
          return Object.fromEntries(items.map((item) => [item.owner, item]))
        },
        { timeoutMs: patienceMs, intervalMs: 100 },
      )
    } catch (error) {
      throw new Error(`the contexts of ${digest} did not come; last: ${JSON.stringify(last)}`, { cause: error })
    }
  }
}

/** What runs in a cluster: one container of this image. */
export function snapshotOf(sequence: number, image: string, digest: string, namespace: string): WorkloadSnapshot {
  return {
    sequence,
    observedAt: new Date().toISOString(),
    isComplete: true,
    expiresAfter: '1h',
    workloads: [
      { namespace, kind: 'Deployment', name: 'web', container: 'app', image, imageId: `${image.replace(/:[^:/]*$/, '')}@${digest}` },
    ],
  }
}
