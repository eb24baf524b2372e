// Whether what is on the screen is live: the state of the streams, for the banner and the dot in the top bar.
import { computed, reactive } from 'vue'

const lost = reactive(new Set<string>())
const opened = reactive(new Set<string>())

/** One stream's account of itself; `closed` takes it off the books. */
export interface StreamReport {
  open: () => void
  lost: () => void
  closed: () => void
}

export function reportAs(name: string): StreamReport {
  return {
    open: () => {
      lost.delete(name)
      opened.add(name)
    },
    lost: () => {
      opened.delete(name)
      lost.add(name)
    },
    closed: () => {
      opened.delete(name)
      lost.delete(name)
    },
  }
}

export const liveState = computed<'live' | 'lost' | 'quiet'>(() => {
  if (lost.size > 0) return 'lost'
  return opened.size > 0 ? 'live' : 'quiet'
})
