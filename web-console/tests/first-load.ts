// Measures what the browser fetches before the first page (runs) is there, and fails above the limit. Fonts come
// after it (the text stands in the system's own until then), so they are told apart.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const LIMIT = 200_000
const assets = new URL('../dist/assets/', import.meta.url)
const files = readdirSync(assets)
const needed = new Set<string>()

function need(file: string): void {
  if (needed.has(file) || !files.includes(file)) return
  needed.add(file)
  if (!file.endsWith('.js')) return
  const text = readFileSync(new URL(file, assets), 'utf8')
  for (const [, name = ''] of text.matchAll(/(?:from|import)\s*["'`]\.\/([^"'`]+)["'`]/g)) need(name)
}

const page = readFileSync(new URL('../index.html', assets), 'utf8')
for (const [, name = ''] of page.matchAll(/assets\/([^"]+)/g)) need(name)
for (const name of files.filter((file) => /^(Runs|RunTable|RunStatusTag|EmptyState|ru)-/.test(file))) need(name)

const total = [...needed].reduce((sum, file) => sum + gzipSync(readFileSync(new URL(file, assets))).length, 0)
const fonts = files.filter((file) => /^inter-(latin|cyrillic)-wght.*\.woff2$/.test(file)).reduce((sum, file) => sum + statSync(new URL(file, assets)).size, 0)
process.stdout.write(`first load: ${(total / 1000).toFixed(1)} kB gzip of at most ${LIMIT / 1000} kB; its fonts, after it: ${(fonts / 1000).toFixed(1)} kB\n`)
if (total > LIMIT) process.exitCode = 1
