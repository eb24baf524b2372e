// What a reader has chosen for this browser: language, theme, how logs are shown.
import { useStorage } from '@vueuse/core'
import { defineStore } from 'pinia'
import { ref } from 'vue'

import type { Locale } from '@/api/types'
import { preferredLocale, useLocale } from '@/i18n'
import { readAnew } from '@/stale'

export const THEMES = ['system', 'light', 'dark'] as const

export type ThemeChoice = (typeof THEMES)[number]

const LOCALE_KEY = 'codex-k8s.locale'

export const usePreferences = defineStore('preferences', () => {
  const locale = ref<Locale>(preferredLocale(localStorage.getItem(LOCALE_KEY), navigator.language))
  const theme = useStorage<ThemeChoice>('codex-k8s.theme', 'system')
  const logTimes = useStorage('codex-k8s.log.times', false)
  const logWrap = useStorage('codex-k8s.log.wrap', false)

  async function setLocale(chosen: Locale): Promise<void> {
    // Kept first: whoever reloads while the words are on their way gets what was chosen.
    localStorage.setItem(LOCALE_KEY, chosen)
    try {
      await useLocale(chosen)
    } catch (error) {
      if (readAnew(location.pathname + location.search, error)) return
      throw error
    }
    locale.value = chosen
  }

  return { locale, theme, logTimes, logWrap, setLocale }
})
