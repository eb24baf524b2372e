// What the editor does beside the page: it compares texts and finds words.
import 'monaco-editor/editor/editor.worker'
