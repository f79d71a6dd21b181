export const used = (): number => 1
export const forgotten = (): number => 2
