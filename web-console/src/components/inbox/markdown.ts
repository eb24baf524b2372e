// The little Markdown that agents write, as blocks of plain text. Nothing becomes HTML or a link: an address stands there
// as it was written, so that everybody sees where it would lead.
export interface Span {
  kind: 'text' | 'code' | 'strong'
  text: string
}

export type Block = { kind: 'paragraph' | 'heading' | 'quote'; spans: Span[] } | { kind: 'code'; text: string } | { kind: 'list'; ordered: boolean; items: Span[][] }

const FENCE = /^\s*(```|~~~)/
const HEADING = /^#{1,6}\s+/
const ITEM = /^\s*(?:[-*+]|(\d+)[.)])\s+/
const QUOTE = /^\s*>\s?/
const INLINE = /(`+)(.+?)\1|\*\*(.+?)\*\*/g

export function spansOf(text: string): Span[] {
  const spans: Span[] = []
  let end = 0
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) spans.push({ kind: 'text', text: text.slice(end, match.index) })
    spans.push(match[2] === undefined ? { kind: 'strong', text: match[3] ?? '' } : { kind: 'code', text: match[2] })
    end = match.index + match[0].length
  }
  if (end < text.length) spans.push({ kind: 'text', text: text.slice(end) })
  return spans
}

/** The lines of a fenced block after its first, and how many lines it takes in all. */
function fenced(lines: readonly string[]): { text: string; taken: number } {
  const mark = FENCE.exec(lines[0] ?? '')?.[1] ?? ''
  const end = lines.findIndex((line, at) => at > 0 && line.trim().startsWith(mark))
  return { text: lines.slice(1, end < 0 ? undefined : end).join('\n'), taken: end < 0 ? lines.length : end + 1 }
}

function lineBlock(line: string): Block {
  if (HEADING.test(line)) return { kind: 'heading', spans: spansOf(line.replace(HEADING, '')) }
  if (QUOTE.test(line)) return { kind: 'quote', spans: spansOf(line.replace(QUOTE, '')) }
  const item = ITEM.exec(line)
  if (item !== null) return { kind: 'list', ordered: item[1] !== undefined, items: [spansOf(line.slice(item[0].length))] }
  return { kind: 'paragraph', spans: spansOf(line) }
}

/** A line that goes on with the block before it, without an empty line between them. */
function joined(before: Block | undefined, next: Block): boolean {
  if (before === undefined) return false
  if (before.kind === 'list' && next.kind === 'list' && before.ordered === next.ordered) {
    before.items.push(...next.items)
    return true
  }
  if (next.kind === 'paragraph' && before.kind === 'list') {
    before.items.at(-1)?.push({ kind: 'text', text: '\n' }, ...next.spans)
    return true
  }
  if ((before.kind === 'paragraph' || before.kind === 'quote') && before.kind === next.kind) {
    before.spans.push({ kind: 'text', text: '\n' }, ...next.spans)
    return true
  }
  return false
}

export function blocksOf(text: string): Block[] {
  const lines = text.split(/\r?\n/)
  const blocks: Block[] = []
  let fresh = true
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? ''
    if (FENCE.test(line)) {
      const { text: inside, taken } = fenced(lines.slice(at))
      blocks.push({ kind: 'code', text: inside })
      at += taken
      fresh = true
      continue
    }
    at += 1
    if (line.trim() === '') {
      fresh = true
      continue
    }
    const next = lineBlock(line)
    const before = blocks.at(-1)
    // Items of one list may stand apart.
    const apart = fresh && !(before?.kind === 'list' && next.kind === 'list')
    if (apart || !joined(before, next)) blocks.push(next)
    fresh = false
  }
  return blocks
}
