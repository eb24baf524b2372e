import * as mdi from '@mdi/js'
import vue from '@vitejs/plugin-vue'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'
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

const IMPORTED_ICONS = /import\s*\{([^}]*)\}\s*from\s*["']@mdi\/js["'];?/g
const ICON = '\0icon:'
const icons: Readonly<Record<string, string>> = mdi

/** Makes each icon a module of its own: all of them in one would be loaded with the first page. */
const iconsApart: Plugin = {
  name: 'icons-apart',
  apply: 'build',
  enforce: 'post',
  resolveId: (id) => (id.startsWith(ICON) ? id : undefined),
  load: (id) => (id.startsWith(ICON) ? `export default ${JSON.stringify(icons[id.slice(ICON.length)])}` : undefined),
  transform: (code) =>
    code.includes('@mdi/js')
      ? code.replaceAll(IMPORTED_ICONS, (_, names: string) =>
          names.split(',').map((name) => name.trim()).filter(Boolean).map((name) => `import ${name} from ${JSON.stringify(ICON + name)};`).join(''))
      : undefined,
}

export default defineConfig({
  plugins: [vue(), vuetify({ autoImport: true }), iconsApart],
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
