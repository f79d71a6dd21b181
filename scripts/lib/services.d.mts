import type { ProcessPlan } from './supervised-process.mjs'

/** What the services of one machine are told. */
export interface RunSettings {
  databaseUrl: string
  redisUrl: string
  adminToken: string
  secrets: { serviceKeys: Record<'api-gateway' | 'scanner-worker' | 'scheduler', string>; encryptionKeys: string }
  ports: { gateway: number; results: number; worker: number; scheduler: number }
  /** Parameters that only the demo gives. */
  schedulerEnvironment?: Record<string, string>
  /** Folder of tools, caches and logs; by default that of this run. */
  home?: string
}

/** The services in the order in which they start; they end the other way round. */
export function servicePlans(settings: RunSettings): { results: ProcessPlan; others: ProcessPlan[] }

/** Brings the database to the newest migration. */
export function migrate(settings: RunSettings): Promise<void>
