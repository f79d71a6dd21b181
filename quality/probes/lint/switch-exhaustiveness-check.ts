export function weigh(state: 'queued' | 'running' | 'done'): number {
  switch (state) {
    case 'queued':
      return 1
    case 'running':
      return 2
  }
  return 0
}
