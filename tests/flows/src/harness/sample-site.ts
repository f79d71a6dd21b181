import { Registry } from '@pharos/contracts'
import {
  buildSampleImages,
  type SampleImageName,
  sampleTag,
  startRegistry,
  type StartRegistryOptions,
  type TestRegistry,
} from '@pharos/test-kit'
import type { GatewayApi } from './gateway-api.js'

/** Settings that let a registry of the tests be used: plain HTTP on a loopback address. */
const localRegistry = { allowHttp: true, allowInternal: true } as const

/** Tells Pharos about a registry of the tests; a credential is handed over with it. */
export async function allowRegistry(
  api: GatewayApi,
  host: string,
  settings: { username?: string; password?: string; maxConcurrent?: number } = {},
): Promise<void> {
  await api.call('PUT', `/registries/${encodeURIComponent(host)}`, Registry, { body: { host, ...localRegistry, ...settings } })
}

/** A registry with all sample images that Pharos may use; answers their references by name. */
export async function openSampleSite(
  api: GatewayApi,
  options: StartRegistryOptions = {},
): Promise<{ registry: TestRegistry; references: Map<SampleImageName, string> }> {
  const registry = await startRegistry(options)
  await allowRegistry(api, registry.host)
  const { images } = await buildSampleImages()
  const references = new Map([...images].map(([name, image]) => [name, registry.add(`sample/${name}`, sampleTag, image)]))
  return { registry, references }
}
