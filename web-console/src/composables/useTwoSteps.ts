// A decision in two steps: choose, then confirm. The first choice is made by key or click; nothing is sent by a key that
// is held down.
import { nextTick, ref, type Ref } from 'vue'

export interface Steps {
  /** Whether everything that is to be sent is there. */
  ready: () => boolean
  /** What to say when it is not. */
  missing: () => string
  /** Forgets how the last sending went. */
  reset: () => void
  busy: Ref<boolean>
  form: Readonly<Ref<HTMLElement | null>>
  /** What has the focus while one chooses. */
  field: () => string
}

/** A key that is held down would decide and confirm at once. */
function holdBack(event: KeyboardEvent): void {
  if (event.repeat) event.preventDefault()
}

export function useTwoSteps({ ready, missing: why, reset, busy, form, field }: Steps) {
  const sure = ref(false)
  const missing = ref('')

  async function focusChosen(): Promise<void> {
    await nextTick()
    form.value?.querySelector<HTMLElement>(field())?.focus()
  }

  /** The form asks to go on. */
  function ask(): void {
    missing.value = ready() ? '' : why()
    reset()
    sure.value = ready()
  }

  function change(): void {
    sure.value = false
    void focusChosen()
  }

  /** Goes back a step, if there is one. */
  function back(): boolean {
    if (sure.value && !busy.value) change()
    else if (document.activeElement instanceof HTMLTextAreaElement) document.activeElement.blur()
    else return false
    return true
  }

  return { sure, missing, focusChosen, ask, change, holdBack, back }
}
