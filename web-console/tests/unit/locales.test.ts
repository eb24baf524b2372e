import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'

import type { Check, Me, ProjectRole } from '@/api/types'
import { NOTIFICATION_KINDS } from '@/components/notification/looks'
import { FLOW_LOOKS } from '@/components/run/timeline'
import { AREAS, russianPlural } from '@/i18n'
import { router } from '@/router'
import { APPROVAL_STATE, CHECK_STATE, DECISION, REPOSITORY_STATE, RUN_STATUS, WAIT_GROUP } from '@/status'

const ROOT = join(import.meta.dirname, '../..')
const CHECKS: Record<Check['name'], true> = {
  admin_role: true, metadata_read: true, contents_read: true, contents_write: true, issues_write: true, pull_requests_write: true,
  webhooks_read: true, webhooks_write: true, actions_read: true, secrets_read: true, secrets_write: true, variables_read: true,
  variables_write: true, environments_write: true, no_workflow_right: true, webhook_registered: true, labels_made: true,
  workflow_secrets: true, missed_labels: true, missed_reviews: true,
}
const PLATFORM_ROLES: Record<Me['platform_role'], true> = { owner: true, admin: true, member: true }
const PROJECT_ROLES: Record<ProjectRole, true> = { admin: true, read_write: true, read: true }

type Words = ReadonlyMap<string, string>

function flatten(value: object, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
    typeof inner === 'object' && inner !== null ? flatten(inner, `${prefix}${name}.`) : [[prefix + name, String(inner)] satisfies [string, string]],
  )
}

const wordsOf = (file: string): Words => new Map(flatten(JSON.parse(readFileSync(join(ROOT, 'src/locales', `${file}.json`), 'utf8'))))
const FILES = ['', ...AREAS.map((area) => `${area}.`)]
const english: Words = new Map(FILES.flatMap((file) => [...wordsOf(`${file}en`)]))
const russian: Words = new Map(FILES.flatMap((file) => [...wordsOf(`${file}ru`)]))
const placeholders = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g))].toSorted()
const forms = (text: string): number => text.split(' | ').length

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|vue)$/.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
}

/** The codes of an enum that the platform's domain declares with `coded_enum!`. */
function domainCodes(file: string, name: string): string[] {
  const text = readFileSync(join(ROOT, '../crates/domain/src', file), 'utf8')
  const body = new RegExp(`\\b${name} \\{([^}]*)\\}`).exec(text)?.[1] ?? ''
  return [...body.matchAll(/= "([^"]+)"/g)].map(([, code = '']) => code)
}

it('has the same keys, placeholders and plural forms in both languages', () => {
  for (const file of FILES) expect([...wordsOf(`${file}ru`).keys()].toSorted()).toEqual([...wordsOf(`${file}en`).keys()].toSorted())
  for (const [key, text] of english) {
    const translated = russian.get(key) ?? ''
    expect(placeholders(translated), key).toEqual(placeholders(text))
    expect(forms(translated), key).toBe(forms(text) === 1 ? 1 : 3)
    expect(translated.trim(), key).not.toBe('')
  }
})

it('has each word in one file', () => {
  const all = FILES.flatMap((file) => [...wordsOf(`${file}en`).keys()])
  expect(all.filter((key, at) => all.indexOf(key) !== at)).toEqual([])
  expect(readdirSync(join(ROOT, 'src/locales')).toSorted()).toEqual(FILES.flatMap((file) => [`${file}en.json`, `${file}ru.json`]).toSorted())
})

it('writes Russian in Russian', () => {
  const same = [...russian].filter(([key, text]) => !/[а-яё]/i.test(text) && english.get(key) !== text)
  expect(same).toEqual([])
})

it('compiles every message', () => {
  for (const [locale, words] of [['en', english], ['ru', russian]] as const) {
    const messages = { [locale]: Object.fromEntries(words) }
    const { t } = createI18n({ legacy: false, locale, messages, flatJson: true, pluralRules: { ru: russianPlural } }).global
    for (const key of english.keys()) expect(t(key, 5), key).not.toBe(key)
  }
})

/** The modules that a module is made of: what it imports lazily comes with words of its own. */
function withImports(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file) || !existsSync(file)) return seen
  seen.add(file)
  for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|^import) '([@.]\/?[^']+)'/gm)) {
    const found = path.startsWith('@/') ? join(ROOT, 'src', path.slice(2)) : join(dirname(file), path)
    withImports(/\.(vue|json|css)$/.test(found) ? found : `${found}.ts`, seen)
  }
  return seen
}

