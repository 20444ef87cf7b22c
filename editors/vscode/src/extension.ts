// Puts the parts together: commands, views, consent.
import * as vscode from "vscode";
import { DuplicatesView } from "./duplicates";
import { makeEnvironment, removeEnvironment } from "./environment";
import { searchAsYouType } from "./picker";
import { Answer, SIMILAR } from "./protocol";
import { Node, openNode, ResultsView } from "./results";
import { Session } from "./session";
import { chooseModel, showMenu, StatusItem } from "./statusItem";

let session: Session | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("OASIS", { log: true });
  const results = new ResultsView(context);
  const own: Session = new Session(context, log, {
    // What lenses and code actions of the server run: here it has a better place to show than a message.
    "oasis.showSimilar": (params) => void similar(own, results, params as object),
    "oasis.showSearch": (params) => searchAsYouType(own, results, queryOf(params)),
  });
  session = own;
  const duplicates = new DuplicatesView(context, own);
  const commands: Record<string, (...args: never[]) => unknown> = {
    "oasis.ui.search": (query?: unknown) => searchAsYouType(own, results, queryOf(query) || selectedWords()),
    "oasis.ui.similar": () => similarHere(own, results),
    "oasis.ui.duplicates": () => duplicates.find(),
    "oasis.ui.menu": () => showMenu(own),
    "oasis.ui.pause": () => own.command("oasis.pause"),
    "oasis.ui.resume": () => own.command("oasis.resume"),
    "oasis.ui.reindex": () => own.command("oasis.reindex"),
    "oasis.ui.chooseModel": chooseModel,
    "oasis.ui.restart": () => own.restart(),
    "oasis.ui.stop": async () => {
      await own.setConsent(false);
      await own.stop();
    },
    "oasis.ui.log": () => log.show(),
    "oasis.ui.repairEnvironment": async () => (await makeEnvironment(context, log)) && own.restart(),
    "oasis.ui.removeEnvironment": async () => {
      await own.stop();
      await removeEnvironment(context);
      void vscode.window.showInformationMessage("The private environment was removed.");
    },
    "oasis.ui.open": (node: Node) => openNode(node),
    "oasis.ui.openToSide": (node: Node) => openNode(node, true),
    "oasis.ui.toggleGrouping": () => results.toggleGrouping(),
  };
  for (const [name, run] of Object.entries(commands)) {
    context.subscriptions.push(vscode.commands.registerCommand(name, run as (...args: unknown[]) => unknown));
  }
  context.subscriptions.push(log, own, new StatusItem(own));
  void begin(own);
}

export async function deactivate(): Promise<void> {
  await session?.stop();
}

/** Starts where indexing was agreed to; asks once where nothing was said. */
async function begin(own: Session): Promise<void> {
  if (own.hasConsent === undefined && vscode.workspace.workspaceFolders?.length) {
    const yes = "Index This Workspace";
    const choice = await vscode.window.showInformationMessage(
      "OASIS can index this workspace, so that code is found by meaning. The index stays on this machine, " +
        "outside of the workspace; nothing is sent anywhere.",
      yes, "Not Here",
    );
    if (choice === undefined || own.hasConsent !== undefined) {
      return; // the first search asks again by itself
    }
    await own.setConsent(choice === yes);
  }
  if (own.hasConsent) {
    await own.running();
  }
}

async function similarHere(own: Session, results: ResultsView): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) {
    void vscode.window.showInformationMessage("OASIS: put the cursor into some code first.");
    return;
  }
  const { document, selection } = editor;
  const range = { start: toWire(selection.start), end: toWire(selection.end) };
  const isFile = document.uri.scheme === "file";
  const text = document.getText(selection.isEmpty ? undefined : selection);
  await similar(own, results, isFile ? { textDocument: { uri: document.uri.toString() }, range } : { text });
}

async function similar(own: Session, results: ResultsView, params: object): Promise<void> {
  if (!(await own.running())) {
    return; // and it was said why
  }
  const answer = await own.ask<Answer>(SIMILAR, params);
  if (answer) {
    results.show([...(answer.copies ?? []), ...answer.hits], `like ${answer.origin ?? "this"}`);
    if (answer.message) {
      void vscode.window.showInformationMessage(`OASIS: ${answer.message}`);
    }
  }
}

function toWire(position: vscode.Position): { line: number; character: number } {
  return { line: position.line, character: position.character };
}

function selectedWords(): string {
  const editor = vscode.window.activeTextEditor;
  const text = editor && !editor.selection.isEmpty ? editor.document.getText(editor.selection) : "";
  return text.includes("\n") ? "" : text.trim();
}

function queryOf(argument: unknown): string {
  const query = typeof argument === "object" && argument !== null ? (argument as { query?: unknown }).query : argument;
  return typeof query === "string" ? query : "";
}
