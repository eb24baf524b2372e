// Deciding about what an agent asks leave for, as somebody does it who never touches the mouse.
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'

import { barriers, picture } from './stage.ts'

/** How long people wait for a key to do something. */
const KEY_MS = 5000

async function focused(page: Page, words: RegExp): Promise<void> {
  await page.waitForFunction(
    ({ source }) => new RegExp(source).test(document.activeElement?.textContent ?? ''),
    { source: words.source },
    { timeout: KEY_MS },
  )
}

/** Nothing is sent before the second step, and going back loses nothing. `shot` begins the names of the pictures. */
export async function approves(page: Page, who: string, doneWithinMs: number, shot = 'action'): Promise<void> {
  await page.keyboard.press('a')
  const choice = page.getByRole('radio', { name: /^Approve/ })
  await page.waitForFunction(() => document.activeElement instanceof HTMLInputElement && document.activeElement.checked, undefined, { timeout: KEY_MS })
  await page.keyboard.press('Enter')
  await focused(page, /^Approve it/)
  await page.keyboard.press('Escape')
  assert.ok(await choice.isChecked())
  await page.keyboard.press('Enter')
  await focused(page, /^Approve it/)
  assert.deepEqual(await barriers(page), [])
  await picture(page, `${shot}-approve-1280`)
  await page.keyboard.press('Enter')
  const outcome = page.getByRole('region', { name: 'What came of it' })
  await outcome.getByText(`${who} approved it`).first().waitFor()
  await focused(page, new RegExp(`^${who} approved it`))
  await outcome.getByText('and it is done').waitFor({ timeout: doneWithinMs })
  await picture(page, `${shot}-done-1280`)
}

export async function denies(page: Page, who: string, words: string): Promise<void> {
  await page.keyboard.press('d')
  await page.waitForFunction(() => document.activeElement instanceof HTMLInputElement && document.activeElement.checked, undefined, { timeout: KEY_MS })
  await page.keyboard.press('Tab')
  // A letter that is a key of the inbox is a letter here.
  await page.keyboard.type(words)
  await page.keyboard.press('Control+Enter')
  await focused(page, /^Deny it/)
  assert.deepEqual(await barriers(page), [])
  await picture(page, 'action-deny-1280')
  await page.keyboard.press('Enter')
  const outcome = page.getByRole('region', { name: 'What came of it' })
  await outcome.getByText(`${who} denied it`).waitFor()
  await outcome.getByText(words).waitFor()
  await picture(page, 'action-denied-1280')
}
