export function quiet(work: () => void): void {
  try {
    work()
  } catch {}
}
