export async function load(work: () => Promise<string>): Promise<string> {
  try {
    return work()
  } catch (error) {
    throw new Error('could not load', { cause: error })
  }
}
