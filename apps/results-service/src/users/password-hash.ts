import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from 'node:crypto'

const parameters = { N: 2 ** 15, r: 8, p: 1 } as const
const saltBytes = 16
const keyBytes = 32

function derive(password: string, salt: Buffer, { N, r, p }: { N: number; r: number; p: number }): Promise<Buffer> {
  // scrypt needs 128 * N * r bytes; Node's default limit is just below that.
  const options: ScryptOptions = { N, r, p, maxmem: 160 * N * r }
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, keyBytes, options, (error, key) => (error === null ? resolve(key) : reject(error)))
  })
}

/** scrypt hash as `scrypt$N$r$p$salt$key`, so that parameters can grow later. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes)
  const key = await derive(password, salt, parameters)
  return ['scrypt', parameters.N, parameters.r, parameters.p, salt.toString('base64'), key.toString('base64')].join('$')
}

/** Whether the password has this hash; compares in constant time. */
export async function isPasswordOf(password: string, hash: string): Promise<boolean> {
  const [, N, r, p, salt = '', key = ''] = hash.split('$')
  const expected = Buffer.from(key, 'base64')
  const actual = await derive(password, Buffer.from(salt, 'base64'), { N: Number(N), r: Number(r), p: Number(p) })
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

/** Hash of a password that nobody has: checked for unknown names, so that they take as long as known ones. */
export const nobodysHash = `scrypt$${parameters.N}$${parameters.r}$${parameters.p}$${Buffer.alloc(saltBytes).toString('base64')}$${Buffer.alloc(keyBytes).toString('base64')}`
