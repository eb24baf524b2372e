// Wires the console together and mounts it.
import '@fontsource-variable/inter'
import 'vuetify/styles/core'
import '@/styles/base.css'

import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { createPinia } from 'pinia'
import { createApp } from 'vue'

import { onSignedOut } from '@/api/session'
import App from '@/App.vue'
import { i18n, useLocale } from '@/i18n'
import { vuetify } from '@/plugins'
import { worthRetrying } from '@/queries/retry'
import { router, signInAt } from '@/router'
import { readAnew } from '@/stale'
import { usePreferences } from '@/stores/preferences'

const queryClient = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 5000, retry: worthRetrying },
  },
})

onSignedOut(() => {
  queryClient.clear()
  const { fullPath, meta } = router.currentRoute.value
  if (meta.public !== true) void router.push(signInAt(fullPath))
})

const app = createApp(App).use(createPinia())
try {
  await useLocale(usePreferences().locale)
} catch (error) {
  readAnew(location.pathname + location.search, error)
  throw error
}
app.use(i18n).use(vuetify).use(VueQueryPlugin, { queryClient }).use(router)
await router.isReady()
app.mount('#app')
