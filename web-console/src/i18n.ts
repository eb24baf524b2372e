// The two languages. Each is a file of its own, loaded when it is first wanted; so are the words of single areas, which
// the first page does without. English fills gaps that tests would find.
import { createI18n } from 'vue-i18n'

import type { Locale } from '@/api/types'

export const LOCALES: readonly Locale[] = ['en', 'ru']

/** Pages with words of their own. */
export type Area = 'inbox' | 'prompts'
type Words = Record<Locale, () => Promise<{ default: object }>>

const files: Words = {
  en: () => import('@/locales/en.json'),
  ru: () => import('@/locales/ru.json'),
}

const areas: Record<Area, Words> = {
  inbox: {
    en: () => import('@/locales/inbox.en.json'),
    ru: () => import('@/locales/inbox.ru.json'),
  },
  prompts: {
    en: () => import('@/locales/prompts.en.json'),
    ru: () => import('@/locales/prompts.ru.json'),
  },
}

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

async function load(words: Words, locale: Locale, name: string): Promise<void> {
  const key = `${name} ${locale}`
  if (loaded.has(key)) return
  const { default: messages } = await words[locale]()
  i18n.global.mergeLocaleMessage(locale, { ...messages })
  loaded.add(key)
}

export async function useLocale(locale: Locale): Promise<void> {
  await Promise.all([load(files, locale, 'all'), ...[...wanted].map((area) => load(areas[area], locale, area))])
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
}

/** Loads the words of an area, now and whenever the language changes. */
export async function useWords(area: Area): Promise<void> {
  wanted.add(area)
  const locale = i18n.global.locale.value
  await load(areas[area], LOCALES.find((known) => known === locale) ?? 'en', area)
}
