// What an agent or a service said when it failed, as words. Model services answer with JSON; its message is what helps.
import { isRecord } from '@/api/problem'

/** The message inside a JSON error, and any other text as it is. */
export function plainDetail(text: string): string {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return text
  }
  if (!isRecord(parsed)) return text
  const inner = isRecord(parsed['error']) ? parsed['error'] : parsed
  const said = ['message', 'detail', 'title'].map((name) => inner[name]).find((value) => typeof value === 'string' && value !== '')
  return typeof said === 'string' ? said : text
}
