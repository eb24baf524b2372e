import vue from '@vitejs/plugin-vue'
import { fileURLToPath } from 'node:url'
import vuetify from 'vite-plugin-vuetify'
import { defineConfig } from 'vitest/config'

/** Where the development server finds the API: a running platform or the fixture server. */
const API = process.env.CODEXK8S_CONSOLE_URL ?? 'http://127.0.0.1:4300'

/** Files that every page needs; what they import comes with them. */
const EVERYWHERE = new RegExp(
  [
    String.raw`node_modules/(?:@vue|vue|vue-router|vue-i18n|@intlify|pinia|openapi-fetch|@tanstack/(?:vue-query|query-core))/`,
    String.raw`/src/(?:api|live|stores|components/(?:shell|state|status))/`,
    String.raw`/src/(?:i18n|router|status)\.ts|/src/queries/(?:bell|keys|people|projects|retry|runs)\.ts`,
    String.raw`/src/components/form/(?:ChoiceField|SearchField)\.vue|/src/composables/use(?:Format|QueryFilters|Reason)\.ts`,
    'preload-helper',
  ].join('|'),
)

export default defineConfig({
  plugins: [vue(), vuetify({ autoImport: true })],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_I18N_FULL_INSTALL__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
    __INTLIFY_DROP_MESSAGE_COMPILER__: 'false',
  },
  build: {
    // An inlined asset would be a data: URL, which the console's content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The editor is one large file, loaded with the first template that is opened.
    chunkSizeWarningLimit: 3600,
    // What every page needs is one file: it packs better, and no lazy page that shares a part of it cuts it into pieces.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'base', test: EVERYWHERE }] } } },
  },
  server: { host: '127.0.0.1', port: 4310, proxy: { '/api': API } },
  test: {
    environment: 'happy-dom',
    environmentOptions: { happyDOM: { url: 'http://console.test/' } },
    include: ['tests/unit/**/*.test.ts'],
    setupFiles: ['tests/unit/setup.ts'],
    server: { deps: { inline: ['vuetify'] } },
  },
})
