export const parse = (text: any): string => String(text)
