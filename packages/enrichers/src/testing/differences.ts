const limitDifferences = 20

/** Where a value is not what it should be, a line each: `team: expected "a", is "b"`. The order of keys is no difference. */
export function differencesOf(expected: unknown, actual: unknown): string[] {
  const found: string[] = []
  compare('', expected, actual, found)
  return found.length > limitDifferences ? [...found.slice(0, limitDifferences), `and ${found.length - limitDifferences} more`] : found
}

function compare(path: string, expected: unknown, actual: unknown, found: string[]): void {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    for (let index = 0; index < Math.max(expected.length, actual.length); index++)
      compareField(`${path}[${index}]`, index in expected, expected[index], index in actual, actual[index], found)
  } else if (isMap(expected) && isMap(actual)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)]))
      compareField(
        path === '' ? key : `${path}.${key}`,
        Object.hasOwn(expected, key),
        expected[key],
        Object.hasOwn(actual, key),
        actual[key],
        found,
      )
  } else if (!Object.is(expected, actual)) found.push(`${path || 'result'}: expected ${textOf(expected)}, is ${textOf(actual)}`)
}

function compareField(path: string, isExpected: boolean, expected: unknown, isThere: boolean, actual: unknown, found: string[]): void {
  if (!isThere) found.push(`${path}: expected ${textOf(expected)}, is not there`)
  else if (!isExpected) found.push(`${path}: not expected, is ${textOf(actual)}`)
  else compare(path, expected, actual, found)
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 200 ? `${text.slice(0, 200)}...` : text
}
