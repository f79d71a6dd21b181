/** Negative when the first version is lower, positive when it is higher, 0 when neither is. */
export type VersionOrder = (one: string, other: string) => number

/** Runs of digits of any length, by their value; an empty one is 0. */
export function compareNumbers(one: string, other: string): number {
  const [left, right] = [one.replace(/^0+/, ''), other.replace(/^0+/, '')]
  return left.length - right.length || compareTexts(left, right)
}

/** By code units. */
export function compareTexts(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
