// From a hit on the wire to what the editor shows of it.
import * as path from "node:path";
import * as vscode from "vscode";
import { Hit } from "./protocol";

const BAR_LENGTH = 5;
/** Lines kept above a previewed hit, so that the list at the top of the window does not hide it. */
const LINES_BELOW_LIST = 22;

export function rangeOf(range: Hit["range"]): vscode.Range {
  return new vscode.Range(range.start.line, range.start.character, range.end.line, range.end.character);
}

export function placeOf(hit: Hit): string {
  return `${vscode.workspace.asRelativePath(vscode.Uri.parse(hit.uri))}:${hit.selectionRange.start.line + 1}`;
}

export function titleOf(hit: Hit): string {
  return hit.containerName ? `${hit.containerName}.${hit.name}` : hit.name;
}

export function weightOf(hit: Hit): string {
  if (hit.level && !hit.probability) {
    return hit.level; // one of a group: it is as near as the others
  }
  const filled = Math.round(hit.probability * BAR_LENGTH);
  const bar = "▰".repeat(filled) + "▱".repeat(BAR_LENGTH - filled);
  return hit.level ? `${bar} ${hit.level}` : `${bar} ${Math.round(100 * hit.probability)} %`;
}

export function spokenWeight(hit: Hit): string {
  return hit.level ?? `${Math.round(100 * hit.probability)} percent`;
}

export function iconOf(hit: Hit): vscode.ThemeIcon {
  const icons: Record<string, string> = {
    function: "symbol-method", method: "symbol-method", class: "symbol-class", module: "symbol-module",
  };
  return new vscode.ThemeIcon(icons[hit.kind] ?? "symbol-file");
}

export async function open(hit: Hit, options: { preview?: boolean; beside?: boolean } = {}): Promise<void> {
  const range = rangeOf(hit.selectionRange);
  const editor = await vscode.window.showTextDocument(vscode.Uri.parse(hit.uri), {
    preview: true,
    preserveFocus: options.preview ?? false,
    viewColumn: options.beside ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active,
    selection: options.preview ? undefined : range,
  });
  if (options.preview) {
    const top = Math.max(0, range.start.line - LINES_BELOW_LIST);
    editor.selection = new vscode.Selection(range.start, range.end);
    editor.revealRange(new vscode.Range(top, 0, top, 0), vscode.TextEditorRevealType.AtTop);
  }
}

export function fileName(uri: string): string {
  return path.posix.basename(vscode.Uri.parse(uri).path);
}
