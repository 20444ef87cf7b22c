// The status bar: how much is searchable, by which tier, and a menu for the rest.
import * as vscode from "vscode";
import { Coverage, FolderStatus, STATUS, ServerStatus } from "./protocol";
import { Session } from "./session";

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("oasis.status", vscode.StatusBarAlignment.Right, 90);
  private readonly folders = new Map<string, FolderStatus>();

  constructor(session: Session) {
    this.item.name = "OASIS";
    this.item.command = "oasis.ui.menu";
    session.onStatus((status) => {
      this.folders.set(status.uri, status);
      this.draw();
    });
    session.onState((state) => {
      if (state === "running") {
        this.draw();
        return;
      }
      this.folders.clear();
      this.say(state === "starting" ? "$(sync~spin)" : state === "stopped" ? "$(circle-slash)" : "$(warning)", state);
    });
    this.say("$(circle-slash)", "not started");
    this.item.show();
  }

  dispose(): void {
    this.item.dispose();
  }

  private draw(): void {
    const folders = [...this.folders.values()];
    const busy = folders.find((folder) => folder.phase === "indexing" || folder.phase === "scanning");
    const paused = folders.find((folder) => folder.phase === "paused");
    if (busy) {
      const share = busy.filesTotal ? ` ${Math.floor((100 * busy.filesDone) / busy.filesTotal)} %` : "";
      this.say("$(sync~spin)", `indexing${share}`);
    } else if (paused) {
      this.say("$(debug-pause)", "paused");
    } else {
      const units = folders.reduce((sum, folder) => sum + folder.coverage.units, 0);
      this.say("$(search)", folders.length ? `${units.toLocaleString()} units` : "ready");
    }
    const tips = folders.map((folder) => {
      const name = vscode.workspace.asRelativePath(vscode.Uri.parse(folder.uri));
      const skipped = Object.values(folder.problemCounts).reduce((sum, count) => sum + count, 0);
      return `**${name}**: ${folder.phase}, ${tiers(folder.coverage)}` + (skipped ? `, ${skipped} files skipped` : "");
    });
    this.item.tooltip = new vscode.MarkdownString(tips.join("\n\n") || "OASIS Code Search");
  }

  private say(icon: string, words: string): void {
    this.item.text = `${icon} OASIS: ${words}`;
    this.item.accessibilityInformation = { label: `OASIS code search: ${words}`, role: "button" };
  }
}

function tiers(coverage: Coverage): string {
  const percent = (share: number) => `${Math.floor(100 * share)} %`;
  return `words ${percent(coverage.lexical)}, meaning ${percent(coverage.static)}, model ${percent(coverage.model)}`;
}

export async function showMenu(session: Session): Promise<void> {
  const status = session.hasConsent ? await session.ask<ServerStatus>(STATUS, {}) : undefined;
  const isPaused = status?.folders.some((folder) => folder.phase === "paused") ?? false;
  const entries: [string, string, string][] = [
    ["$(search) Search by meaning", "oasis.ui.search", ""],
    ["$(copy) Find duplicates", "oasis.ui.duplicates", ""],
    isPaused
      ? ["$(debug-start) Resume indexing", "oasis.ui.resume", ""]
      : ["$(debug-pause) Pause indexing", "oasis.ui.pause", "searching goes on"],
    ["$(refresh) Index anew", "oasis.ui.reindex", "forget what is stored and begin again"],
    ["$(circuit-board) Choose model", "oasis.ui.chooseModel", status?.model?.name ?? "static"],
    ["$(output) Show log", "oasis.ui.log", ""],
    ["$(debug-restart) Restart server", "oasis.ui.restart", status ? `version ${status.version}` : ""],
    ["$(circle-slash) Stop, and leave this workspace alone", "oasis.ui.stop", ""],
  ];
  const items = entries.map(([label, command, description]) => ({ label, command, description }));
  const placeHolder = status?.folders.map((folder) => folder.message).find(Boolean) ?? "OASIS Code Search";
  const chosen = await vscode.window.showQuickPick(items, { placeHolder });
  if (chosen) {
    await vscode.commands.executeCommand(chosen.command);
  }
}

export async function chooseModel(): Promise<void> {
  const shipped = [
    { label: "static", description: "a table of words: at once, tens of megabytes" },
    { label: "mini", description: "a small transformer on top: knows sentences, minutes of a core" },
    { label: "Other...", description: "a model folder, or the name of a downloaded model" },
  ];
  const chosen = await vscode.window.showQuickPick(shipped, { placeHolder: "Encoder that ranks by meaning" });
  const name = chosen?.label === "Other..."
    ? await vscode.window.showInputBox({ prompt: "A model folder, or the name of a downloaded model" })
    : chosen?.label;
  if (name) {
    // Where the workspace has a value of its own, that one rules.
    const configuration = vscode.workspace.getConfiguration("oasis");
    const isOwn = configuration.inspect("search.model")?.workspaceValue !== undefined;
    const target = isOwn ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
    await configuration.update("search.model", name, target);
  }
}