/** Beginnings of the keys that a file asks for; what it looks up first (`te`) may be missing. */
function askedBy(file: string): string[] {
  if (!/\.(ts|vue)$/.test(file)) return []
  return [...readFileSync(file, 'utf8').matchAll(/\bt\(\s*(?:'([\w.]+)'|`([\w.]+)\$)/g)].map(([, whole, beginning]) => whole ?? beginning ?? '')
}

it.each(router.getRoutes().filter(({ components }) => components).map((route) => [route.path, route] as const))('loads the words of %s with the page', (_, { components, meta }) => {
  const [view = ''] = /views\/\w+\.vue/.exec(String(components?.['default'])) ?? []
  const asked = [...withImports(join(ROOT, 'src', view))].filter((file) => !file.endsWith('useReason.ts')).flatMap(askedBy)
  const there = ['', ...(meta.words ?? []).map((area) => `${area}.`)].flatMap((file) => [...wordsOf(`${file}en`).keys()])
  expect(asked.length, view).toBeGreaterThan(2)
  expect([...new Set(asked)].filter((key) => !there.some((known) => known === key || (key.endsWith('.') && known.startsWith(key))))).toEqual([])
})

it('knows every key that the console asks for', () => {
  const asked = sources(join(ROOT, 'src')).flatMap((text) => [...text.matchAll(/\bt\(\s*'([\w.]+)'/g)].map(([, key = '']) => key))
  expect(asked.length).toBeGreaterThan(100)
  expect(asked.filter((key) => !english.has(key))).toEqual([])
})

it('has a word for every state, role and check of the contract', () => {
  const wanted = [
    ...Object.keys(RUN_STATUS).flatMap((name) => [`status.run.${name}`, `outcome.${name}`]),
    ...Object.keys(DECISION).map((name) => `status.decision.${name}`),
    ...Object.keys(REPOSITORY_STATE).map((name) => `status.repository.${name}`),
    ...Object.keys(CHECK_STATE).map((name) => `checkState.${name}`),
    ...Object.entries(WAIT_GROUP).flatMap(([name, group]) => [`waits.${name}`, `waiting.group.${group}`, `waiting.help.${group === 'limits' || name === 'answer' ? name : group}`]),
    ...Object.keys(APPROVAL_STATE).map((name) => `inbox.state.${name}`),
    ...NOTIFICATION_KINDS.flatMap((name) => [`notice.kind.${name}`, `notice.choice.${name}`]),
    ...Object.keys(CHECKS).flatMap((name) => [`check.${name}`, `checkFor.${name}`]),
    ...Object.keys(PLATFORM_ROLES).map((name) => `role.platform.${name}`),
    ...Object.keys(PROJECT_ROLES).map((name) => `role.project.${name}`),
  ]
  expect(wanted.filter((key) => !english.has(key))).toEqual([])
})

it('has a sentence for every reason and every kind of audit event of the platform', () => {
  const intake = domainCodes('reasons.rs', 'IntakeReason')
  const ends = domainCodes('reasons.rs', 'Reason')
  const kinds = domainCodes('flow.rs', 'FlowKind')
  expect(domainCodes('notices.rs', 'NoticeKind').toSorted()).toEqual([...NOTIFICATION_KINDS].toSorted())
  expect(Math.min(intake.length, ends.length, kinds.length)).toBeGreaterThan(10)
  expect(intake.filter((code) => !english.has(`reason.delivery.${code}`))).toEqual([])
  expect(ends.filter((code) => !english.has(`reason.run.${code}`))).toEqual([])
  expect(kinds.filter((code) => !english.has(`flow.${code.replace('.', '_')}`) || !(code in FLOW_LOOKS))).toEqual([])
})

it('explains every refusal of a sign-in', () => {
  const flow = readFileSync(join(ROOT, '../services/api-gateway/src/public/auth/flow.rs'), 'utf8')
  const told = flow.slice(flow.indexOf('fn told'))
  const codes = [...told.matchAll(/=> \(?"([a-z_]+)"/g)].map(([, code = '']) => code)
  expect(codes.length).toBeGreaterThan(5)
  expect(codes.filter((code) => !english.has(`signIn.problem.${code}.title`))).toEqual([])
})

it('counts in Russian', () => {
  expect([1, 2, 5, 11, 21, 22, 112].map((count) => russianPlural(count, 3))).toEqual([0, 1, 2, 2, 0, 1, 2])
})
