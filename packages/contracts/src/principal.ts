import { z } from 'zod'
import { defineSchema } from './schema.js'

/** What somebody may do. Each role includes the ones before it, except that `scanner` and `triager` do not include each other. */
export const Role = defineSchema('Role', z.enum(['viewer', 'scanner', 'triager', 'admin']).describe('Role'), 'scanner')
export type Role = z.infer<typeof Role>

const impliedRoles: Readonly<Record<Role, readonly Role[]>> = {
  viewer: ['viewer'],
  scanner: ['scanner', 'viewer'],
  triager: ['triager', 'viewer'],
  admin: ['admin', 'triager', 'scanner', 'viewer'],
}

/** Whether somebody with `held` roles may do what `needed` stands for. */
export function hasRole(held: readonly Role[], needed: Role): boolean {
  return held.some((role) => impliedRoles[role].includes(needed))
}

/** What somebody may see: repository patterns (registry/repository with `*` for any run of characters); null is everything. */
export const Scope = defineSchema(
  'Scope',
  z.object({
    repositories: z
      .array(z.string().min(1).max(255))
      .max(100)
      .nullable()
      .describe('Repository patterns, e.g. registry.example/team-a/*; null for all'),
  }),
  { repositories: ['registry.example/team-a/*'] },
)
export type Scope = z.infer<typeof Scope>

/** Who a request is made for; travels between services inside a signed token. */
export const Principal = defineSchema(
  'Principal',
  z.object({
    id: z.string().describe('user:<name>, token:<id> or service:<name>'),
    name: z.string().describe('Name for people'),
    kind: z.enum(['user', 'token', 'service']).describe('What kind of principal this is'),
    roles: z.array(Role).describe('Roles that it holds'),
    scope: Scope.describe('What it may see'),
  }),
  { id: 'token:t_8f3k2m', name: 'ci', kind: 'token', roles: ['scanner'], scope: { repositories: null } },
)
export type Principal = z.infer<typeof Principal>

/**
 * API tokens are `phr_<id>_<secret>`: id 12 and secret 43 characters of [A-Za-z0-9-] without `_`.
 * The server keeps SHA-256 of the whole token only.
 */
export const ApiTokenText = z.string().regex(/^phr_[A-Za-z0-9-]{12}_[A-Za-z0-9-]{43}$/, 'A token looks like phr_<id>_<secret>')

export const CreateToken = defineSchema(
  'CreateToken',
  z.strictObject({
    name: z.string().min(1).max(100).describe('What the token is for'),
    roles: z.array(Role).min(1).describe('Roles of the token; never more than its maker has'),
    repositories: z
      .array(z.string().min(1).max(255))
      .max(100)
      .nullable()
      .default(null)
      .describe('Repository patterns that it may see; null for those of its maker'),
    expiresInDays: z.int().min(1).max(3650).default(90).describe('Days until it expires'),
  }),
  { name: 'ci', roles: ['scanner'], expiresInDays: 90 },
)
export type CreateToken = z.infer<typeof CreateToken>

export const Token = defineSchema(
  'Token',
  z.object({
    id: z.string().describe('Id of the token, part of its text'),
    name: z.string(),
    roles: z.array(Role),
    scope: Scope,
    createdAt: z.iso.datetime(),
    createdBy: z.string(),
    expiresAt: z.iso.datetime().nullable(),
    lastUsedAt: z.iso.datetime().nullable().describe('Day precision is enough: written at most once a minute'),
    revokedAt: z.iso.datetime().nullable(),
  }),
  {
    id: 'a1B2c3D4e5F6',
    name: 'ci',
    roles: ['scanner'],
    scope: { repositories: null },
    createdAt: '2026-11-24T08:00:00.000Z',
    createdBy: 'user:admin',
    expiresAt: null,
    lastUsedAt: null,
    revokedAt: null,
  },
)
export type Token = z.infer<typeof Token>

export const CreatedToken = defineSchema(
  'CreatedToken',
  Token.extend({ token: z.string().describe('The token itself; shown this once') }),
  {
    id: 'a1B2c3D4e5F6',
    name: 'ci',
    roles: ['scanner'],
    scope: { repositories: null },
    createdAt: '2026-11-24T08:00:00.000Z',
    createdBy: 'user:admin',
    expiresAt: null,
    lastUsedAt: null,
    revokedAt: null,
    token: 'phr_a1B2c3D4e5F6_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG',
  },
)
export type CreatedToken = z.infer<typeof CreatedToken>

export const CreateUser = defineSchema(
  'CreateUser',
  z.strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/)
      .describe('Login name'),
    password: z.string().min(12).max(200).describe('Password; kept as a scrypt hash'),
    roles: z.array(Role).min(1),
    repositories: z.array(z.string().min(1).max(255)).max(100).nullable().default(null),
  }),
  { name: 'ana', password: 'correct horse battery', roles: ['triager'] },
)
export type CreateUser = z.infer<typeof CreateUser>

export const User = defineSchema(
  'User',
  z.object({
    name: z.string(),
    roles: z.array(Role),
    scope: Scope,
    createdAt: z.iso.datetime(),
    disabledAt: z.iso.datetime().nullable(),
  }),
  { name: 'ana', roles: ['triager'], scope: { repositories: null }, createdAt: '2026-11-24T08:00:00.000Z', disabledAt: null },
)
export type User = z.infer<typeof User>

/** What the gateway asks results-service to find out who a caller is. */
export const Authenticate = defineSchema(
  'Authenticate',
  z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('token'),
      sha256: z
        .string()
        .regex(/^[a-f0-9]{64}$/)
        .describe('SHA-256 of the token text, hex'),
    }),
    z.strictObject({ kind: z.literal('basic'), name: z.string().max(200), password: z.string().max(200) }),
  ]),
  { kind: 'token', sha256: 'a'.repeat(64) },
)
export type Authenticate = z.infer<typeof Authenticate>

export const AuthenticateResult = defineSchema(
  'AuthenticateResult',
  z.object({
    principal: Principal.nullable().describe('null: unknown, expired, revoked or wrong'),
    expiresAt: z.iso.datetime().nullable().describe('When the answer must not be used any more'),
  }),
  { principal: null, expiresAt: null },
)
export type AuthenticateResult = z.infer<typeof AuthenticateResult>
