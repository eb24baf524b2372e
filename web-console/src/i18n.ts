// The two languages. Each is a file of its own, loaded when it is first wanted; English fills gaps that tests would find.
import { createI18n } from 'vue-i18n'

import type { Locale } from '@/api/types'

export const LOCALES: readonly Locale[] = ['en', 'ru']

const files: Record<Locale, () => Promise<{ default: object }>> = {
  en: () => import('@/locales/en.json'),
  ru: () => import('@/locales/ru.json'),
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

export async function useLocale(locale: Locale): Promise<void> {
  if (!i18n.global.availableLocales.some((known) => known === locale)) {
    const { default: messages } = await files[locale]()
    i18n.global.setLocaleMessage(locale, { ...messages })
  }
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
}
