// ANSI sequences become coloured spans. Text stays text: nothing here makes HTML.
import Anser from 'anser'

export interface Span {
  text: string
  /** Class names for colours of the basic palette and for decorations. */
  css: string
  /** A colour outside the basic palette, as CSS. */
  color?: string
}

const ESCAPE = '\u001b'
/** Operating-system commands (titles, links), character-set choices and one-letter escapes: nothing to show. */
const UNSHOWN = new RegExp(`${ESCAPE}\\][^\u0007${ESCAPE}]*(?:\u0007|${ESCAPE}\\\\)|${ESCAPE}[()][A-Z0-9]|${ESCAPE}[=>78cDEHM]`, 'g')
// Control characters other than tab, line feed, carriage return and escape itself.
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = new RegExp('[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f]', 'g')

export function spansOf(text: string): Span[] {
  const shown = text.replace(UNSHOWN, '').replace(CONTROL, '')
  if (!shown.includes(ESCAPE)) return [{ text: shown, css: '' }]
  return Anser.ansiToJson(shown, { json: true, use_classes: true, remove_empty: true }).map((piece) => {
    const decorations = piece.decorations.map((name) => `ansi-${name}`)
    const color = extraColor(piece.fg, piece.fg_truecolor)
    // Without a colour the library gives null, whatever its types say.
    const named = [color === undefined ? piece.fg : '', piece.bg ? 'ansi-background' : ''].filter(Boolean)
    const css = [...named, ...decorations].join(' ')
    return { text: piece.content.replaceAll(ESCAPE, ''), css, ...(color !== undefined && { color }) }
  })
}

const CUBE = [0, 95, 135, 175, 215, 255]

function extraColor(name: string | null, trueColor: string): string | undefined {
  if (name === 'ansi-truecolor') return `rgb(${trueColor})`
  const index = Number(/^ansi-palette-(\d+)$/.exec(name ?? '')?.[1] ?? Number.NaN)
  if (Number.isNaN(index) || index < 16) return undefined
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10
    return `rgb(${grey}, ${grey}, ${grey})`
  }
  const step = (divisor: number): number => CUBE[Math.floor((index - 16) / divisor) % 6] ?? 0
  return `rgb(${step(36)}, ${step(6)}, ${step(1)})`
}

/** Cuts spans at line feeds. A carriage return starts its line anew, as on a terminal. */
export function linesOf(spans: readonly Span[]): Span[][] {
  const lines: Span[][] = [[]]
  for (const span of spans) {
    const [first = '', ...rest] = span.text.split('\n')
    lines.at(-1)?.push({ ...span, text: first })
    for (const text of rest) lines.push([{ ...span, text }])
  }
  return lines.map(afterLastReturn)
}

function afterLastReturn(line: Span[]): Span[] {
  const trimmed = line.map((span, at) => (at === line.length - 1 ? { ...span, text: span.text.replace(/\r+$/, '') } : span))
  const last = trimmed.findLastIndex(({ text }) => text.includes('\r'))
  if (last < 0) return trimmed
  return trimmed.slice(last).map((span, at) => (at === 0 ? { ...span, text: span.text.slice(span.text.lastIndexOf('\r') + 1) } : span))
}
