// The inbox by keyboard: which key presses count, and where they are left to whoever has the focus.
import { useEventListener } from '@vueuse/core'

import { keyAction, type KeyAction, type Place } from '@/components/inbox/keys'

const TEXT = 'input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]'

function placeOf(target: EventTarget | null): Place {
  if (!(target instanceof Element)) return 'elsewhere'
  if (target.closest(TEXT) !== null) return 'text'
  return target.closest('[data-request]') === null ? 'elsewhere' : 'list'
}

export function useInboxKeys(act: (action: KeyAction) => void): void {
  useEventListener(window, 'keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    // A dialog or a menu above the page has its own keys.
    if (document.querySelector('.v-overlay--active:not(.v-navigation-drawer__scrim)') !== null) return
    const action = keyAction(event.key, placeOf(event.target))
    if (action === undefined) return
    event.preventDefault()
    act(action)
  })
}
