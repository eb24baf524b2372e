import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'

import type { Check, Me, ProjectRole } from '@/api/types'
import { FLOW_LOOKS } from '@/components/run/timeline'
import { russianPlural } from '@/i18n'
import allEn from '@/locales/en.json'
import inboxEn from '@/locales/inbox.en.json'
import inboxRu from '@/locales/inbox.ru.json'
import promptsEn from '@/locales/prompts.en.json'
import promptsRu from '@/locales/prompts.ru.json'
import allRu from '@/locales/ru.json'
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

function flatten(value: object, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
    typeof inner === 'object' && inner !== null ? flatten(inner, `${prefix}${name}.`) : [[prefix + name, String(inner)] satisfies [string, string]],
  )
}

const en = { ...allEn, ...inboxEn, ...promptsEn }
const ru = { ...allRu, ...inboxRu, ...promptsRu }
const english = new Map(flatten(en))
const russian = new Map(flatten(ru))
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
  expect([...russian.keys()].toSorted()).toEqual([...english.keys()].toSorted())
  for (const [key, text] of english) {
    const translated = russian.get(key) ?? ''
    expect(placeholders(translated), key).toEqual(placeholders(text))
    expect(forms(translated), key).toBe(forms(text) === 1 ? 1 : 3)
    expect(translated.trim(), key).not.toBe('')
  }
})

it('keeps the words of an area apart from those of all pages', () => {
  expect(Object.keys(promptsEn).filter((name) => name in allEn)).toEqual([])
  expect(Object.keys(inboxEn).filter((name) => name in allEn || name in promptsEn)).toEqual([])
})

it('writes Russian in Russian', () => {
  const same = [...russian].filter(([key, text]) => !/[а-яё]/i.test(text) && english.get(key) !== text)
  expect(same).toEqual([])
})

it('compiles every message', () => {
  for (const [locale, messages] of [['en', en], ['ru', ru]] as const) {
    const { t } = createI18n({ legacy: false, locale, messages: { [locale]: messages }, pluralRules: { ru: russianPlural } }).global
    for (const key of english.keys()) expect(t(key, 5), key).not.toBe(key)
  }
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
