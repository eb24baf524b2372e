// What each check of a repository is about, in the words of GitHub's token page, which knows no other language.
import type { Check } from '@/api/types'

/** The right to grant; absent for checks that are about something else. */
export const GITHUB_RIGHT: Readonly<Partial<Record<Check['name'], string>>> = {
  metadata_read: 'Metadata: read',
  contents_read: 'Contents: read',
  contents_write: 'Contents: read and write',
  issues_write: 'Issues: read and write',
  pull_requests_write: 'Pull requests: read and write',
  webhooks_read: 'Webhooks: read',
  webhooks_write: 'Webhooks: read and write',
  actions_read: 'Actions: read',
  secrets_read: 'Secrets: read',
  secrets_write: 'Secrets: read and write',
  variables_read: 'Variables: read',
  variables_write: 'Variables: read and write',
  environments_write: 'Environments: read and write',
}

/** The right that a refusal's code is about, when it is about one that GitHub's token page can grant. */
export function githubRight(code: string): string | undefined {
  return Object.entries(GITHUB_RIGHT).find(([name]) => name === code)?.[1]
}
