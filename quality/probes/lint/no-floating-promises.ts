async function save(): Promise<void> {}
export function run(): void {
  save()
}
