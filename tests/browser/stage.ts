// What the suite stands on: a running stack, told by environment variables, a browser, and GitHub as people use it.
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setTimeout } from 'node:timers/promises'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

function setting(name: string, otherwise: string): string {
  return process.env[`CODEXK8S_${name}`] ?? otherwise
}

export const CONSOLE = setting('CONSOLE_URL', 'http://172.31.255.1:30080').replace(/\/$/, '')
const GITHUB = setting('GITHUB_URL', 'http://172.31.255.1:4000').replace(/\/$/, '')
const ORGANISATION = setting('GITHUB_ORGANISATION', 'acme')
const SHOTS = setting('SHOTS', '/tmp/codex-k8s-browser')
/** The platform's owner, by login and token; somebody with an account on GitHub whom nobody added; the platform's bot. */
export const OWNER = setting('OWNER_LOGIN', 'olga')
const OWNER_TOKEN = setting('OWNER_TOKEN', 'dev-token-olga')
export const STRANGER = setting('STRANGER_LOGIN', 'nora')
export const BOT_TOKEN = setting('BOT_TOKEN', 'dev-token-codex-k8s-bot')

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/**
 * Refusals that a test provokes on purpose are logged by the browser itself. So is a request that it breaks off because a
 * network interface came or went, as one does with every pod when the cluster is on this machine; the console asks again.
 */
const EXPECTED = /status of (401|422)|ERR_NETWORK_CHANGED/

export function launch(): Promise<Browser> {
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-quic']
  return chromium.launch({ executablePath: setting('CHROMIUM', '/usr/bin/chromium'), args: ['--no-sandbox', '--disable-gpu', ...quiet] })
}

export interface Visitor {
  context: BrowserContext
  page: Page
  /** What the browser complained about, without what a test provokes. */
  complaints: string[]
}

export async function visit(browser: Browser, width = 1280, locale = 'en'): Promise<Visitor> {
  const context = await browser.newContext({ viewport: { width, height: width < 500 ? 844 : 900 }, locale })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    // GitHub's own pages are not ours to mend.
    const ours = !message.location().url.startsWith(GITHUB)
    if (ours && message.type() === 'error' && !EXPECTED.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return { context, page, complaints }
}

/** From the console's sign-in page through GitHub's, as one of its people. */
export async function signInAs(page: Page, login: string): Promise<void> {
  await page.goto(`${CONSOLE}/runs`)
  await page.getByRole('link', { name: /Sign in with GitHub|Войти через GitHub/ }).click()
  await page.waitForURL((url) => url.href.startsWith(GITHUB))
  await page.getByRole('button', { name: login, exact: true }).click()
  await page.waitForURL((url) => url.href.startsWith(CONSOLE))
}

export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true })
  await page.screenshot({ path: `${SHOTS}/${name}.png` })
}

/** Goes to a page by the English menu; pages link to each other by the same names. */
export async function openPage(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Main', exact: true }).getByRole('link', { name, exact: true }).click()
}

/** What axe finds that keeps people out; each as "rule: element". */
export async function barriers(page: Page): Promise<string[]> {
  // Through the debugger, which the page's content security policy does not bind.
  await page.evaluate(AXE)
  const found: unknown = await page.evaluate(`axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })
    .then(({ violations }) => violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html.slice(0, 160))))`)
  return Array.isArray(found) ? found.map(String) : [`axe answered ${JSON.stringify(found)}`]
}

async function github(path: string, body?: object): Promise<unknown> {
  const response = await fetch(GITHUB + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${OWNER_TOKEN}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

function numberOf(issue: unknown): number {
  if (typeof issue === 'object' && issue !== null && 'number' in issue && typeof issue.number === 'number') return issue.number
  throw new Error(`no issue: ${JSON.stringify(issue)}`)
}

/** A repository of the suite's own, with a first commit. */
export async function makeRepository(): Promise<string> {
  const name = `browser-${Date.now().toString(36)}`
  await github(`/orgs/${ORGANISATION}/repos`, { name, auto_init: true })
  return `${ORGANISATION}/${name}`
}

/** An issue whose agent plays a scenario of the scripted model, labelled so that its run starts. */
export async function startRun(repository: string, title: string, scenario: string, more = '', labels: string[] = []): Promise<number> {
  const issue = numberOf(await github(`/repos/${repository}/issues`, { title, body: `scenario: ${scenario}\n\n${more}`, labels }))
  await github(`/repos/${repository}/issues/${issue}/labels`, { labels: ['run:dev'] })
  return issue
}

/** Names of the labels on an issue. */
export async function labelsOn(repository: string, issue: number): Promise<string[]> {
  const labels = await github(`/repos/${repository}/issues/${issue}/labels`)
  if (!Array.isArray(labels)) throw new Error(`no labels: ${JSON.stringify(labels)}`)
  return labels.map((label: { name: string }) => label.name)
}

/** Waits until a label that the platform takes off is off. */
export async function labelComesOff(repository: string, issue: number, label: string, within: number): Promise<void> {
  const end = Date.now() + within
  while ((await labelsOn(repository, issue)).includes(label)) {
    if (Date.now() > end) throw new Error(`${label} is still on issue ${issue} of ${repository}`)
    await setTimeout(250)
  }
}

/** A project of the suite's own with a connected repository, made in the console. */
export async function makeProject(page: Page, name: string, repository: string): Promise<void> {
  await openPage(page, 'Projects')
  await page.getByRole('button', { name: 'New project' }).first().click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name', { exact: true }).fill(name)
  await dialog.getByRole('button', { name: 'New project' }).click()
  await page.getByRole('heading', { name, level: 1 }).waitFor()
  await page.getByRole('button', { name: 'Connect a repository' }).first().click()
  await dialog.getByLabel('Repository', { exact: true }).fill(repository)
  await dialog.getByLabel('Token of the bot account').fill(BOT_TOKEN)
  await page.getByRole('button', { name: 'Check and connect' }).click()
  await page.getByRole('link', { name: repository }).waitFor()
  await dialog.waitFor({ state: 'hidden' })
}
