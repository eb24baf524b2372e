// Mounts a view as the application does: router, cache, languages and components, against the handlers of msw.
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { mount, type VueWrapper } from '@vue/test-utils'
import { http, HttpResponse } from 'msw'
import { createPinia } from 'pinia'
import { vi } from 'vitest'
import { h, type Component } from 'vue'
import { createMemoryHistory, createRouter, RouterView, type Router } from 'vue-router'
import { VApp } from 'vuetify/components'

import type { Locale } from '@/api/types'
import { AREAS, i18n, useLocale, useWords } from '@/i18n'
import { vuetify } from '@/plugins'
import { me } from '../fixtures/data'
import { ORIGIN, server } from './server'

export interface Screen {
  wrapper: VueWrapper
  router: Router
  /** Waits until the condition holds; fails with the text on the screen. */
  until: (condition: (text: string) => boolean) => Promise<string>
}

export function staff(path: string): string {
  return `${ORIGIN}/api/v1/staff/${path}`
}

const text = (): string => document.body.textContent ?? ''

async function until(condition: (text: string) => boolean): Promise<string> {
  try {
    await vi.waitUntil(() => condition(text()), { timeout: 4000 })
  } catch {
    throw new Error(`never came; the screen says: ${text()}`)
  }
  return text()
}

export async function open(view: Component, path: string, pattern: string, locale: Locale = 'en'): Promise<Screen> {
  server.use(
    http.post(`${ORIGIN}/api/v1/auth/refresh`, () => HttpResponse.json({ access_token: 't', expires_in: 900 })),
    http.get(staff('me'), () => HttpResponse.json(me)),
  )
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: pattern, component: view, props: true, meta: { title: '' } },
      { path: '/:rest(.*)', component: { render: () => 'elsewhere' }, meta: { title: '' } },
    ],
  })
  await useLocale(locale)
  await useWords(...AREAS)
  await router.push(path)
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  const wrapper = mount(
    { render: () => h(VApp, () => h(RouterView)) },
    { global: { plugins: [createPinia(), i18n, vuetify, [VueQueryPlugin, { queryClient }], router] }, attachTo: document.body },
  )
  return { wrapper, router, until }
}
