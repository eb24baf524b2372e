// Monaco with what writing a template needs, and no more. Loaded with the first editor that is shown.
import 'monaco-editor/features/bracketMatching/register'
import 'monaco-editor/features/caretOperations/register'
import 'monaco-editor/features/clipboard/register'
import 'monaco-editor/features/codicon/register'
import 'monaco-editor/features/contextmenu/register'
import 'monaco-editor/features/cursorUndo/register'
import 'monaco-editor/features/diffEditor/register'
import 'monaco-editor/features/find/register'
import 'monaco-editor/features/gotoError/register'
import 'monaco-editor/features/hover/register'
import 'monaco-editor/features/indentation/register'
import 'monaco-editor/features/linesOperations/register'
import 'monaco-editor/features/multicursor/register'
import 'monaco-editor/features/readOnlyMessage/register'
import 'monaco-editor/features/suggest/register'
import 'monaco-editor/features/toggleTabFocusMode/register'
import 'monaco-editor/features/unicodeHighlighter/register'
import 'monaco-editor/features/wordHighlighter/register'
import 'monaco-editor/features/wordOperations/register'

import { editor, KeyCode, KeyMod, languages, MarkerSeverity } from 'monaco-editor/editor'

export { editor, MarkerSeverity }

/** Ctrl-S, or its fellow on other keyboards. */
export const SAVE = KeyMod.CtrlCmd | KeyCode.KeyS

/** Markdown with the braces of a template in it. */
export const LANGUAGE = 'template'

// From our own files, as the content security policy wants it.
globalThis.MonacoEnvironment = { getWorker: () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }) }

languages.register({ id: LANGUAGE })
languages.setLanguageConfiguration(LANGUAGE, {
  brackets: [['{{', '}}'], ['{%', '%}']],
  // Braces are written by hand: the editor types over one closing letter, never over two.
  autoClosingPairs: [{ open: '`', close: '`' }],
})
languages.setMonarchTokensProvider(LANGUAGE, {
  tokenizer: {
    root: [
      [/\{#/, 'comment', '@comment'],
      [/\{\{-?/, 'delimiter', '@expression'],
      [/\{%-?/, 'delimiter', '@expression'],
      [/^#{1,6}\s.*$/, 'heading'],
      [/^\s*(?:[-*]|\d+\.)\s/, 'list'],
      [/\*\*[^*]+\*\*/, 'strong'],
      [/`[^`]*`/, 'code'],
      [/[^{#*`\-\d]+/, ''],
      [/./, ''],
    ],
    comment: [[/#\}/, 'comment', '@pop'], [/./, 'comment']],
    expression: [
      [/-?(?:\}\}|%\})/, 'delimiter', '@pop'],
      [/\b(?:if|elif|else|endif|for|endfor|in|not|and|or|is|set)\b/, 'keyword'],
      [/"[^"]*"|'[^']*'/, 'string'],
      [/[a-z_][\w.]*/i, 'variable'],
      [/./, ''],
    ],
  },
})

/** The names that a template may use; the editor offers those of the page that is shown. */
let variables: readonly string[] = []
export function offer(names: readonly string[]): void {
  variables = names
}

languages.registerCompletionItemProvider(LANGUAGE, {
  triggerCharacters: ['{', '.'],
  provideCompletionItems(model, position) {
    const before = model.getLineContent(position.lineNumber).slice(0, position.column - 1)
    const typed = /(?:\{\{|\{%)[^}]*?([\w.]*)$/.exec(before)
    if (typed === null) return { suggestions: [] }
    const range = {
      startLineNumber: position.lineNumber,
      endLineNumber: position.lineNumber,
      startColumn: position.column - (typed[1]?.length ?? 0),
      endColumn: position.column,
    }
    return { suggestions: variables.map((label) => ({ label, insertText: label, kind: languages.CompletionItemKind.Variable, range })) }
  },
})

const LIGHT = { heading: '1c2027', delimiter: '7a3e9d', variable: '175e9c', keyword: '7a3e9d', string: '146c3e', code: '8a4b00', list: '555d6b', comment: '555d6b' }
const DARK = { heading: 'e6e8ec', delimiter: 'd0a8f0', variable: '86c3f7', keyword: 'd0a8f0', string: '6fd6a0', code: 'f5bd74', list: 'a9b1be', comment: 'a9b1be' }

function rules(colours: Readonly<Record<string, string>>): editor.ITokenThemeRule[] {
  const coloured = Object.entries(colours).map(([token, foreground]) => ({ token, foreground }))
  return [...coloured, { token: 'heading', fontStyle: 'bold' }, { token: 'strong', fontStyle: 'bold' }]
}

editor.defineTheme('codex-light', { base: 'vs', inherit: true, rules: rules(LIGHT), colors: { 'editor.background': '#ffffff' } })
editor.defineTheme('codex-dark', { base: 'vs-dark', inherit: true, rules: rules(DARK), colors: { 'editor.background': '#181b21' } })

/** How both the editor and the comparison look. */
export const LOOK = {
  automaticLayout: true,
  fontFamily: "ui-monospace, 'SF Mono', 'Cascadia Mono', 'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  fontSize: 13,
  lineHeight: 21,
  minimap: { enabled: false },
  overviewRulerLanes: 0,
  padding: { top: 12, bottom: 12 },
  renderLineHighlight: 'none',
  scrollBeyondLastLine: false,
  smoothScrolling: false,
  unicodeHighlight: { ambiguousCharacters: false, invisibleCharacters: true },
  wordWrap: 'on',
} satisfies editor.IEditorOptions & editor.IGlobalEditorOptions
