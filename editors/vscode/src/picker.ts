// Search as you type, in a list that keeps the server's order: VS Code must neither filter nor sort it.
import * as vscode from "vscode";
import { iconOf, open, placeOf, spokenWeight, titleOf, weightOf } from "./places";
import { Answer, Hit, SEARCH, SEARCH_STREAM } from "./protocol";
import { ResultsView } from "./results";
import { Session } from "./session";

const DEBOUNCE_MS = 60;
const PREVIEW_AFTER_MS = 120;
const LIMIT = 50;

interface HitItem extends vscode.QuickPickItem {
  hit?: Hit;
  /** What choosing it does, where it is no hit. */
  command?: string;
}

const SIDE: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon("split-horizontal"), tooltip: "Open to the side" };
const KEEP: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon("list-tree"), tooltip: "Show in the side bar" };

export function searchAsYouType(session: Session, results: ResultsView, query = ""): void {
  const before = vscode.window.activeTextEditor;
  const viewed = before && { document: before.document, selection: before.selection, column: before.viewColumn };
  const picker = vscode.window.createQuickPick<HitItem>();
  picker.placeholder = "Describe the code, or type a name (lang:go  path:src/  kind:class  \"exact words\"  -test)";
  picker.title = "OASIS: Search by Meaning";
  picker.buttons = [KEEP];
  let typing: NodeJS.Timeout | undefined;
  let previewing: NodeJS.Timeout | undefined;
  let asked: vscode.CancellationTokenSource | undefined;
  let shown: Hit[] = [];
  let isAccepted = false;
  let number = 0;

  function list(answer: Answer | undefined): void {
    shown = answer?.hits ?? [];
    const notes: HitItem[] = answer?.message ? [{ label: `$(info) ${answer.message}`, alwaysShow: true }] : [];
    if (session.obstacle) {
      const label = `$(warning) ${session.obstacle}`;
      notes.push({ label, detail: "Choose this to try again.", command: "oasis.ui.restart", alwaysShow: true });
    }
    picker.items = [...shown.map(itemOf), ...notes];
  }

  async function search(text: string): Promise<void> {
    asked?.cancel();
    if (!text.trim()) {
      picker.items = [];
      return;
    }
    const mine = (asked = new vscode.CancellationTokenSource());
    picker.busy = true;
    number += 1;
    const streamToken = session.offers(SEARCH_STREAM) ? String(number) : undefined;
    const early = session.onStream(({ token, result }) => {
      if (token === streamToken && !mine.token.isCancellationRequested) {
        list(result);
      }
    });
    const answer = await session.ask<Answer>(SEARCH, { query: text, limit: LIMIT, streamToken }, mine.token);
    early.dispose();
    if (mine.token.isCancellationRequested) {
      return; // a newer question is under way
    }
    picker.busy = false;
    list(answer);
  }

  picker.onDidChangeValue((text) => {
    clearTimeout(typing);
    typing = setTimeout(() => void search(text), DEBOUNCE_MS);
  });
  picker.onDidChangeActive(([item]) => {
    clearTimeout(previewing);
    const hit = item?.hit;
    if (hit) {
      previewing = setTimeout(() => void open(hit, { preview: true }), PREVIEW_AFTER_MS);
    }
  });
  picker.onDidTriggerItemButton(({ item }) => {
    if (item.hit) {
      isAccepted = true;
      void open(item.hit, { beside: true });
      picker.hide();
    }
  });
  picker.onDidTriggerButton(() => {
    isAccepted = true;
    results.show(shown, picker.value);
    picker.hide();
  });
  picker.onDidAccept(() => {
    const [item] = picker.activeItems;
    const hit = item?.hit;
    if (item?.command) {
      picker.hide();
      void vscode.commands.executeCommand(item.command);
    }
    if (hit) {
      isAccepted = true;
      results.keep(shown, picker.value);
      picker.hide();
      void open(hit);
    }
  });
  picker.onDidHide(() => {
    clearTimeout(typing);
    clearTimeout(previewing);
    asked?.cancel();
    picker.dispose();
    if (!isAccepted && viewed) {
      void vscode.window.showTextDocument(viewed.document, {
        viewColumn: viewed.column, selection: viewed.selection,
      });
    }
  });
  picker.value = query;
  picker.show();
  if (query) {
    void search(query);
  } else if (session.obstacle) {
    list(undefined); // with an offer to try again
  } else {
    void session.running(); // the first letters need not wait for the server
  }
}

function itemOf(hit: Hit): HitItem {
  return {
    hit,
    label: titleOf(hit),
    description: `${placeOf(hit)}   ${weightOf(hit)}`,
    detail: hit.reasons.map((reason) => reason.detail).join(" · "),
    iconPath: iconOf(hit),
    alwaysShow: true,
    buttons: [SIDE],
  };
}

export function spoken(hit: Hit): string {
  return `${titleOf(hit)}, ${hit.kind}, ${placeOf(hit)}, ${spokenWeight(hit)}`;
}
