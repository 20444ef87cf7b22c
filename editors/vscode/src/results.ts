// The results view of the side bar: the last answer, as a list in our order or grouped by file.
import * as vscode from "vscode";
import { iconOf, open, placeOf, titleOf, weightOf } from "./places";
import { spoken } from "./picker";
import { Hit } from "./protocol";

export type Node = { hit: Hit } | { label: string; hits: Hit[]; note: string };

export class ResultsView implements vscode.TreeDataProvider<Node> {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly view: vscode.TreeView<Node>;
  private hits: Hit[] = [];
  private isGrouped = false;

  constructor(context: vscode.ExtensionContext) {
    this.view = vscode.window.createTreeView("oasis.results", { treeDataProvider: this, showCollapseAll: true });
    context.subscriptions.push(this.view, this.changed);
  }

  /** Takes an answer without drawing attention to it. */
  keep(hits: Hit[], title: string): void {
    this.hits = hits;
    this.view.description = title;
    this.view.message = hits.length ? undefined : "Nothing was found.";
    this.changed.fire();
  }

  show(hits: Hit[], title: string): void {
    this.keep(hits, title);
    const [first] = this.getChildren();
    void vscode.commands.executeCommand("oasis.results.focus").then(() => {
      if (first) {
        void this.view.reveal(first, { focus: true, select: true });
      }
    });
  }

  toggleGrouping(): void {
    this.isGrouped = !this.isGrouped;
    this.changed.fire();
  }

  getChildren(node?: Node): Node[] {
    if (node) {
      return "hits" in node ? node.hits.map((hit) => ({ hit })) : [];
    }
    if (!this.isGrouped) {
      return this.hits.map((hit) => ({ hit }));
    }
    const files = new Map<string, Hit[]>();
    for (const hit of this.hits) {
      files.set(hit.uri, [...(files.get(hit.uri) ?? []), hit]);
    }
    return [...files].map(([uri, hits]) => ({
      label: vscode.workspace.asRelativePath(vscode.Uri.parse(uri)), hits, note: `${hits.length}`,
    }));
  }

  getParent(): undefined {
    return undefined; // only roots are revealed
  }

  getTreeItem(node: Node): vscode.TreeItem {
    return treeItem(node);
  }
}

export function treeItem(node: Node): vscode.TreeItem {
  if ("hits" in node) {
    const group = new vscode.TreeItem(node.label, vscode.TreeItemCollapsibleState.Expanded);
    group.description = node.note;
    return group;
  }
  const { hit } = node;
  const item = new vscode.TreeItem(titleOf(hit));
  item.description = `${weightOf(hit)}  ${placeOf(hit)}`;
  item.iconPath = iconOf(hit);
  item.contextValue = "oasis.hit";
  item.tooltip = new vscode.MarkdownString().appendCodeblock(hit.preview.slice(0, 1200), hit.language);
  item.accessibilityInformation = { label: spoken(hit) };
  item.command = { command: "oasis.ui.open", title: "Open", arguments: [node] };
  return item;
}

export async function openNode(node: Node, beside = false): Promise<void> {
  if ("hit" in node) {
    await open(node.hit, { beside });
  }
}
