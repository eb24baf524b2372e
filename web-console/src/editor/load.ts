// Loads the editor once, in the language that the reader has when it is first wanted.
import { i18n } from '@/i18n'

export type Monaco = typeof import('./monaco')

let loading: Promise<Monaco> | undefined

async function load(): Promise<Monaco> {
  // Its own words have to be there before its first file runs.
  if (i18n.global.locale.value === 'ru') await import('./words.ru')
  return import('./monaco')
}

export function loadMonaco(): Promise<Monaco> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined
    throw error
  })
  return loading
}
