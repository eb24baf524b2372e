// Where a template in use comes from, at a glance.
import { mdiEarth, mdiFolderOutline, mdiPencilOutline, mdiSeedOutline } from '@mdi/js'

import type { PromptSegment } from '@/api/types'
import type { Look } from '@/status'

export const SOURCE_LOOK: Record<PromptSegment['source'], Look> = {
  seed: { tone: 'neutral', icon: mdiSeedOutline },
  global: { tone: 'info', icon: mdiEarth },
  project: { tone: 'success', icon: mdiFolderOutline },
  draft: { tone: 'warning', icon: mdiPencilOutline },
}
