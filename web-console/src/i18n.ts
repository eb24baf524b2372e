// The two languages. Each is a file of its own, loaded when it is first wanted; so are the words of single areas, which
// the first page does without. English fills gaps that tests would find.
import { createI18n } from 'vue-i18n'

import type { Locale } from '@/api/types'

export const LOCALES: readonly Locale[] = ['en', 'ru']

/** Pages with words of their own. */
export const AREAS = ['agents', 'channels', 'deliveries', 'egress', 'inbox', 'outside', 'people', 'projects', 'prompts', 'run', 'signIn', 'tools', 'waiting'] as const
export type Area = (typeof AREAS)[number]

const files = import.meta.glob<object>('./locales/*.json', { import: 'default' })

/** 1 прогон, 2 прогона, 5 прогонов: messages give one | few | many. */
export function russianPlural(count: number, choices: number): number {
  if (choices < 3) return count === 1 ? 0 : 1
  const form = new Intl.PluralRules('ru').select(count)
  return form === 'one' ? 0 : form === 'few' ? 1 : 2
}

export const i18n = createI18n({
  legacy: false,
  locale: 'en',
  fallbackLocale: 'en',
  pluralRules: { ru: russianPlural },
  messages: {},
})

/** The language to begin with: the one chosen before, else the browser's, else English. */
export function preferredLocale(stored: string | null, browser: string): Locale {
  if (stored === 'en' || stored === 'ru') return stored
  return browser.toLowerCase().startsWith('ru') ? 'ru' : 'en'
}

const wanted = new Set<Area>()
const loaded = new Set<string>()

async function load(locale: Locale, area?: Area): Promise<void> {
  const file = `./locales/${area === undefined ? '' : `${area}.`}${locale}.json`
  if (loaded.has(file)) return
  const messages = await files[file]?.()
  i18n.global.mergeLocaleMessage(locale, { ...messages })
  loaded.add(file)
}

export async function useLocale(locale: Locale): Promise<void> {
  await Promise.all([load(locale), ...[...wanted].map((area) => load(locale, area))])
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
}

/** Loads the words of areas, now and whenever the language changes. */
export async function useWords(...areas: readonly Area[]): Promise<void> {
  for (const area of areas) wanted.add(area)
  const known = LOCALES.find((locale) => locale === i18n.global.locale.value) ?? 'en'
  await Promise.all(areas.map((area) => load(known, area)))
}
