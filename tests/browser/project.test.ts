// What people set up for a project's agents, in a real browser over a running platform: pages that are empty, or cannot be
// read just now; a policy that is written; and what an agent then asks leave to change, shown line by line.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'

import { approves } from './deciding.ts'
import { barriers, CONSOLE, launch, makeProject, makeRepository, openPage, OWNER, picture, signInAs, startRun, visit, type Visitor } from './stage.ts'

/** From a label, or from an effect, to what the agent asks: a pod and its first steps lie between. */
const ASKED_MS = 240_000
/** From what an agent asks to its run that waits without a pod. */
const PARKED_MS = 60_000
/** From an approval to its effect. */
const DONE_MS = 60_000
/** What the server says when its database is away. */
const AWAY = { type: 'about:blank', title: 'The database does not answer', status: 503, code: 'database_unavailable', fields: [] }

describe("a project's agents and what is around them", () => {
  let browser: Browser
  let owner: Visitor
  let repository: string
  let project: string
  before(async () => {
    browser = await launch()
    owner = await visit(browser)
    repository = await makeRepository()
    await signInAs(owner.page, OWNER)
    await makeProject(owner.page, `Settings ${Date.now().toString(36)}`, repository)
    project = new URL(owner.page.url()).pathname.split('/')[2] ?? ''
  })
  after(() => browser.close())

  async function openTab(page: Page, name: string): Promise<void> {
    await page.getByRole('navigation', { name: 'Parts of the project' }).getByRole('link', { name, exact: true }).click()
    await page.getByRole('region', { name, exact: true }).waitFor()
  }

  /** The page cannot be read for a while, says so, and is read when somebody tries again. */
  async function failsOnce(page: Page, path: string): Promise<void> {
    const asked = `**/api/v1/staff/projects/*/${path}`
    await page.route(asked, (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(AWAY) }))
    await page.reload()
    const said = page.getByRole('main').getByRole('alert').filter({ hasText: AWAY.title })
    await said.waitFor()
    assert.deepEqual(await barriers(page), [])
    await picture(page, `${path}-error-1280`)
    await page.unroute(asked)
    await said.getByRole('button', { name: 'Try again' }).click()
    await said.waitFor({ state: 'hidden' })
    // The browser itself logs what was refused here on purpose, and nothing else is forgotten.
    assert.deepEqual(owner.complaints.filter((complaint) => !complaint.includes('status of 503')), [])
    owner.complaints.length = 0
  }

  for (const { tab, path, empty } of [
    { tab: 'Channels', path: 'channels', empty: 'People are asked in the console only' },
    { tab: 'Environments', path: 'environments', empty: 'No environment yet' },
  ]) {
    it(`shows that there are no ${path} yet, and when they cannot be read`, async () => {
      const { page } = owner
      await openTab(page, tab)
      await page.getByText(empty).waitFor()
      assert.deepEqual(await barriers(page), [])
      await picture(page, `${path}-empty-1280`)
      await failsOnce(page, path)
      await page.getByText(empty).waitFor()
      assert.deepEqual(owner.complaints, [])
    })
  }

  it("gives the project a developer of its own, who may ask for changes", async () => {
    const { page } = owner
    await openTab(page, 'Agents')
    await page.getByRole('table').getByRole('link', { name: 'dev', exact: true }).waitFor()
    await picture(page, 'agents-1280')
    await failsOnce(page, 'agents')
    await page.getByRole('table').getByRole('link', { name: 'dev', exact: true }).click()
    await page.getByRole('heading', { name: 'dev', level: 1 }).waitFor()
    await page.getByLabel('What it is there for').fill('Paints pages, and asks before it does.')
    await page.getByLabel('ask for changes').check()
    await page.getByLabel('Why you change it').fill('Agents may ask for changes here')
    assert.deepEqual(await barriers(page), [])
    await picture(page, 'agent-1280')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText(/own agent, in the place of the platform/).waitFor()
    await page.reload()
    await page.getByText('Agents may ask for changes here').waitFor()
    assert.ok(await page.getByLabel('ask for changes').isChecked())
    await picture(page, 'agent-own-1280')
    assert.deepEqual(owner.complaints, [])
  })

  it('shows what an agent asks to change line by line, and is approved by keyboard alone', async () => {
    const { page } = owner
    await page.goto(`${CONSOLE}/inbox?project=${project}`)
    const title = `Paint the page ${Date.now().toString(36)}`
    await startRun(repository, title, 'paint')
    await page.getByRole('heading', { name: 'Make ConfigMap page' }).waitFor({ timeout: ASKED_MS })
    // Whoever answers at once answers into the call, and the agent asks for nothing more.
    await openPage(page, 'Runs')
    await page.getByRole('row', { name: title }).getByText('Waiting for an answer').waitFor({ timeout: PARKED_MS })
    await page.goto(`${CONSOLE}/inbox?project=${project}`)
    const difference = page.getByRole('region', { name: 'What changes, line by line' })
    await difference.locator('.on', { hasText: '+  color: blue' }).waitFor()
    assert.equal(await difference.locator('.off').count(), 0)
    await approves(page, OWNER, DONE_MS, 'object-new')

    // Among all requests, the one that was approved would be shown.
    await page.goto(`${CONSOLE}/inbox?state=open&project=${project}`)
    await page.getByRole('heading', { name: 'Change ConfigMap page' }).waitFor({ timeout: ASKED_MS })
    await difference.locator('.off', { hasText: '-  color: blue' }).waitFor()
    await difference.locator('.on', { hasText: '+  color: red' }).waitFor()
    assert.deepEqual(await barriers(page), [])
    await picture(page, 'object-1280')
    await approves(page, OWNER, DONE_MS, 'object')
    assert.deepEqual(owner.complaints, [])
  })
})
