/** How a process is started. */
export interface ProcessPlan {
  name: string
  program: string
  args: string[]
  cwd: string
  environment: Record<string, string | undefined>
  logPath: string
  /** Answers 200 once the process does its work. */
  readyUrl?: string
}
